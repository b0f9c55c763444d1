#include "server/criticality_scores.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/strategy/criticality.h"

namespace reluscape {

absl::Status ScoreStagesIfMeasured(Transaction& transaction, TaskBook& book, const TaskRow& ended) {
  if (ended.stage != Stage::kPretrain) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(ended.candidate));
  if (candidate.role != CandidateRole::kStage) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<StageMeasurement> measured,
                   transaction.ListStageMeasurements(candidate.teacher));
  std::map<int64_t, StageAccuracy> stages;
  CandidateId network;
  for (const StageMeasurement& m : measured) {
    if (m.state != TaskState::kSucceeded) return absl::OkStatus();
    StageAccuracy& stage = stages[m.stage];
    stage.stage = m.stage;
    stage.relus = m.relus;
    stage.accuracies.push_back(m.accuracy);
    if (m.replicate == 0) network = m.teacher;
  }
  std::vector<StageAccuracy> listed;
  for (auto& [number, stage] : stages) listed.push_back(std::move(stage));
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(ended.job));
  ASSIGN_OR_RETURN(const std::vector<v1::StageCriticality> scored,
                   ScoreStages(listed, job.spec.criticality()));
  RETURN_IF_ERROR(transaction.InsertCriticality(network, scored));
  std::map<int64_t, int64_t> order;  // stages by their ranks
  for (const v1::StageCriticality& stage : scored) order[stage.rank()] = stage.stage();
  ASSIGN_OR_RETURN(const CandidateRow full, transaction.GetCandidate(network));
  EventRow event;
  event.kind = "criticality";
  event.job = ended.job;
  event.candidate = network;
  event.detail = absl::StrCat(full.name, ": order ",
                              absl::StrJoin(order, ",", [](std::string* text, const auto& ranked) {
                                absl::StrAppend(text, ranked.second);
                              }));
  return book.Record(std::move(event));
}

}  // namespace reluscape

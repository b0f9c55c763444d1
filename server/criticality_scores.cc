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

absl::Status ScoreSectionsIfMeasured(Transaction& transaction, TaskBook& book,
                                     const TaskRow& ended) {
  if (ended.stage != Stage::kPretrain) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(ended.candidate));
  if (candidate.role != CandidateRole::kSection) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<SectionMeasurement> measured,
                   transaction.ListSectionMeasurements(candidate.teacher));
  std::map<int64_t, SectionAccuracy> sections;
  CandidateId network;
  for (const SectionMeasurement& m : measured) {
    if (m.state != TaskState::kSucceeded) return absl::OkStatus();
    SectionAccuracy& section = sections[m.section];
    section.section = m.section;
    section.relus = m.relus;
    section.accuracies.push_back(m.accuracy);
    if (m.replicate == 0) network = m.teacher;
  }
  std::vector<SectionAccuracy> listed;
  for (auto& [number, section] : sections) listed.push_back(std::move(section));
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(ended.job));
  ASSIGN_OR_RETURN(const std::vector<v1::SectionCriticality> scored,
                   ScoreSections(listed, job.spec.criticality()));
  RETURN_IF_ERROR(transaction.InsertCriticality(network, scored));
  std::map<int64_t, int64_t> order;  // sections by their ranks
  for (const v1::SectionCriticality& section : scored) order[section.rank()] = section.section();
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

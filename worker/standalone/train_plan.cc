#include "worker/standalone/train_plan.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/export/pretrained_file.h"
#include "search/strategy/checked_proposal.h"
#include "search/strategy/seeds.h"
#include "search/wire/brought_files.h"
#include "search/wire/job.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

void AddTask(TrainPlan& plan, Stage stage, int64_t budget) {
  PlannedCandidate& candidate = plan.candidates.back();
  PlannedTask task;
  task.id = TaskId{static_cast<int64_t>(plan.tasks.size()) + 1};
  task.candidate = plan.candidates.size() - 1;
  task.stage = stage;
  task.budget = budget;
  const bool ends_in_result = stage == Stage::kFineTune || candidate.role == CandidateRole::kWhole;
  if (ends_in_result) task.result = ResultId{++plan.results};
  task.seed = TaskSeed(plan.spec.seed, stage, candidate.network_hash, candidate.replicate);
  candidate.tasks.push_back(plan.tasks.size());
  plan.tasks.push_back(task);
}

void AddCandidate(TrainPlan& plan, const ProposedNetwork& network, int64_t replicate) {
  PlannedCandidate candidate;
  candidate.id = CandidateId{static_cast<int64_t>(plan.candidates.size()) + 1};
  candidate.name = network.name;
  candidate.network = network.canonical_text;
  candidate.network_hash = network.hash;
  candidate.replicate = replicate;
  candidate.relus = network.counts.relus;
  candidate.relus_with_stem = network.counts.relus_with_stem;
  candidate.macs = network.counts.macs;
  candidate.parameters = network.counts.parameters;
  candidate.budgets = network.budgets;
  candidate.origin = network.origin;
  candidate.pretrained_file = network.pretrained_file;
  candidate.pretrained = network.pretrained;
  candidate.role = network.role;
  if (network.teacher >= 0) {
    candidate.teacher =
        static_cast<size_t>(network.teacher * plan.spec.candidates.replicates + replicate);
  }
  plan.candidates.push_back(std::move(candidate));
  AddTask(plan, Stage::kPretrain, 0);
  if (network.role != CandidateRole::kSearch) return;
  AddTask(plan, Stage::kLinearize, 0);
  for (const int64_t budget : network.budgets) AddTask(plan, Stage::kFineTune, budget);
}

// What needs a coordinator's database, or Tasks that only it hands out.
void RefuseWhatNeedsACoordinator(const JobSpec& spec, FieldErrors& errors) {
  if (spec.kind != JobKind::kSearch) {
    errors.Add("kind", absl::StrCat("\"", JobKindName(spec.kind), "\""),
               "\"search\" without a coordinator (reluscape submit takes the others)");
  }
  const std::string without = "nothing without a coordinator (reluscape submit)";
  for (size_t i = 0; i < spec.candidates.deepreshape.size(); ++i) {
    const int64_t job = spec.candidates.deepreshape[i].order_from_job;
    if (job == 0) continue;
    errors.Add(absl::StrCat("candidates.deepreshape[", i, "].order_from_job"), absl::StrCat(job),
               without);
  }
  for (size_t i = 0; i < spec.candidates.deepreduce.size(); ++i) {
    const int64_t job = spec.candidates.deepreduce[i].order_from_job;
    if (job == 0) continue;
    errors.Add(absl::StrCat("candidates.deepreduce[", i, "].order_from_job"), absl::StrCat(job),
               without);
  }
}

}  // namespace

std::string TrainPlan::Digest() const {
  std::string text = absl::StrCat(split_seed, "\n");
  for (const PlannedTask& task : tasks) {
    const PlannedCandidate& candidate = candidates[task.candidate];
    absl::StrAppend(&text, candidate.network, " ", candidate.network_hash, " ", candidate.replicate,
                    " ", StageName(task.stage), " ", task.budget, " ", task.seed, "\n");
  }
  return Sha256Hex(text);
}

absl::StatusOr<TrainPlan> PlanTraining(const std::string& job_json) {
  FieldErrors errors;
  TrainPlan plan;
  plan.spec = JobSpecFromJson(job_json, errors);
  if (errors.empty()) RefuseWhatNeedsACoordinator(plan.spec, errors);
  if (!errors.empty()) return errors.ToStatus();
  ASSIGN_OR_RETURN(const Proposal proposal, CheckedProposal(plan.spec));
  plan.job_json = MessageToJson(ToProto(plan.spec));
  plan.recipe = RecipeHash(plan.spec.stages);
  plan.split_seed = SplitSeed(plan.spec.seed);
  plan.notes = proposal.notes;
  for (const ProposedNetwork& network : proposal.networks) {
    for (int64_t replicate = 0; replicate < plan.spec.candidates.replicates; ++replicate) {
      AddCandidate(plan, network, replicate);
    }
  }
  return plan;
}

void KeepNumbers(const TrainPlan& earlier, TrainPlan& plan) {
  using Key = std::tuple<std::string, int64_t, Stage, int64_t>;
  const auto key = [](const TrainPlan& of, const PlannedTask& task) -> Key {
    const PlannedCandidate& candidate = of.candidates[task.candidate];
    return {candidate.network_hash, candidate.replicate, task.stage, task.budget};
  };
  std::map<Key, const PlannedTask*> known;
  int64_t last_task = 0;
  int64_t last_result = 0;
  for (const PlannedTask& task : earlier.tasks) {
    known[key(earlier, task)] = &task;
    last_task = std::max(last_task, task.id.value);
    last_result = std::max(last_result, task.result.value);
  }
  for (PlannedTask& task : plan.tasks) {
    const auto found = known.find(key(plan, task));
    if (found != known.end()) {
      task.id = found->second->id;
      task.result = found->second->result;
      continue;
    }
    task.id = TaskId{++last_task};
    if (task.result) task.result = ResultId{++last_result};
  }
}

absl::StatusOr<PlanWithFiles> PlanTrainingWithFiles(const std::string& job_json,
                                                    const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(BroughtJob job, BringFiles(job_json, folder, CheckPretrained));
  PlanWithFiles planned;
  ASSIGN_OR_RETURN(planned.plan, PlanTraining(job.json));
  for (BroughtFile& file : job.files) planned.files.push_back(std::move(file.content));
  return planned;
}

}  // namespace reluscape

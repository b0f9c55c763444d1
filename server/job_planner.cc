#include "server/job_planner.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/random.h"
#include "search/cost/cost_model.h"
#include "search/strategy/candidates.h"

namespace reluscape {
namespace {

std::vector<std::string> KnownObjectives() {
  std::vector<std::string> names = {"relus", "macs", "parameters"};
  for (const CostModel* model : CostModels()) names.push_back("latency." + model->Name());
  return names;
}

void CheckObjectives(const std::vector<std::string>& objectives, FieldErrors& errors) {
  const std::vector<std::string> known = KnownObjectives();
  for (size_t i = 0; i < objectives.size(); ++i) {
    bool found = false;
    for (const std::string& name : known) found = found || name == objectives[i];
    if (!found) {
      errors.Add(absl::StrCat("objectives[", i, "]"), absl::StrCat("\"", objectives[i], "\""),
                 absl::StrJoin(known, ", "));
    }
  }
  if (objectives.empty()) {
    errors.Add("objectives", "none", absl::StrCat("at least one of ", absl::StrJoin(known, ", ")));
  }
}

}  // namespace

std::string ShortRecipe(const std::string& recipe) { return recipe.substr(0, 12); }

absl::StatusOr<JobPlan> PlanJob(const JobSpec& spec, const std::string& spec_json,
                                const std::string& recipe) {
  FieldErrors errors;
  CheckObjectives(spec.objectives, errors);
  if (spec.limits.max_attempts < 1) {
    errors.Add("limits.max_attempts", absl::StrCat(spec.limits.max_attempts), "at least 1");
  }
  if (spec.candidates.replicates < 1) {
    errors.Add("candidates.replicates", absl::StrCat(spec.candidates.replicates), "at least 1");
  }
  const Proposal proposal = ProposeNetworks(spec, errors);
  if (!errors.empty()) return errors.ToStatus();

  int64_t tasks = 0;
  for (const ProposedNetwork& network : proposal.networks) {
    if (network.budgets.empty()) {
      errors.Add("budgets", absl::StrCat("none for ", network.name), "at least one");
    }
    // Counts are far below overflow: ProposeNetworks limits networks, replicates and Budgets.
    tasks += spec.candidates.replicates * (2 + static_cast<int64_t>(network.budgets.size()));
  }
  if (proposal.networks.empty()) {
    errors.Add("candidates", "no network is left", "at least one within the limits");
  }
  if (tasks > kMaxTasks) {
    errors.Add("candidates", absl::StrCat(tasks, " tasks (a candidate has 2 and one per budget)"),
               absl::StrCat("at most ", kMaxTasks, " tasks in one job"));
  }
  if (!errors.empty()) return errors.ToStatus();

  JobPlan plan;
  plan.job.name = spec.name;
  plan.job.recipe = recipe;
  plan.job.data = spec.data;
  plan.job.stages = spec.stages;
  plan.job.objectives = spec.objectives;
  plan.job.max_attempts = spec.limits.max_attempts;
  plan.job.seed = spec.seed;
  plan.job.split_seed = DeriveSeed(spec.seed, "split");
  plan.job.spec_json = spec_json;

  Preview& preview = plan.preview;
  preview.recipe = ShortRecipe(recipe);
  preview.notes = proposal.notes;
  for (const ProposedNetwork& network : proposal.networks) {
    CandidateRow candidate;
    candidate.name = network.name;
    candidate.network = network.canonical_text;
    candidate.network_hash = network.hash;
    candidate.relus = network.counts.relus;
    candidate.relus_with_stem = network.counts.relus_with_stem;
    candidate.macs = network.counts.macs;
    candidate.parameters = network.counts.parameters;
    candidate.budgets = network.budgets;

    PreviewNetwork shown;
    shown.name = candidate.name;
    shown.network = candidate.network;
    shown.replicates = spec.candidates.replicates;
    shown.relus = candidate.relus;
    shown.relus_with_stem = candidate.relus_with_stem;
    shown.macs = candidate.macs;
    shown.parameters = candidate.parameters;
    shown.budgets = candidate.budgets;
    preview.networks.push_back(std::move(shown));

    const auto budgets = static_cast<int64_t>(network.budgets.size());
    preview.candidates += spec.candidates.replicates;
    preview.tasks[StageName(Stage::kPretrain)] += spec.candidates.replicates;
    preview.tasks[StageName(Stage::kLinearize)] += spec.candidates.replicates;
    preview.tasks[StageName(Stage::kFineTune)] += spec.candidates.replicates * budgets;
    for (int64_t replicate = 0; replicate < spec.candidates.replicates; ++replicate) {
      candidate.replicate = replicate;
      plan.candidates.push_back(candidate);
    }
  }
  return plan;
}

}  // namespace reluscape

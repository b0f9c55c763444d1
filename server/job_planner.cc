#include "server/job_planner.h"

#include "base/status_macros.h"
#include "search/strategy/checked_proposal.h"
#include "search/strategy/seeds.h"

namespace reluscape {

std::string ShortRecipe(const std::string& recipe) { return recipe.substr(0, 12); }

absl::StatusOr<JobPlan> PlanJob(const JobSpec& spec, const std::string& spec_json,
                                const std::string& recipe) {
  ASSIGN_OR_RETURN(const Proposal proposal, CheckedProposal(spec));

  JobPlan plan;
  plan.job.name = spec.name;
  plan.job.recipe = recipe;
  plan.job.data = spec.data;
  plan.job.stages = spec.stages;
  plan.job.objectives = spec.objectives;
  plan.job.max_attempts = spec.limits.max_attempts;
  plan.job.seed = spec.seed;
  plan.job.split_seed = SplitSeed(spec.seed);
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

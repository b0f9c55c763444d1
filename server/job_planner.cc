#include "server/job_planner.h"

#include "base/status_macros.h"
#include "search/strategy/checked_proposal.h"
#include "search/strategy/seeds.h"

namespace reluscape {

std::string ShortRecipe(const std::string& recipe) { return recipe.substr(0, 12); }

absl::StatusOr<JobPlan> PlanJob(const JobSpec& spec, const std::string& spec_json,
                                const std::string& recipe, const OrderSources& orders,
                                const MetricCatalog& metrics) {
  ASSIGN_OR_RETURN(const Proposal proposal,
                   CheckedProposal(spec, orders.measured, orders.errors, metrics));

  JobPlan plan;
  plan.job.name = spec.name;
  plan.job.recipe = recipe;
  plan.job.data = spec.data;
  plan.job.stages = spec.stages;
  plan.job.objectives = spec.objectives;
  plan.job.cost_limits = spec.limits.costs;
  plan.job.max_attempts = spec.limits.max_attempts;
  plan.job.seed = spec.seed;
  plan.job.split_seed = SplitSeed(spec.seed);
  plan.job.spec_json = spec_json;
  plan.job.kind = spec.kind;
  plan.job.criticality = spec.criticality;

  const int64_t replicates = spec.candidates.replicates;
  Preview& preview = plan.preview;
  preview.recipe = ShortRecipe(recipe);
  preview.notes = orders.notes;
  preview.notes.insert(preview.notes.end(), proposal.notes.begin(), proposal.notes.end());
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
    candidate.role = network.role;
    candidate.measured_stage = network.measured_stage;
    candidate.origin = network.origin;
    candidate.pretrained_file = network.pretrained_file;
    candidate.pretrained = network.pretrained;

    PreviewNetwork shown;
    shown.name = candidate.name;
    shown.network = candidate.network;
    shown.replicates = replicates;
    shown.relus = candidate.relus;
    shown.relus_with_stem = candidate.relus_with_stem;
    shown.macs = candidate.macs;
    shown.parameters = candidate.parameters;
    shown.budgets = candidate.budgets;
    shown.role = candidate.role;
    shown.origin = candidate.origin;
    preview.networks.push_back(std::move(shown));

    preview.candidates += replicates;
    preview.tasks[StageName(Stage::kPretrain)] += replicates;
    if (network.role == CandidateRole::kSearch) {
      const auto budgets = static_cast<int64_t>(network.budgets.size());
      preview.tasks[StageName(Stage::kLinearize)] += replicates;
      preview.tasks[StageName(Stage::kFineTune)] += replicates * budgets;
    }
    for (int64_t replicate = 0; replicate < replicates; ++replicate) {
      candidate.replicate = replicate;
      plan.candidates.push_back(candidate);
      plan.teachers.push_back(network.teacher < 0 ? -1 : network.teacher * replicates + replicate);
    }
  }
  return plan;
}

}  // namespace reluscape

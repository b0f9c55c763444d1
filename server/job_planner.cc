#include "server/job_planner.h"

#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/strategy/checked_proposal.h"
#include "search/strategy/seeds.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {

absl::StatusOr<JobPlan> PlanJob(const v1::JobSpec& spec, const OrderSources& orders,
                                const MetricCatalog& metrics) {
  ASSIGN_OR_RETURN(const Proposal proposal,
                   CheckedProposal(spec, orders.measured, orders.errors, metrics));

  JobPlan plan;
  plan.job.recipe = RecipeHash(spec.stages());
  plan.job.spec = spec;
  plan.job.split_seed = SplitSeed(static_cast<uint64_t>(spec.seed()));

  const int64_t replicates = spec.candidates().replicates();
  v1::Preview& preview = plan.preview;
  preview.set_recipe(ShortHash(plan.job.recipe));
  for (const std::vector<std::string>& notes :
       {NotesOf(spec.stages(), Filled<v1::StagesSpec>(), "stages"), orders.notes, proposal.notes}) {
    preview.mutable_notes()->Add(notes.begin(), notes.end());
  }
  google::protobuf::Map<std::string, int64_t>& tasks = *preview.mutable_tasks();
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
    candidate.measured_section = network.measured_section;
    candidate.origin = network.origin;
    candidate.pretrained_file = network.pretrained_file;
    candidate.pretrained = network.pretrained;

    v1::Preview::Network& shown = *preview.add_networks();
    shown.set_name(candidate.name);
    shown.set_network(candidate.network);
    shown.set_replicates(replicates);
    shown.set_relus(candidate.relus);
    shown.set_relus_with_stem(candidate.relus_with_stem);
    shown.set_macs(candidate.macs);
    shown.set_parameters(candidate.parameters);
    shown.mutable_budgets()->Add(candidate.budgets.begin(), candidate.budgets.end());
    shown.set_role(CandidateRoleName(candidate.role));
    shown.set_origin(candidate.origin);

    preview.set_candidates(preview.candidates() + replicates);
    tasks[StageName(Stage::kPretrain)] += replicates;
    if (network.role == CandidateRole::kSearch) {
      const auto budgets = static_cast<int64_t>(network.budgets.size());
      tasks[StageName(Stage::kLinearize)] += replicates;
      tasks[StageName(Stage::kFineTune)] += replicates * budgets;
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

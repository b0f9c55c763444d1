#include "server/job_planner.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/strategy/checked_proposal.h"
#include "search/strategy/design_space.h"
#include "search/strategy/job_box.h"
#include "search/strategy/seeds.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {

namespace {

// Fills what previews say of the space. Null where the Job has none.
absl::StatusOr<std::unique_ptr<DesignSpace>> LookAtSpace(const v1::JobSpec& spec,
                                                         const MetricCatalog& metrics,
                                                         v1::Preview& preview) {
  if (!spec.candidates().has_space()) return std::unique_ptr<DesignSpace>();
  FieldErrors errors;
  std::unique_ptr<DesignSpace> space = DesignSpace::Create(spec, metrics, errors);
  if (space == nullptr) return errors.ToStatus();
  const SpaceSummary& summary = space->Summarize();
  v1::Preview::Space& shown = *preview.mutable_space();
  shown.set_combinations(summary.combinations);
  shown.set_listed(summary.listed);
  shown.set_looked_at(summary.looked_at);
  shown.set_networks(summary.networks);
  shown.set_same(summary.same);
  shown.mutable_left_out()->insert(summary.left_out.begin(), summary.left_out.end());
  shown.set_strategy(NameOf(spec.search().strategy()));
  shown.set_seeds(static_cast<int64_t>(space->Seeds().size()));
  if (summary.networks == 0) {
    std::string reasons;
    for (const auto& [reason, count] : summary.left_out) {
      absl::StrAppend(&reasons, reasons.empty() ? "" : ", ", count, " ", reason);
    }
    errors.Add(
        "candidates.space",
        absl::StrCat("no network among ", summary.looked_at, " combinations (", reasons, ")"),
        "at least one that can be trained within budgets and limits");
    return errors.ToStatus();
  }
  if (spec.search().strategy() == v1::SearchSpec::DEEPRESHAPE && shown.seeds() == 0) {
    errors.Add("search.strategy", "deepreshape, whose rule names no network of the space",
               "multipliers and an order with a solution, or another strategy");
    return errors.ToStatus();
  }
  if (spec.search().strategy() == v1::SearchSpec::ENUMERATE && !summary.listed) {
    errors.Add("search.strategy",
               absl::StrCat("enumerate, of a space of ", summary.combinations, " combinations"),
               absl::StrCat("a space of at most ", kMaxListed, ", or another strategy"));
    return errors.ToStatus();
  }
  return space;
}

}  // namespace

CandidateRow RowOf(const ProposedNetwork& network, const v1::JobSpec& spec) {
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
  // Where nothing is linearized nothing is removed.
  if (network.replacement != v1::LinearizeSpec::REPLACEMENT_UNSPECIFIED) {
    candidate.replacement = network.replacement;
  } else if (spec.stages().has_linearize()) {
    candidate.replacement = spec.stages().linearize().replacement();
  }
  return candidate;
}

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
  ASSIGN_OR_RETURN(const std::unique_ptr<DesignSpace> space, LookAtSpace(spec, metrics, preview));
  if (spec.kind() == v1::JobSpec::SEARCH) {
    plan.job.hypervolume_box = BoxOfJob(spec, metrics, proposal.networks, space.get());
  }
  preview.set_recipe(ShortHash(plan.job.recipe));
  for (const std::vector<std::string>& notes :
       {NotesOf(spec.stages(), Filled<v1::StagesSpec>(), "stages"), orders.notes, proposal.notes}) {
    preview.mutable_notes()->Add(notes.begin(), notes.end());
  }
  google::protobuf::Map<std::string, int64_t>& tasks = *preview.mutable_tasks();
  for (const ProposedNetwork& network : proposal.networks) {
    CandidateRow candidate = RowOf(network, spec);
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

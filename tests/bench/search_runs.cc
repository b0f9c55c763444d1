#include "tests/bench/search_runs.h"

#include <ctime>
#include <set>
#include <utility>

#include "base/random.h"
#include "base/status_macros.h"
#include "search/pareto/hypervolume.h"

namespace reluscape {
namespace {

TrialResult ResultOf(const NasBenchMacro& space, const RunOptions& options, const Trial& trial) {
  const NasBenchMacro::Network& network = space.At(trial.point);
  const uint64_t training = DeriveSeed(options.problem.seed, "training/" + trial.outlook.hash) % 3;
  return {.budget = 1,
          .feature = 0,
          .accuracy = options.noise ? network.accuracies[training] : network.mean_accuracy,
          .costs = {network.scaled_flops}};
}

}  // namespace

absl::StatusOr<RunRecord> RunSearch(NasBenchMacro& space, const RunOptions& options) {
  RunRecord record;
  std::vector<Trial> trials;
  std::set<std::string> hashes;
  GrowingFront front({1, 1});
  size_t results = 0;
  double milliseconds = 0;
  bool ended = false;
  while (results < options.evaluations) {
    while (!ended && trials.size() < results + options.outstanding) {
      const std::clock_t start = std::clock();
      ASSIGN_OR_RETURN(const std::optional<Proposed> proposed,
                       options.propose(options.problem, space, trials));
      const double took = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      milliseconds += took;
      if (trials.size() >= 180 && trials.size() < 200) record.milliseconds_at_200 += took / 20;
      ended = !proposed.has_value();
      if (ended) break;
      trials.push_back(
          {.point = proposed->point, .outlook = space.Look(proposed->point), .results = {}});
      if (!hashes.insert(trials.back().outlook.hash).second) ++record.repeats;
    }
    if (results == trials.size()) break;
    Trial& oldest = trials[results++];
    oldest.results = {ResultOf(space, options, oldest)};
    const NasBenchMacro::Network& network = space.At(oldest.point);
    front.Add({(1 - network.mean_accuracy) / NasBenchMacro::kReferenceError, network.scaled_flops});
    for (const size_t mark : kMarks) {
      if (mark == results) {
        record.ratios[mark] = front.hypervolume() / NasBenchMacro::kBestHypervolume;
      }
    }
  }
  if (!trials.empty()) record.milliseconds = milliseconds / static_cast<double>(trials.size());
  return record;
}

}  // namespace reluscape

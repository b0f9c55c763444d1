#pragma once

// A search of NAS-Bench-Macro from its first network to its last, and what it came to.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/nas_bench_macro.h"

namespace reluscape {

using Proposer = std::function<absl::StatusOr<std::optional<Proposed>>(
    const SearchProblem&, SearchSpace&, const std::vector<Trial>&)>;

struct RunOptions {
  SearchProblem problem;  // its seed and settings
  size_t evaluations = 200;
  // Results arrive only once so many networks are decided and have none, the oldest first.
  size_t outstanding = 1;
  // The accuracy that the search sees is that of one of the three trainings, drawn per network;
  // what is scored is the mean all the same.
  bool noise = false;
  Proposer propose = Propose;
};

struct RunRecord {
  // By number of networks with results: hypervolume over that of the best front.
  std::map<size_t, double> ratios;
  size_t repeats = 0;
  double milliseconds = 0;         // of processor time per proposal
  double milliseconds_at_200 = 0;  // of the last twenty up to 200
};

// The numbers of networks whose ratios are kept.
inline constexpr size_t kMarks[] = {20, 30, 50, 100, 200, 500, 1000};

absl::StatusOr<RunRecord> RunSearch(NasBenchMacro& space, const RunOptions& options);

}  // namespace reluscape

#pragma once

// Where to refresh ciphertexts: the cheapest placement of bootstraps in a network, by dynamic
// programming over levels (Drucker & Zimerman's question, CSCML 2023; the program is our own).
//
// Every value has a level. An operation of depth d takes a value from level l >= d to l - d, an
// operation of two values needs both at the same level, and dropping levels is free. Before any
// operation a value may be refreshed, at a price per ciphertext and level reached; a value with
// several users may be refreshed once for all of them or for one of them alone.
//
// The state of the program is the level of every value that is still needed; its cost is that of
// the cheapest way there. It is exact for any order of operations with few values alive at once:
// a chain needs one, a residual block two, a source shared by a section's blocks two, a composed
// activation one more.
//
// Thread-safe.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

// One operation and the value that it makes, which is numbered as the operation.
struct LevelNode {
  std::string name = {};         // for messages
  std::vector<int> inputs = {};  // earlier values: none of the first node alone, else one or two
  int64_t depth = 0;             // levels that it consumes
  int64_t ciphertexts = 1;       // of its value, at least 1
};

// The first node is the fresh ciphertext at the highest level, the last one the result; every value
// but the last has a user.
struct LevelProgram {
  std::vector<LevelNode> nodes;
  int64_t levels = 0;                   // the highest, 1 to kMaxCkksLevels
  int64_t minimum_bootstrap_level = 0;  // that a value must have left to be refreshed
};

inline constexpr int64_t kMaxCkksLevels = 40;

inline constexpr double kNoBootstrap = std::numeric_limits<double>::infinity();

// What is to be minimized.
struct LevelPrices {
  // Of one ciphertext refreshed to that level, 0 to LevelProgram::levels; kNoBootstrap where a
  // bootstrap cannot end there.
  std::vector<double> bootstrap = {};
  // Of each node by the level that it runs at (before it consumes), 0 to levels; empty: free. All
  // finite where the level is at least the node's depth.
  std::vector<std::vector<double>> operation = {};
};

struct Refresh {
  int value = 0;   // which is refreshed, ...
  int before = 0;  // ... before that node
  int64_t from = 0;
  int64_t to = 0;
};

struct LevelSchedule {
  double cost = 0;
  std::vector<int64_t> level;      // that each node runs at
  std::vector<Refresh> refreshes;  // in order
};

// Prices of 1 per ciphertext and bootstrap, which ends at the highest level; operations are free.
LevelPrices CountBootstraps(int64_t levels);

// INVALID_ARGUMENT names the node that needs more levels than there are, that does not fit the
// rules above, or where more values are alive at once than can be searched.
absl::StatusOr<LevelSchedule> CheapestSchedule(const LevelProgram& program,
                                               const LevelPrices& prices);

}  // namespace reluscape

#pragma once

// Exact counts of a network. All arithmetic is checked: a sum that does not fit 63 bits is an
// error, not a wrong number.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/network.h"

namespace reluscape {

struct LayerCounts {
  std::string name;
  int stage = 0;
  int64_t relus = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  Shape output;
};

struct StageCounts {
  int64_t relus = 0;
  int64_t width = 0;
  int64_t side = 0;
  int64_t blocks = 0;
};

struct NetworkCounts {
  int64_t relus = 0;            // units of the layout that is trained
  int64_t relus_with_stem = 0;  // what it would be with a ReLU after the stem
  int64_t macs = 0;             // multiply-accumulates of convolutions and linear layers, one image
  int64_t parameters = 0;       // weights, biases, batch-norm gains and shifts
  std::vector<StageCounts> stages;
  std::vector<LayerCounts> layers;  // one per op, in order
};

absl::StatusOr<NetworkCounts> CountNetwork(const Network& network);

// SHA-256 over the canonical serialization of the list of operations: equal lists collide,
// different ones do not, whatever they were called.
std::string NetworkHash(const Network& network);

}  // namespace reluscape

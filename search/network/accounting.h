#pragma once

// Exact counts of a network. All arithmetic is checked: a sum that does not fit 63 bits is an
// error, not a wrong number. Thread-safe.
//
// Counting rules, one image:
//  * ReLUs: one per element of a kRelu's output. Totals of other texts include a ReLU behind the
//    stem (DeepReShape, SENet) or not (SNL, AutoReP): both totals are kept.
//  * MACs: kernel^2 * input channels per element of a convolution's output, and the weights of the
//    classifier. Batch norm, ReLUs, sums, pooling and biases are not counted. Papers count
//    MACs in slightly different ways: compare theirs with a tolerance, ReLUs exactly.
//  * Parameters: weights of convolutions and classifier, its bias, gain and shift of every batch
//    norm. Running statistics and masks are none.

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
  int64_t width = 0;   // channels of its output
  int64_t side = 0;    // height of its output
  int64_t blocks = 0;  // residual blocks, which are its sums
};

struct NetworkCounts {
  int64_t relus = 0;            // units of the layout that is trained
  int64_t relus_with_stem = 0;  // what it would be with a ReLU after the stem
  int64_t macs = 0;             // multiply-accumulates of convolutions and linear layers, one image
  int64_t parameters = 0;       // weights, biases, batch-norm gains and shifts
  std::vector<StageCounts> stages;
  std::vector<LayerCounts> layers;  // one per op, in order
};

// INVALID_ARGUMENT names the first operation that does not fit its inputs, or the count that
// overflows; any list may be passed in.
absl::StatusOr<NetworkCounts> CountNetwork(const Network& network);

// SHA-256 over the canonical serialization of the list of operations: every field but the names,
// so equal lists collide and different ones do not, whatever they were called.
std::string NetworkHash(const Network& network);

}  // namespace reluscape

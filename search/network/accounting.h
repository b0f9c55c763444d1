#pragma once

// Exact counts of a network. All arithmetic is checked: a sum that does not fit 63 bits is an
// error, not a wrong number. Thread-safe.
//
// Counting rules, one image:
//  * ReLUs: one per element of the first `relu_channels` channels of a kRelu's output.
//  * Totals of other texts include a ReLU behind the stem (DeepReShape, SENet) or not (SNL,
//    AutoReP): both totals are kept. A pre-activation network's stem has no batch norm and no such
//    place; what other texts add there is the ReLU behind the last batch norm, before the pool.
//  * MACs: kernel^2 * input channels per element of a convolution's output, and the weights of the
//    linear layers. Batch norm, ReLUs, sums, pooling and biases are not counted. Papers count
//    MACs in slightly different ways: compare theirs with a tolerance, ReLUs exactly.
//  * Parameters: weights of convolutions and linear layers, biases, gain and shift of every batch
//    norm, two factors per output channel of a Dirac convolution, one of a kScale. Running
//    statistics and masks are none. Dirac factors are folded for inference and cost no MACs there
//    (DiracNets, README of the public code).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/network.h"

namespace reluscape {

struct LayerCounts {
  std::string name;
  int section = 0;
  int block = 0;
  int64_t relus = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  Shape output;  // of the activations that it hands on
};

struct SectionCounts {
  int64_t relus = 0;
  int64_t width = 0;   // channels of its output
  int64_t side = 0;    // height of its output
  int64_t blocks = 0;  // the largest block number in it
};

// A connection past the main path, as an addition closes it.
struct SkipEdge {
  int from = 0;  // operation where it leaves the main path
  int to = 0;    // the kAdd
  Join join = Join::kNone;
  bool identity = true;  // nothing stands on it; else it holds the operations marked `shortcut`

  friend bool operator==(const SkipEdge&, const SkipEdge&) = default;
};

struct NetworkCounts {
  int64_t relus = 0;            // units of the layout that is trained
  int64_t relus_with_stem = 0;  // with those that other texts count too, see above
  int64_t macs = 0;             // multiply-accumulates, one image: the sum of the next three
  int64_t conv_macs = 0;        // of convolutions on the main path
  int64_t shortcut_macs = 0;    // of convolutions on skip edges
  int64_t classifier_macs = 0;  // of linear layers
  int64_t parameters = 0;       // everything that is trained but masks
  std::vector<SectionCounts> sections;
  std::vector<LayerCounts> layers;   // one per op, in order
  std::vector<SkipEdge> skip_edges;  // one per kAdd, in order
};

// INVALID_ARGUMENT names the first operation that does not fit its inputs, or the count that
// overflows; any list may be passed in.
absl::StatusOr<NetworkCounts> CountNetwork(const Network& network);

// SHA-256 over the canonical serialization of the list of operations: what each computes, of what,
// and what it joins. Names, section, block and the shortcut mark are annotations and are not in it,
// so equal networks collide and different ones do not, whatever they were called.
std::string NetworkHash(const Network& network);

}  // namespace reluscape

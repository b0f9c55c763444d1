#pragma once

// A network as a list of operations. Everything that is said about a network (ReLU count, MACs,
// parameters, latency, its identity) and the LibTorch module that is trained are derived from this
// one list; a new family of architectures only adds an expansion into it.

#include <cstdint>
#include <string>
#include <vector>

namespace reluscape {

// Of one image: channels x height x width. A vector has height = width = 1.
struct Shape {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;

  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class OpKind {
  kInput,      // the image; the first op and the only one without inputs
  kConv,       // 2-D convolution, square kernel, zero padding, no bias
  kBatchNorm,  // per channel, with gain and shift
  kRelu,       // one ReLU unit per element of its first `relu_channels` channels, each with a mask
               // in linearization; the other channels pass unchanged
  kAveragePool,  // square window; padded zeros count as values
  kMaxPool,      // square window
  kDownsample,   // parameter-free: every stride-th pixel, then zero channels up to the output's
  kScale,        // times one trainable number, 1 at first
  kAdd,          // element-wise sum of two inputs of equal shape, the main path's first
  kLinear,       // flattens its input; with bias
};

// What an addition joins to the main path.
enum class Join {
  kNone,      // no addition
  kResidual,  // the block's own input, perhaps through a shortcut of its own
  kShared,    // a source that several blocks share
};

struct Op {
  OpKind kind = OpKind::kInput;
  // Unique and stable: parameters and masks are stored as "<name>.weight", "<name>.mask", ...
  std::string name;
  std::vector<int> inputs;  // indices of earlier ops
  Shape output;
  int section = 0;            // 0 = input and stem, 1..D, D + 1 = tail
  int block = 0;              // within its section, from 1; 0 = none
  int64_t kernel = 0;         // kConv, kAveragePool, kMaxPool
  int64_t stride = 1;         // kConv, kAveragePool, kMaxPool, kDownsample
  int64_t padding = 0;        // kConv, kAveragePool, kMaxPool
  bool shortcut = false;      // belongs to a skip connection
  bool dirac = false;         // kConv: Dirac parameterization (DiracNets), stride 1 only
  int64_t relu_channels = 0;  // kRelu: output.channels unless ReLUs are reused
  Join join = Join::kNone;    // kAdd

  friend bool operator==(const Op&, const Op&) = default;
};

struct Network {
  std::vector<Op> ops;  // in topological order; the last one is the classifier's kLinear

  friend bool operator==(const Network&, const Network&) = default;
};

}  // namespace reluscape

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
  kInput,        // the image; the first op and the only one without inputs
  kConv,         // 2-D convolution, square kernel, zero padding, no bias
  kBatchNorm,    // per channel, with gain and shift
  kRelu,         // one ReLU unit per element of its output, each with a mask in linearization
  kAveragePool,  // kernel x kernel, stride = kernel
  kAdd,          // element-wise sum of two inputs of equal shape
  kLinear,       // flattens its input; with bias
};

struct Op {
  OpKind kind = OpKind::kInput;
  // Unique and stable: parameters and masks are stored as "<name>.weight", "<name>.mask", ...
  std::string name;
  std::vector<int> inputs;  // indices of earlier ops
  Shape output;
  int stage = 0;          // 0 = input and stem, 1..D, D + 1 = tail
  int64_t kernel = 0;     // kConv, kAveragePool
  int64_t stride = 1;     // kConv
  int64_t padding = 0;    // kConv
  bool shortcut = false;  // belongs to a skip connection

  friend bool operator==(const Op&, const Op&) = default;
};

struct Network {
  std::vector<Op> ops;  // in topological order; the last one is the classifier's kLinear

  friend bool operator==(const Network&, const Network&) = default;
};

}  // namespace reluscape

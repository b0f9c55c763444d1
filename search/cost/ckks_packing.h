#pragma once

// Counts of the linear operations under CKKS, by how a tensor lies in the slots of its ciphertexts.
// Thread-safe.
//
// Multiplexed parallel packing (Lee et al., ICML 2022; public code of FHE-MP-CNN; the closed forms
// are derived from it). A tensor of gap k holds channel c at every k-th pixel of a map of
// k h x k w slots, k^2 channels to a map, t = ceil(c / k^2) maps, repeated p times, p the largest
// power of two that fits. A convolution of stride s makes gap k s:
//     q = ceil(c_out / p)                      lt = log2 t, or t - 1 where t is no power of two
//     rotations                 (f^2 - 1) + q (2 log2 k + lt) + c_out + (p_out - 1)
//     plaintext multiplications q f^2 + c_out                rescales  q + 1
// the f^2 - 1 rotations, q f^2 multiplications and q rescales before its first level, the rest
// before its second. The code has strides 1 and 2; larger ones are extrapolated. Batch norm is in
// the selection masks. A tensor that needs several ciphertexts is split into groups of channels,
// and every pair of an input and an output group is charged as a convolution of its own (not
// validated against an implementation).
//
// Single-shot packing (Orion, public code): the convolution as a matrix over the slots, of which
// every generalized diagonal that is not zero costs a plaintext multiplication; rotations by baby
// steps and giant steps whose size is the best power of two, and log2(slots / block height) more
// that sum the repeated outputs. One level. Its counts are those of the matrix itself, not of a
// closed form.

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

namespace reluscape {

// The most of any count of one operation: doubles hold it exactly, and sums stay far below 2^63.
inline constexpr int64_t kMaxCkksCount = int64_t{1} << 50;

// Counts of one or more operations. Additions are too cheap to show (below 1 % of a rotation).
struct CkksOps {
  int64_t rotations = 0;
  int64_t plaintext_multiplications = 0;
  int64_t ciphertext_multiplications = 0;  // with relinearization
  int64_t rescales = 0;

  friend bool operator==(const CkksOps&, const CkksOps&) = default;
};

// A linear operation that takes up to two levels: what it does at its own, and one below.
struct LinearOps {
  CkksOps first;
  CkksOps second;

  friend bool operator==(const LinearOps&, const LinearOps&) = default;
};

// How a value lies in slots. Of a vector, height, width and gap are 1 and its entries contiguous.
struct CkksLayout {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t gap = 1;  // k: pixels of one channel are that many slots apart

  friend bool operator==(const CkksLayout&, const CkksLayout&) = default;
};

// The layout of what a convolution, a pool or a down-sampling makes. INVALID_ARGUMENT unless stride
// divides both sides.
absl::StatusOr<CkksLayout> StridedLayout(const CkksLayout& in, int64_t out_channels,
                                         int64_t stride);

// Every stride-th pixel, and zero channels up to the output's.
struct CkksDownsample {
  LinearOps ops;
  // The packing cannot do it: a 1x1 convolution stands in, with a convolution's levels.
  bool projected = false;
};

// Thread-safe. All functions: INVALID_ARGUMENT says what does not fit the packing and why, or that
// a count is above kMaxCkksCount. All numbers are at least 1 but `padding`.
class CkksPacking {
 public:
  virtual ~CkksPacking() = default;

  // Whether counts are those of the very operation, for any shape; else closed forms that some
  // shapes extrapolate.
  virtual bool CountsTheOperationItself() const = 0;
  // Of odd kernel and padding kernel / 2; the stride is a power of two. One or two levels, as the
  // preset says.
  virtual absl::StatusOr<LinearOps> Convolution(const CkksLayout& in, int64_t out_channels,
                                                int64_t kernel, int64_t stride) const = 0;
  // The stride is a power of two. One level unless projected.
  virtual absl::StatusOr<CkksDownsample> Downsample(const CkksLayout& in, int64_t out_channels,
                                                    int64_t stride) const = 0;
  // Average over windows. One level.
  virtual absl::StatusOr<LinearOps> AveragePool(const CkksLayout& in, int64_t kernel,
                                                int64_t stride, int64_t padding) const = 0;
  // Whether a fully connected layer takes contiguous vectors only.
  virtual bool NeedsVector() const = 0;
  // To such a vector, from a tensor of which windows of `kernel` pixels, `kernel` apart, are summed
  // on the way (1: none). One level.
  virtual absl::StatusOr<LinearOps> Collect(const CkksLayout& in, int64_t kernel) const = 0;
  // Of a vector, or where NeedsVector() is false of any tensor, flattened. `last`: of the network.
  // One level.
  virtual absl::StatusOr<LinearOps> FullyConnected(const CkksLayout& in, int64_t outputs,
                                                   bool last) const = 0;
};

// `slots` is a power of two, 2 to 2^20, else INVALID_ARGUMENT.
absl::StatusOr<std::unique_ptr<CkksPacking>> MultiplexedPacking(int64_t slots);
absl::StatusOr<std::unique_ptr<CkksPacking>> SingleShotPacking(int64_t slots);

}  // namespace reluscape

#pragma once

// How the gated ReLU y = x + a * max(-x, 0) lies in memory: what its kernels know of tensors.

#include <cstdint>

namespace reluscape {

// x, y and their gradients hold outer * values * run elements without gaps, the mask a and its
// gradient `values`. Element (o * values + v) * run + i has the mask value v:
//
//   layout of x          mask            outer    values    run
//   N x C x H x W        C x H x W       N        C*H*W     1
//   N x C x H x W        C               N        C         H*W
//   N x H x W x C        H x W x C       N        H*W*C     1
//   N x H x W x C        C               N*H*W    C         1
//
// All three are at least 1, and their product fits into an int64_t.
struct GatedReluShape {
  int64_t outer = 1;
  int64_t values = 1;
  int64_t run = 1;

  int64_t elements() const { return outer * values * run; }
};

// A bfloat16 number as it lies in memory: the upper half of a float.
struct Bfloat16Bits {
  uint16_t bits = 0;
};

}  // namespace reluscape

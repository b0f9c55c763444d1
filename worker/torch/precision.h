#pragma once

// What a recipe's `precision` comes to on a device.

#include <ATen/ATen.h>

#include <vector>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// The precision of a Task that asks for `asked`: float32 instead of TF32 where the device has none.
// Any other is computed on every device.
v1::StagesSpec::Precision UsedPrecision(v1::StagesSpec::Precision asked, bool has_tf32);

// Those that have instructions of their own on `device` and so are faster than float32 there where
// a network fills it.
std::vector<v1::StagesSpec::Precision> FastPrecisions(at::Device device);

// While it lives cuDNN's convolutions and cuBLAS's products of float32 numbers round what they
// multiply to TF32, or with `on` false they do not. LibTorch's own default is neither: the first
// do, the second do not. Restores what was set before.
//
// The flags belong to the process and are read at every launch, by autograd's threads too: one Task
// at a time. A recorded step keeps the kernels that it was recorded with.
class Tf32Products {
 public:
  explicit Tf32Products(bool on);
  ~Tf32Products();
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;

 private:
  const bool cudnn_;
  const bool cublas_;
};

}  // namespace reluscape

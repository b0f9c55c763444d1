#include "worker/torch/precision.h"

#include <ATen/Context.h>

#include "worker/torch/device.h"

namespace reluscape {

v1::StagesSpec::Precision UsedPrecision(v1::StagesSpec::Precision asked, bool has_tf32) {
  return asked == v1::StagesSpec::TF32 && !has_tf32 ? v1::StagesSpec::FLOAT32 : asked;
}

std::vector<v1::StagesSpec::Precision> FastPrecisions(at::Device device) {
  std::vector<v1::StagesSpec::Precision> fast;
  if (HasTf32(device)) fast.push_back(v1::StagesSpec::TF32);
  if (HasBfloat16(device)) fast.push_back(v1::StagesSpec::BFLOAT16);
  return fast;
}

Tf32Products::Tf32Products(bool on)
    : cudnn_(at::globalContext().allowTF32CuDNN()), cublas_(at::globalContext().allowTF32CuBLAS()) {
  at::globalContext().setAllowTF32CuDNN(on);
  at::globalContext().setAllowTF32CuBLAS(on);
}

Tf32Products::~Tf32Products() {
  at::globalContext().setAllowTF32CuDNN(cudnn_);
  at::globalContext().setAllowTF32CuBLAS(cublas_);
}

}  // namespace reluscape

#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace reluscape {

// The numbers as an int64 tensor on `device`. Does not wait for a GPU: they go there by way of
// pinned memory, which LibTorch keeps until they have arrived. Thread-safe.
at::Tensor Upload(const std::vector<int64_t>& values, at::Device device);

}  // namespace reluscape

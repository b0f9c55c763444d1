#pragma once

// Which device a Worker computes on.

#include <ATen/ATen.h>

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:<index>".
// INVALID_ARGUMENT for another text, UNAVAILABLE where that CUDA device is not there.
absl::StatusOr<at::Device> ParseDevice(const std::string& text);

// "cpu", or the GPU's name as its driver gives it.
std::string DeviceName(at::Device device);

}  // namespace reluscape

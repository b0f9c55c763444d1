#include "worker/torch/trim.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reluscape {

absl::StatusOr<std::vector<at::Tensor>> TrimMasks(const std::vector<at::Tensor>& masks,
                                                  int64_t budget) {
  std::vector<float> values;
  for (const at::Tensor& mask : masks) {
    const at::Tensor flat = mask.detach().to(at::kCPU, at::kFloat).contiguous();
    const float* data = flat.const_data_ptr<float>();
    values.insert(values.end(), data, data + flat.numel());
  }
  if (!std::all_of(values.begin(), values.end(),
                   [](float value) { return std::isfinite(value); })) {
    return absl::FailedPreconditionError("a mask value is not finite");
  }
  const auto units = static_cast<int64_t>(values.size());
  if (budget < 0 || budget > units) {
    return absl::InvalidArgumentError(
        absl::StrCat("budget: found ", budget, "; allowed: 0 to ", units, ", the network's ReLUs"));
  }
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::nth_element(order.begin(), order.begin() + budget, order.end(), [&](int64_t a, int64_t b) {
    const float value_a = values[static_cast<size_t>(a)];
    const float value_b = values[static_cast<size_t>(b)];
    return value_a != value_b ? value_a > value_b : a < b;
  });
  std::fill(values.begin(), values.end(), 0.0F);
  for (int64_t i = 0; i < budget; ++i)
    values[static_cast<size_t>(order[static_cast<size_t>(i)])] = 1;

  std::vector<at::Tensor> trimmed;
  trimmed.reserve(masks.size());
  const float* data = values.data();
  for (const at::Tensor& mask : masks) {
    at::Tensor binary = at::empty(mask.sizes(), at::kFloat);
    std::copy_n(data, binary.numel(), binary.mutable_data_ptr<float>());
    data += binary.numel();
    trimmed.push_back(std::move(binary));
  }
  return trimmed;
}

int64_t CountAbove(const std::vector<at::Tensor>& masks, double threshold) {
  const c10::NoGradGuard no_grad;
  if (masks.empty()) return 0;
  std::vector<at::Tensor> counts;
  counts.reserve(masks.size());
  for (const at::Tensor& mask : masks) counts.push_back((mask > threshold).sum());
  return at::stack(counts).sum().item<int64_t>();
}

absl::Status CheckBinary(const std::vector<at::Tensor>& masks, int64_t budget) {
  int64_t ones = 0;
  int64_t zeros = 0;
  int64_t units = 0;
  for (const at::Tensor& mask : masks) {
    ones += (mask == 1).sum().item<int64_t>();
    zeros += (mask == 0).sum().item<int64_t>();
    units += mask.numel();
  }
  if (ones == budget && ones + zeros == units) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("masks hold ", ones, " ones, ", zeros, " zeros and ",
                                          units - ones - zeros, " other values; expected ", budget,
                                          " ones and zeros"));
}

}  // namespace reluscape

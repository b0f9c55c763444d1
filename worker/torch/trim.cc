#include "worker/torch/trim.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

int64_t UnitsOf(const std::vector<int64_t>& units_per_value, size_t mask) {
  return units_per_value.empty() ? 1 : units_per_value[mask];
}

// Values by how many units they govern, largest first.
using ValuesBySize = std::map<int64_t, int64_t, std::greater<>>;

// The largest number of units up to `room` that some of `values` govern together.
int64_t LargestReachable(const ValuesBySize& values, int64_t room) {
  int64_t left = room;
  for (const auto& [size, count] : values) left -= size * std::min(count, left / size);
  return room - left;
}

}  // namespace

absl::StatusOr<std::vector<at::Tensor>> TrimMasks(const std::vector<at::Tensor>& masks,
                                                  int64_t budget,
                                                  const std::vector<int64_t>& units_per_value,
                                                  double floor) {
  std::vector<float> values;
  std::vector<int64_t> sizes;
  ValuesBySize left;
  int64_t units = 0;
  for (size_t i = 0; i < masks.size(); ++i) {
    const at::Tensor flat = masks[i].detach().to(at::kCPU, at::kFloat).contiguous();
    const float* data = flat.const_data_ptr<float>();
    values.insert(values.end(), data, data + flat.numel());
    const int64_t size = UnitsOf(units_per_value, i);
    sizes.insert(sizes.end(), static_cast<size_t>(flat.numel()), size);
    left[size] += std::count_if(data, data + flat.numel(), [&](float v) { return v > floor; });
    units += size * flat.numel();
  }
  if (!std::all_of(values.begin(), values.end(),
                   [](float value) { return std::isfinite(value); })) {
    return absl::FailedPreconditionError("a mask value is not finite");
  }
  if (budget < 0 || budget > units) {
    return absl::InvalidArgumentError(
        absl::StrCat("budget: found ", budget, "; allowed: 0 to ", units, ", the network's ReLUs"));
  }
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  std::vector<float> kept(values.size(), 0.0F);
  int64_t room = LargestReachable(left, budget);
  for (const size_t index : order) {
    if (room == 0 || values[index] <= floor) break;
    const int64_t size = sizes[index];
    --left[size];
    if (size > room || LargestReachable(left, room - size) != room - size) continue;
    kept[index] = 1;
    room -= size;
  }

  std::vector<at::Tensor> trimmed;
  trimmed.reserve(masks.size());
  const float* data = kept.data();
  for (const at::Tensor& mask : masks) {
    at::Tensor binary = at::empty(mask.sizes(), at::kFloat);
    std::copy_n(data, binary.numel(), binary.mutable_data_ptr<float>());
    data += binary.numel();
    trimmed.push_back(std::move(binary));
  }
  return trimmed;
}

int64_t CountAbove(const std::vector<at::Tensor>& masks, double threshold,
                   const std::vector<int64_t>& units_per_value) {
  const c10::NoGradGuard no_grad;
  if (masks.empty()) return 0;
  std::vector<at::Tensor> counts;
  counts.reserve(masks.size());
  for (size_t i = 0; i < masks.size(); ++i) {
    // What is not a number counts: a training that blew up has not removed its ReLUs.
    counts.push_back((masks[i] <= threshold).logical_not().sum() * UnitsOf(units_per_value, i));
  }
  return at::stack(counts).sum().item<int64_t>();
}

absl::Status CheckBinary(const std::vector<at::Tensor>& masks, int64_t relus,
                         const std::vector<int64_t>& units_per_value) {
  int64_t kept = 0;
  int64_t others = 0;
  for (size_t i = 0; i < masks.size(); ++i) {
    const int64_t ones = (masks[i] == 1).sum().item<int64_t>();
    const int64_t zeros = (masks[i] == 0).sum().item<int64_t>();
    kept += ones * UnitsOf(units_per_value, i);
    others += masks[i].numel() - ones - zeros;
  }
  if (kept == relus && others == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("masks keep ", kept, " ReLUs and hold ", others,
                                          " other values; expected ", relus, " and none"));
}

}  // namespace reluscape

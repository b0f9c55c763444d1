#include "worker/torch/layer_shares.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/status_macros.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

// Real parts that respect the layers' sizes and sum to `budget`.
std::vector<double> RealParts(const std::vector<double>& shares, const std::vector<int64_t>& units,
                              int64_t budget) {
  std::vector<double> weights = shares;
  std::vector<double> parts(units.size(), 0);
  std::vector<bool> full(units.size(), false);
  auto left = static_cast<double>(budget);
  for (bool again = true; again;) {
    again = false;
    double total = 0;
    for (size_t i = 0; i < parts.size(); ++i) total += full[i] ? 0 : weights[i];
    if (total == 0) {
      for (size_t i = 0; i < parts.size(); ++i) {
        weights[i] = static_cast<double>(units[i]);
        total += full[i] ? 0 : weights[i];
      }
    }
    if (total == 0) break;  // every layer is full
    const double per_share = left / total;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (full[i]) continue;
      parts[i] = per_share * weights[i];
      if (parts[i] < static_cast<double>(units[i])) continue;
      parts[i] = static_cast<double>(units[i]);
      full[i] = true;
      left -= parts[i];
      again = true;
    }
  }
  return parts;
}

}  // namespace

std::vector<int64_t> DivideBudget(const std::vector<double>& shares,
                                  const std::vector<int64_t>& units, int64_t budget) {
  const std::vector<double> parts = RealParts(shares, units, budget);
  std::vector<int64_t> whole(units.size(), 0);
  int64_t left = budget;
  for (size_t i = 0; i < parts.size(); ++i) {
    whole[i] = std::min(units[i], static_cast<int64_t>(std::floor(parts[i])));
    left -= whole[i];
  }
  std::vector<size_t> order(units.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return parts[a] - std::floor(parts[a]) > parts[b] - std::floor(parts[b]);
  });
  // Rounding down leaves less than one unit per layer.
  while (left > 0) {
    for (const size_t i : order) {
      if (left == 0) break;
      if (whole[i] == units[i]) continue;
      ++whole[i];
      --left;
    }
  }
  return whole;
}

absl::StatusOr<std::vector<at::Tensor>> KeepPerLayer(const std::vector<at::Tensor>& scores,
                                                     const std::vector<int64_t>& budgets,
                                                     const std::vector<int64_t>& units_per_value) {
  std::vector<at::Tensor> masks;
  for (size_t i = 0; i < scores.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> one,
                     TrimMasks({scores[i]}, budgets[i], {units_per_value[i]}));
    masks.push_back(one.front());
  }
  return masks;
}

}  // namespace reluscape

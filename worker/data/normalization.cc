#include "worker/data/normalization.h"

#include <algorithm>
#include <cmath>

namespace reluscape {

std::optional<Normalization> PublishedNormalization(const std::string& name) {
  if (name == "cifar10") return Normalization{{0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.2010}};
  if (name == "cifar100") return Normalization{{0.5071, 0.4867, 0.4408}, {0.2675, 0.2565, 0.2761}};
  if (name == "tinyimagenet" || name == "tiny-imagenet" || name == "tiny-imagenet-200") {
    return Normalization{{0.480, 0.448, 0.398}, {0.277, 0.269, 0.282}};
  }
  return std::nullopt;
}

Normalization MeasureNormalization(const std::vector<uint8_t>& pixels) {
  std::array<uint64_t, 3> sums = {};
  std::array<uint64_t, 3> squares = {};  // 255^2 per pixel: room for 10^14 pixels
  for (size_t i = 0; i + 2 < pixels.size(); i += 3) {
    for (size_t channel = 0; channel < 3; ++channel) {
      const uint64_t value = pixels[i + channel];
      sums[channel] += value;
      squares[channel] += value * value;
    }
  }
  const auto count = static_cast<uint64_t>(pixels.size() / 3);
  Normalization result;
  for (size_t channel = 0; channel < 3; ++channel) {
    const auto n = static_cast<double>(count);
    // n^2 times the variance, as an integer: the difference of two close doubles would lose digits.
    const __int128 spread = static_cast<__int128>(count) * squares[channel] -
                            static_cast<__int128>(sums[channel]) * sums[channel];
    result.mean[channel] = static_cast<double>(sums[channel]) / n / 255;
    result.deviation[channel] =
        std::max(std::sqrt(static_cast<double>(spread)) / n / 255, 1.0 / 255);
  }
  return result;
}

}  // namespace reluscape

#pragma once

// Mean and deviation per channel, by which pixels are normalised. Thread-safe: no state.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reluscape {

// Of red, green and blue, for pixels scaled to [0, 1].
struct Normalization {
  std::array<double, 3> mean = {};
  std::array<double, 3> deviation = {};

  friend bool operator==(const Normalization&, const Normalization&) = default;
};

// The constants that the literature uses for a data set of this name, so that numbers compare:
//   cifar10        .4914 .4822 .4465 / .2023 .1994 .2010
//   cifar100       .5071 .4867 .4408 / .2675 .2565 .2761
//   tinyimagenet   .480 .448 .398 / .277 .269 .282     (also tiny-imagenet, tiny-imagenet-200)
// Source: the public code of SNL (Cho et al., ICML 2022), github
// NYU-DICE-Lab/selective_network_linearization. Its CIFAR-10 deviations are means of per-image
// deviations; those over all pixels are .2470 .2435 .2616. None for other names.
std::optional<Normalization> PublishedNormalization(const std::string& name);

// Over all `pixels` (RGB bytes, at least one): sums are exact, so their order does not matter. The
// deviation is that of the population, and at least 1/255, so that a constant channel can be
// divided by it.
Normalization MeasureNormalization(const std::vector<uint8_t>& pixels);

}  // namespace reluscape

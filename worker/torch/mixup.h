#pragma once

// How two images are mixed (Zhang et al., "mixup", arXiv 1710.09412). Thread-safe.

#include <cstdint>

namespace reluscape {

// The share of an image in its mixture at a step of an epoch: drawn from Beta(alpha, alpha), alpha
// > 0, and of the two shares the larger one, in [1/2, 1] (a batch is mixed with itself in another
// order, so that which of two images has it makes no difference). The same for equal arguments on
// every machine whose mathematical library rounds alike.
double MixupShare(double alpha, uint64_t seed, int64_t epoch, int64_t step);

}  // namespace reluscape

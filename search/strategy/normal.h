#pragma once

// The standard normal distribution. Thread-safe.

#include <cstddef>
#include <vector>

namespace reluscape {

// How likely a value is below x.
double NormalBelow(double x);

// The value below which a share `probability`, in (0, 1), of the values is; to about 1e-9.
double NormalQuantile(double probability);

// `count` vectors of `size` independent values, each value spread evenly over the vectors: the same
// ones every time.
std::vector<std::vector<double>> NormalDraws(size_t size, size_t count);

}  // namespace reluscape

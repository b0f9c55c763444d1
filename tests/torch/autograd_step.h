#pragma once

namespace reluscape {

// The gradient of x^3 at x = 2 (that is, 12), by LibTorch's autograd. Alone behind this header,
// because no file may include both Torch's and protobuf's headers.
double GradientOfACubeAtTwo();

}  // namespace reluscape

// The pre-activation block of wide residual networks (WRN-d-k), in the layout of SNL's public code:
// the first ReLU of a section acts on the section's input, and a projection reads the activated
// input.

#include "search/network/expansion.h"

namespace reluscape {

int WideBlock(Expansion& expansion, const BlockPlace& place, int input) {
  NetworkBuilder& builder = expansion.builder();
  const int64_t width = expansion.section(place.section).width;
  int main = builder.BatchNorm(place.prefix + ".bn1", input);
  // It acts on the sum of the block before: the one that thinning drops.
  main = expansion.ThinnableRelu(place.prefix + ".relu1", main, place.section);
  const int activated = main;
  main = expansion.BlockConv(place.prefix + ".conv1", main, width, /*kernel=*/3, place.stride);
  main = builder.BatchNorm(place.prefix + ".bn2", main);
  main = expansion.Relu(place.prefix + ".relu2", main, place.section);
  main = expansion.BlockConv(place.prefix + ".conv2", main, width, /*kernel=*/3, /*stride=*/1);
  return expansion.JoinBlock(
      place, {.main = main, .input = input, .projected_from = activated, .projection_norm = false});
}

}  // namespace reluscape

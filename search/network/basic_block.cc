// The basic block of ResNet18 and of the CIFAR ResNets, in the layout of SNL's public code.

#include "search/network/expansion.h"

namespace reluscape {

int BasicBlock(Expansion& expansion, const BlockPlace& place, int input) {
  NetworkBuilder& builder = expansion.builder();
  const int64_t width = expansion.section(place.section).width;
  int main = expansion.BlockConv(place.prefix + ".conv1", input, width, /*kernel=*/3, place.stride);
  main = builder.BatchNorm(place.prefix + ".bn1", main);
  main = expansion.Relu(place.prefix + ".relu1", main, place.section);
  main = expansion.BlockConv(place.prefix + ".conv2", main, width, /*kernel=*/3, /*stride=*/1);
  main = builder.BatchNorm(place.prefix + ".bn2", main);
  const int sum =
      expansion.JoinBlock(place, {.main = main, .input = input, .projected_from = input});
  return expansion.ThinnableRelu(place.prefix + ".relu2", sum, place.section);
}

}  // namespace reluscape

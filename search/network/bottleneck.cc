// The bottleneck block of ResNet-50 with its stride in the 3x3 convolution: what torchvision builds
// (its resnet.py names it ResNet V1.5), not the stride in the first 1x1 of the original paper.

#include "search/network/expansion.h"

namespace reluscape {

int BottleneckBlock(Expansion& expansion, const BlockPlace& place, int input) {
  NetworkBuilder& builder = expansion.builder();
  const SectionShape& section = expansion.section(place.section);
  int main = expansion.BlockConv(place.prefix + ".conv1", input, section.width, /*kernel=*/1,
                                 /*stride=*/1);
  main = builder.BatchNorm(place.prefix + ".bn1", main);
  main = expansion.Relu(place.prefix + ".relu1", main, place.section);
  main =
      expansion.BlockConv(place.prefix + ".conv2", main, section.width, /*kernel=*/3, place.stride);
  main = builder.BatchNorm(place.prefix + ".bn2", main);
  main = expansion.Relu(place.prefix + ".relu2", main, place.section);
  main = expansion.BlockConv(place.prefix + ".conv3", main, section.output, /*kernel=*/1,
                             /*stride=*/1);
  main = builder.BatchNorm(place.prefix + ".bn3", main);
  const int sum =
      expansion.JoinBlock(place, {.main = main, .input = input, .projected_from = input});
  return expansion.ThinnableRelu(place.prefix + ".relu3", sum, place.section);
}

}  // namespace reluscape

// VGG with batch norm (Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
// Recognition", configuration D is VGG-16): sections of 3x3 convolutions with a 2x2 pool behind
// each. There is no stem; the pool behind the last section belongs to the tail.

#include "absl/strings/str_cat.h"
#include "search/network/expansion.h"

namespace reluscape {
namespace {

constexpr int64_t kHiddenUnits = 4096;  // of both hidden layers, same paper, table 1

int HalvingPool(Expansion& expansion, const std::string& name, int input) {
  NetworkBuilder& builder = expansion.builder();
  return expansion.architecture().pool == PoolKind::kMax
             ? builder.MaxPool(name, input, /*kernel=*/2, /*stride=*/2, /*padding=*/0)
             : builder.AveragePool(name, input, /*kernel=*/2, /*stride=*/2);
}

}  // namespace

int VggSections(Expansion& expansion, int input) {
  NetworkBuilder& builder = expansion.builder();
  int last = input;
  for (size_t number = 1; number <= expansion.architecture().blocks.size(); ++number) {
    const SectionShape& section = expansion.section(number);
    const std::string prefix = absl::StrCat("section", number);
    builder.SetSection(static_cast<int>(number));
    if (number > 1) last = HalvingPool(expansion, prefix + ".pool", last);
    for (int64_t b = 1; b <= section.blocks; ++b) {
      builder.SetBlock(b);
      const std::string conv = absl::StrCat(prefix, ".conv", b);
      // The first convolution plays the part of a stem, which is never a Dirac one.
      last = number == 1 && b == 1
                 ? builder.Conv(conv, last, {.channels = section.width})
                 : expansion.BlockConv(conv, last, section.width, /*kernel=*/3, /*stride=*/1);
      last = builder.BatchNorm(absl::StrCat(prefix, ".bn", b), last);
      last = expansion.Relu(absl::StrCat(prefix, ".relu", b), last, number);
    }
  }
  return last;
}

void VggTail(Expansion& expansion, int last) {
  NetworkBuilder& builder = expansion.builder();
  const size_t tail = expansion.architecture().blocks.size() + 1;
  last = HalvingPool(expansion, "tail.pool", last);
  last = ExpandLastPool(expansion, last);
  if (expansion.architecture().classifier == Classifier::kHidden) {
    for (int layer = 1; layer <= 2; ++layer) {
      last = builder.Linear(absl::StrCat("classifier.linear", layer), last, kHiddenUnits);
      last = expansion.Relu(absl::StrCat("classifier.relu", layer), last, tail);
    }
  }
  builder.Linear("classifier", last, expansion.architecture().classes);
}

}  // namespace reluscape

#include "search/network/expansion.h"

namespace reluscape {
namespace {

Expansion::BlockFunction BlockOf(Family family) {
  switch (family) {
    case Family::kBasic:
      return BasicBlock;
    case Family::kBottleneck:
      return BottleneckBlock;
    case Family::kWide:
      return WideBlock;
    case Family::kVgg:
      break;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Network> BuildNetwork(const Architecture& architecture) {
  FieldErrors errors;
  const std::vector<SectionShape> sections = SectionShapes(architecture, errors);
  if (!errors.empty()) return errors.ToStatus();

  Expansion expansion(architecture, sections);
  NetworkBuilder& builder = expansion.builder();
  const int tail = static_cast<int>(sections.size()) + 1;
  if (architecture.family == Family::kVgg) {
    const int last = VggSections(expansion, builder.Input(architecture.side));
    builder.SetSection(tail);
    VggTail(expansion, last);
    return builder.Take();
  }
  // In a pre-activation network batch norm and ReLU stand before each convolution: none behind the
  // stem, and one more batch norm behind the last block.
  const bool pre_activation = architecture.family == Family::kWide;
  int last = ExpandStem(expansion, /*batch_norm=*/!pre_activation);
  last = expansion.Sections(last, BlockOf(architecture.family));
  builder.SetSection(tail);
  if (pre_activation) {
    last = builder.BatchNorm("tail.bn", last);
    if (architecture.final_relu) {
      last = expansion.Relu("tail.relu", last, static_cast<size_t>(tail));
    }
  }
  last = ExpandLastPool(expansion, last);
  builder.Linear("classifier", last, architecture.classes);
  return builder.Take();
}

}  // namespace reluscape

#include "search/network/describe.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

// "1,053,353,152". Counts are not negative.
std::string Grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string ShapeText(const Shape& shape) {
  return absl::StrCat(shape.channels, "x", shape.height, "x", shape.width);
}

// What the operation does, with what its shapes do not tell.
std::string KindText(const Op& op) {
  switch (op.kind) {
    case OpKind::kInput:
      return "input";
    case OpKind::kConv:
      return absl::StrCat("conv ", op.kernel, "x", op.kernel, op.stride == 1 ? "" : " stride ",
                          op.stride == 1 ? "" : std::to_string(op.stride));
    case OpKind::kBatchNorm:
      return "batch norm";
    case OpKind::kRelu:
      return "ReLU";
    case OpKind::kAveragePool:
      return absl::StrCat("average pool ", op.kernel, "x", op.kernel);
    case OpKind::kMaxPool:
      return absl::StrCat("max pool ", op.kernel, "x", op.kernel);
    case OpKind::kDownsample:
      return absl::StrCat("down-sample ", op.stride);
    case OpKind::kScale:
      return "scale";
    case OpKind::kAdd:
      return "add";
    case OpKind::kLinear:
      return "linear";
  }
  return "";
}

// Rows of equal length, the first being the heading; the first `left` columns are flush left, the
// others flush right.
std::string Table(const std::vector<std::vector<std::string>>& rows, size_t left) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i < left ? row[i] : padding,
                      i < left ? padding : row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace

std::string DescribeAsText(const Architecture& architecture, const Network& network,
                           const NetworkCounts& counts) {
  const std::vector<std::vector<std::string>> totals = {
      {"network", CanonicalText(architecture)},
      {"hash", NetworkHash(network)},
      {"input", absl::StrCat("3x", architecture.side, "x", architecture.side, ", ",
                             architecture.classes, " classes")},
      {"ReLUs", absl::StrCat(Grouped(counts.relus), " (", Grouped(counts.relus_with_stem),
                             " with a ReLU behind the stem)")},
      {"MACs", Grouped(counts.macs)},
      {"parameters", Grouped(counts.parameters)}};
  std::vector<std::vector<std::string>> stages = {{"stage", "blocks", "width", "side", "ReLUs"}};
  for (size_t i = 0; i < counts.stages.size(); ++i) {
    const StageCounts& stage = counts.stages[i];
    stages.push_back({std::to_string(i + 1), std::to_string(stage.blocks),
                      std::to_string(stage.width), std::to_string(stage.side),
                      Grouped(stage.relus)});
  }
  std::vector<std::vector<std::string>> layers = {
      {"layer", "operation", "output", "ReLUs", "MACs", "parameters"}};
  for (size_t i = 0; i < counts.layers.size() && i < network.ops.size(); ++i) {
    const LayerCounts& layer = counts.layers[i];
    layers.push_back({layer.name, KindText(network.ops[i]), ShapeText(layer.output),
                      Grouped(layer.relus), Grouped(layer.macs), Grouped(layer.parameters)});
  }
  layers.push_back(
      {"total", "", "", Grouped(counts.relus), Grouped(counts.macs), Grouped(counts.parameters)});
  return absl::StrCat(Table(totals, /*left=*/2), "\n", Table(stages, /*left=*/1), "\n",
                      Table(layers, /*left=*/3));
}

}  // namespace reluscape

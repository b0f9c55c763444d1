#include "search/network/describe.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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

std::string StrideText(int64_t stride) {
  return stride == 1 ? "" : absl::StrCat(" stride ", stride);
}

// What the operation does, with what its shapes do not tell.
std::string KindText(const Op& op) {
  switch (op.kind) {
    case OpKind::kInput:
      return "input";
    case OpKind::kConv:
      return absl::StrCat(op.dirac ? "Dirac conv " : "conv ", op.kernel, "x", op.kernel,
                          StrideText(op.stride));
    case OpKind::kBatchNorm:
      return "batch norm";
    case OpKind::kRelu:
      return op.relu_channels == op.output.channels
                 ? "ReLU"
                 : absl::StrCat("ReLU on ", op.relu_channels, " channels");
    case OpKind::kAveragePool:
    case OpKind::kMaxPool:
      return absl::StrCat(op.kind == OpKind::kMaxPool ? "max" : "average", " pool ", op.kernel, "x",
                          op.kernel, op.stride == op.kernel ? "" : StrideText(op.stride));
    case OpKind::kDownsample:
      return absl::StrCat("down-sample", StrideText(op.stride));
    case OpKind::kScale:
      return "scale";
    case OpKind::kAdd:
      return op.join == Join::kShared ? "add shared source" : "add";
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

const Op& At(const Network& network, int op) { return network.ops[static_cast<size_t>(op)]; }

// What stands on a skip edge, from its source to the sum.
std::string OnEdge(const Network& network, const SkipEdge& edge) {
  std::vector<std::string> kinds;
  for (int op = At(network, edge.to).inputs[1]; op != edge.from; op = At(network, op).inputs[0]) {
    kinds.push_back(KindText(At(network, op)));
  }
  std::reverse(kinds.begin(), kinds.end());
  return kinds.empty() ? "identity" : absl::StrJoin(kinds, ", ");
}

std::string ReluText(const Architecture& architecture, const NetworkCounts& counts) {
  if (counts.relus == counts.relus_with_stem) return Grouped(counts.relus);
  return absl::StrCat(
      Grouped(counts.relus), " (", Grouped(counts.relus_with_stem), " with a ReLU ",
      architecture.family == Family::kWide ? "before the last pool)" : "behind the stem)");
}

}  // namespace

std::string ShapeText(const Shape& shape) {
  return absl::StrCat(shape.channels, "x", shape.height, "x", shape.width);
}

std::string DescribeAsText(const Architecture& architecture, const Network& network,
                           const NetworkCounts& counts) {
  const std::vector<std::vector<std::string>> totals = {
      {"network", CanonicalText(architecture)},
      {"hash", NetworkHash(network)},
      {"input", absl::StrCat("3x", architecture.side, "x", architecture.side, ", ",
                             architecture.classes, " classes")},
      {"ReLUs", ReluText(architecture, counts)},
      {"MACs", absl::StrCat(Grouped(counts.macs), " (convolutions ", Grouped(counts.conv_macs),
                            ", shortcuts ", Grouped(counts.shortcut_macs), ", classifier ",
                            Grouped(counts.classifier_macs), ")")},
      {"parameters", Grouped(counts.parameters)}};
  std::vector<std::vector<std::string>> sections = {
      {"section", "blocks", "width", "side", "ReLUs"}};
  for (size_t i = 0; i < counts.sections.size(); ++i) {
    const SectionCounts& section = counts.sections[i];
    sections.push_back({std::to_string(i + 1), std::to_string(section.blocks),
                        std::to_string(section.width), std::to_string(section.side),
                        Grouped(section.relus)});
  }
  std::vector<std::vector<std::string>> skips = {{"skip from", "to", "join", "through"}};
  for (const SkipEdge& edge : counts.skip_edges) {
    skips.push_back({At(network, edge.from).name, At(network, edge.to).name,
                     edge.join == Join::kShared ? "shared" : "residual", OnEdge(network, edge)});
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
  return absl::StrCat(Table(totals, /*left=*/2), "\n", Table(sections, /*left=*/1), "\n",
                      skips.size() == 1 ? "no skip connections\n" : Table(skips, /*left=*/4), "\n",
                      Table(layers, /*left=*/3));
}

}  // namespace reluscape

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

// Appends operations, each to the output of earlier ones, and works out their shapes. Of sizes
// that StageShapes has let pass only.
class NetworkBuilder {
 public:
  void SetStage(int stage) {
    stage_ = stage;
    block_ = 0;
  }
  void SetBlock(int64_t block) { block_ = static_cast<int>(block); }

  int Input(int64_t side) {
    return Append(
        {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {3, side, side}});
  }

  int Conv(const std::string& name, int input, int64_t channels, int64_t kernel, int64_t stride,
           bool shortcut = false) {
    const int64_t padding = kernel / 2;
    const Shape& in = ShapeOf(input);
    return Append({.kind = OpKind::kConv,
                   .name = name,
                   .inputs = {input},
                   .output = {channels, (in.height + 2 * padding - kernel) / stride + 1,
                              (in.width + 2 * padding - kernel) / stride + 1},
                   .kernel = kernel,
                   .stride = stride,
                   .padding = padding,
                   .shortcut = shortcut});
  }

  int BatchNorm(const std::string& name, int input, bool shortcut = false) {
    return Append({.kind = OpKind::kBatchNorm,
                   .name = name,
                   .inputs = {input},
                   .output = ShapeOf(input),
                   .shortcut = shortcut});
  }

  int Relu(const std::string& name, int input) {
    return Append({.kind = OpKind::kRelu,
                   .name = name,
                   .inputs = {input},
                   .output = ShapeOf(input),
                   .relu_channels = ShapeOf(input).channels});
  }

  int Add(const std::string& name, int left, int right) {
    return Append({.kind = OpKind::kAdd,
                   .name = name,
                   .inputs = {left, right},
                   .output = ShapeOf(left),
                   .join = Join::kResidual});
  }

  // Over the whole map.
  int AveragePool(const std::string& name, int input) {
    const Shape& in = ShapeOf(input);
    return Append({.kind = OpKind::kAveragePool,
                   .name = name,
                   .inputs = {input},
                   .output = {in.channels, 1, 1},
                   .kernel = in.height,
                   .stride = in.height});
  }

  int Linear(const std::string& name, int input, int64_t classes) {
    return Append(
        {.kind = OpKind::kLinear, .name = name, .inputs = {input}, .output = {classes, 1, 1}});
  }

  const Shape& ShapeOf(int op) const { return network_.ops[static_cast<size_t>(op)].output; }

  Network Take() { return std::move(network_); }

 private:
  int Append(Op op) {
    op.stage = stage_;
    op.block = block_;
    network_.ops.push_back(std::move(op));
    return static_cast<int>(network_.ops.size()) - 1;
  }

  Network network_;
  int stage_ = 0;
  int block_ = 0;
};

// Two 3x3 convolutions with a shortcut around them; a ReLU inside and one behind the sum.
int BasicBlock(NetworkBuilder& builder, const std::string& prefix, int input, int64_t width,
               int64_t stride) {
  int main = builder.Conv(prefix + ".conv1", input, width, /*kernel=*/3, stride);
  main = builder.BatchNorm(prefix + ".bn1", main);
  main = builder.Relu(prefix + ".relu1", main);
  main = builder.Conv(prefix + ".conv2", main, width, /*kernel=*/3, /*stride=*/1);
  main = builder.BatchNorm(prefix + ".bn2", main);
  int shortcut = input;
  if (stride != 1 || builder.ShapeOf(input).channels != width) {
    shortcut = builder.Conv(prefix + ".shortcut.conv", input, width, /*kernel=*/1, stride,
                            /*shortcut=*/true);
    shortcut = builder.BatchNorm(prefix + ".shortcut.bn", shortcut, /*shortcut=*/true);
  }
  const int sum = builder.Add(prefix + ".add", main, shortcut);
  return builder.Relu(prefix + ".relu2", sum);
}

}  // namespace

absl::StatusOr<Network> BuildNetwork(const Architecture& architecture) {
  FieldErrors errors;
  const std::vector<StageShape> stages = StageShapes(architecture, errors);
  if (!errors.empty()) return errors.ToStatus();

  NetworkBuilder builder;
  int last = builder.Input(architecture.side);
  last = builder.Conv("stem.conv", last, stages[0].width, /*kernel=*/3, /*stride=*/1);
  last = builder.BatchNorm("stem.bn", last);
  if (architecture.stem_relu) last = builder.Relu("stem.relu", last);
  for (size_t s = 0; s < stages.size(); ++s) {
    builder.SetStage(static_cast<int>(s) + 1);
    for (int64_t b = 0; b < stages[s].blocks; ++b) {
      builder.SetBlock(b + 1);
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      last = BasicBlock(builder, absl::StrCat("stage", s + 1, ".block", b + 1), last,
                        stages[s].width, stride);
    }
  }
  builder.SetStage(static_cast<int>(stages.size()) + 1);
  last = builder.AveragePool("pool", last);
  builder.Linear("classifier", last, architecture.classes);
  return builder.Take();
}

}  // namespace reluscape

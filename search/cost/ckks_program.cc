#include "search/cost/ckks_program.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

LevelWork WorkOf(const CkksOps& ops, int64_t below) {
  return {.below = below,
          .rotations = static_cast<double>(ops.rotations),
          .plaintext_multiplications = static_cast<double>(ops.plaintext_multiplications),
          .ciphertext_multiplications = static_cast<double>(ops.ciphertext_multiplications),
          .rescales = static_cast<double>(ops.rescales)};
}

CkksOps Sum(const CkksOps& a, const CkksOps& b) {
  return {.rotations = a.rotations + b.rotations,
          .plaintext_multiplications = a.plaintext_multiplications + b.plaintext_multiplications,
          .ciphertext_multiplications = a.ciphertext_multiplications + b.ciphertext_multiplications,
          .rescales = a.rescales + b.rescales};
}

class ProgramBuilder {
 public:
  ProgramBuilder(const Network& network, const CkksLayers& layers, const std::vector<bool>& active,
                 const CkksActivation& activation, const CkksRules& rules,
                 const CkksPolynomials& polynomials)
      : network_(network),
        layers_(layers),
        active_(active),
        activation_(activation),
        rules_(rules),
        polynomials_(polynomials),
        value_(network.ops.size(), -1),
        users_(network.ops.size()) {
    for (size_t i = 0; i < network.ops.size(); ++i) {
      for (const int input : network.ops[i].inputs) users_[static_cast<size_t>(input)].push_back(i);
    }
  }

  absl::StatusOr<CkksProgram> Run() {
    for (size_t i = 0; i < network_.ops.size(); ++i) RETURN_IF_ERROR(Add(i));
    std::vector<int64_t> depths;
    for (const CkksNode& node : program_.nodes) {
      int64_t depth = 0;
      for (const int input : node.level.inputs) {
        depth = std::max(depth, depths[static_cast<size_t>(input)]);
      }
      depths.push_back(depth + node.depth);
    }
    program_.depth = depths.back();
    return std::move(program_);
  }

 private:
  const Op& OpAt(size_t index) const { return network_.ops[index]; }
  int ValueOf(int op) const { return value_[static_cast<size_t>(op)]; }
  const CkksNode& NodeOf(int value) const { return program_.nodes[static_cast<size_t>(value)]; }
  const CkksLayer& Layer(size_t index) const { return layers_.layers[index]; }

  int Append(CkksNode node) {
    node.level.name = node.name;
    node.level.depth = node.fixed_level > 0 ? 0 : node.depth;
    program_.nodes.push_back(std::move(node));
    return static_cast<int>(program_.nodes.size()) - 1;
  }

  CkksNode Start(size_t index, CkksPart part, std::vector<int> inputs) const {
    CkksNode node;
    node.part = part;
    node.name = OpAt(index).name;
    node.section = OpAt(index).section;
    node.level.inputs = std::move(inputs);
    node.level.ciphertexts = Layer(index).ciphertexts;
    return node;
  }

  absl::Status Add(size_t index) {
    const Op& op = OpAt(index);
    switch (op.kind) {
      case OpKind::kInput:
        value_[index] = Append(Start(index, CkksPart::kFree, {}));
        return absl::OkStatus();
      case OpKind::kConv:
        AddConvolution(index);
        return absl::OkStatus();
      case OpKind::kBatchNorm:
        AddBatchNorm(index);
        return absl::OkStatus();
      case OpKind::kRelu:
        AddRelu(index);
        return absl::OkStatus();
      case OpKind::kAveragePool:
        AddLinear(index, CkksPart::kPool, /*depth=*/1);
        return absl::OkStatus();
      case OpKind::kDownsample:
        AddLinear(index, CkksPart::kSkip, Layer(index).projected ? rules_.convolution_depth : 1);
        return absl::OkStatus();
      case OpKind::kScale:
        AddScale(index);
        return absl::OkStatus();
      case OpKind::kAdd:
        return AddAddition(index);
      case OpKind::kLinear:
        AddFullyConnected(index);
        return absl::OkStatus();
      case OpKind::kMaxPool:
        break;
    }
    return absl::InvalidArgumentError(absl::StrCat(op.name, ": no operation that CKKS can run"));
  }

  void AddLinear(size_t index, CkksPart part, int64_t depth) {
    CkksNode node = Start(index, part, {ValueOf(OpAt(index).inputs[0])});
    node.depth = depth;
    SetLinearWork(Layer(index).ops, node);
    value_[index] = Append(std::move(node));
  }

  // The second half runs a level lower where there is one.
  static void SetLinearWork(const LinearOps& ops, CkksNode& node) {
    node.ops = Sum(ops.first, ops.second);
    node.work = {WorkOf(ops.first, 0)};
    if (!(ops.second == CkksOps())) node.work.push_back(WorkOf(ops.second, node.depth > 1 ? 1 : 0));
  }

  void AddConvolution(size_t index) {
    const Op& op = OpAt(index);
    CkksNode node = Start(index, op.shortcut ? CkksPart::kSkip : CkksPart::kConvolution,
                          {ValueOf(op.inputs[0])});
    node.depth = rules_.convolution_depth;
    SetLinearWork(Layer(index).ops, node);
    const auto input = static_cast<size_t>(op.inputs[0]);
    if (rules_.stem_free && OpAt(input).kind == OpKind::kInput && users_[input].size() == 1) {
      node.fixed_level = rules_.levels + node.depth;
    }
    value_[index] = Append(std::move(node));
  }

  void AddBatchNorm(size_t index) {
    const auto input = static_cast<size_t>(OpAt(index).inputs[0]);
    if ((OpAt(input).kind == OpKind::kConv && users_[input].size() == 1) || FoldsForward(index)) {
      value_[index] = ValueOf(OpAt(index).inputs[0]);
      return;
    }
    value_[index] = Append(Multiplication(index, CkksPart::kBatchNorm, /*depth=*/1));
  }

  // Whether all that use it have weights, masks or coefficients of their own, perhaps behind ReLU
  // layers that are gone and batch norms that fold too.
  bool FoldsForward(size_t index) const {
    for (const size_t user : users_[index]) {
      switch (OpAt(user).kind) {
        case OpKind::kConv:
        case OpKind::kLinear:
        case OpKind::kAveragePool:
        case OpKind::kDownsample:
          break;
        case OpKind::kRelu:
          if (!active_[user] && !HasPolynomials(user) && !FoldsForward(user)) return false;
          break;
        case OpKind::kBatchNorm:
          if (!FoldsForward(user)) return false;
          break;
        default:
          return false;
      }
    }
    return !users_[index].empty();
  }

  // A plaintext multiplication per ciphertext.
  CkksNode Multiplication(size_t index, CkksPart part, int64_t depth) const {
    CkksNode node = Start(index, part, {ValueOf(OpAt(index).inputs[0])});
    node.depth = depth;
    node.ops.plaintext_multiplications = node.level.ciphertexts;
    node.ops.rescales = node.level.ciphertexts;
    node.work = {WorkOf(node.ops, 0)};
    return node;
  }

  bool HasPolynomials(size_t index) const {
    return !polynomials_.layers.empty() && polynomials_.layers[index];
  }

  void AddRelu(size_t index) {
    const int input = ValueOf(OpAt(index).inputs[0]);
    if (!active_[index] && !HasPolynomials(index)) {
      value_[index] = input;
      return;
    }
    const CkksActivation& activation = active_[index] ? activation_ : polynomials_.activation;
    const bool mixed = active_[index] && HasPolynomials(index);
    int64_t plaintext =
        activation.plaintext_multiplications + (mixed && !activation.composition.empty() ? 1 : 0);
    if (!rules_.relu_refresh || activation.composition.empty()) {
      value_[index] = Append(Polynomial(index, {input}, activation.depth,
                                        activation.ciphertext_multiplications, plaintext));
      return;
    }
    int last = input;
    for (const PolynomialCost& polynomial : activation_.composition) {
      last = Append(Polynomial(index, {last}, polynomial.depth,
                               polynomial.ciphertext_multiplications, plaintext));
      plaintext = 0;
    }
    value_[index] = Append(Polynomial(index, {last, input}, /*depth=*/1,
                                      /*ciphertext_multiplications=*/1,
                                      /*plaintext_multiplications=*/0));
  }

  // One rescale per ciphertext multiplication.
  CkksNode Polynomial(size_t index, std::vector<int> inputs, int64_t depth,
                      int64_t ciphertext_multiplications, int64_t plaintext_multiplications) const {
    CkksNode node = Start(index, CkksPart::kActivation, std::move(inputs));
    const int64_t ciphertexts = node.level.ciphertexts;
    node.depth = depth;
    node.ops = {.rotations = 0,
                .plaintext_multiplications = plaintext_multiplications * ciphertexts,
                .ciphertext_multiplications = ciphertext_multiplications * ciphertexts,
                .rescales = ciphertext_multiplications * ciphertexts};
    for (int64_t below = 0; below < depth; ++below) {
      LevelWork work = WorkOf(node.ops, below);
      const auto share = static_cast<double>(depth);
      work.plaintext_multiplications /= share;
      work.ciphertext_multiplications /= share;
      work.rescales /= share;
      node.work.push_back(work);
    }
    return node;
  }

  // Whether the operation stands on a skip and its result joins once, so that weights or a mask of
  // its own can take a factor. (Not a kScale's result, which is one.)
  bool HasOwnSkipOperation(int op) const {
    const auto index = static_cast<size_t>(op);
    const Op& skip = OpAt(index);
    if (users_[index].size() != 1) return false;
    switch (skip.kind) {
      case OpKind::kConv:
        return skip.shortcut;
      case OpKind::kDownsample:
        return true;
      case OpKind::kBatchNorm:
      case OpKind::kScale:
        return HasOwnSkipOperation(skip.inputs[0]);
      default:
        return false;
    }
  }

  void AddScale(size_t index) {
    const int input = OpAt(index).inputs[0];
    if (HasOwnSkipOperation(input)) {
      value_[index] = ValueOf(input);
      return;
    }
    value_[index] = Append(
        Multiplication(index, CkksPart::kSkip, std::max<int64_t>(1, rules_.identity_skip_depth)));
    scaled_.push_back(value_[index]);
  }

  absl::Status AddAddition(size_t index) {
    const Op& op = OpAt(index);
    const int main = ValueOf(op.inputs[0]);
    int skip = ValueOf(op.inputs[1]);
    const bool scaled = std::find(scaled_.begin(), scaled_.end(), skip) != scaled_.end() &&
                        users_[static_cast<size_t>(op.inputs[1])].size() == 1;
    if (!scaled && !HasOwnSkipOperation(op.inputs[1])) {
      int64_t depth = rules_.identity_skip_depth;
      if (activation_.folded && NodeOf(skip).part == CkksPart::kActivation) {
        depth = std::max<int64_t>(depth, 1);
      }
      if (depth > 0) {
        CkksNode node = Start(index, CkksPart::kSkip, {skip});
        node.depth = depth;
        node.ops.plaintext_multiplications = node.level.ciphertexts;
        node.ops.rescales = node.level.ciphertexts;
        node.work = {WorkOf(node.ops, 0)};
        skip = Append(std::move(node));
      }
    }
    if (skip == main) {
      return absl::InvalidArgumentError(
          absl::StrCat(op.name,
                       ": found a skip past operations that are all gone; allowed: a "
                       "convolution or kept ReLUs on its main path"));
    }
    value_[index] = Append(Start(index, CkksPart::kFree, {main, skip}));
    return absl::OkStatus();
  }

  void AddFullyConnected(size_t index) {
    const CkksLayer& layer = Layer(index);
    int input = ValueOf(OpAt(index).inputs[0]);
    if (layer.collects) {
      CkksNode collect = Start(index, CkksPart::kPool, {input});
      collect.level.ciphertexts = 1;
      collect.depth = 1;
      SetLinearWork(layer.collect_ops, collect);
      input = Append(std::move(collect));
    }
    CkksNode node = Start(index, CkksPart::kFullyConnected, {input});
    node.depth = 1;
    SetLinearWork(layer.ops, node);
    value_[index] = Append(std::move(node));
  }

  const Network& network_;
  const CkksLayers& layers_;
  const std::vector<bool>& active_;
  const CkksActivation& activation_;
  const CkksRules& rules_;
  const CkksPolynomials& polynomials_;
  std::vector<int> value_;  // of each operation
  std::vector<std::vector<size_t>> users_;
  std::vector<int> scaled_;  // values of kScale multiplications
  CkksProgram program_;
};

}  // namespace

const char* PartName(CkksPart part) {
  switch (part) {
    case CkksPart::kFree:
      return "";
    case CkksPart::kConvolution:
      return "convolutions";
    case CkksPart::kActivation:
      return "activations";
    case CkksPart::kSkip:
      return "skips";
    case CkksPart::kPool:
      return "pool";
    case CkksPart::kFullyConnected:
      return "fc";
    case CkksPart::kBatchNorm:
      return "batch_norm";
  }
  return "";
}

absl::StatusOr<CkksProgram> BuildCkksProgram(const Network& network, const CkksLayers& layers,
                                             const std::vector<bool>& active,
                                             const CkksActivation& activation,
                                             const CkksRules& rules,
                                             const CkksPolynomials& polynomials) {
  const bool marks = polynomials.layers.empty() || polynomials.layers.size() == active.size();
  if (active.size() != network.ops.size() || layers.layers.size() != network.ops.size() || !marks) {
    return absl::InvalidArgumentError(absl::StrCat("found marks of ", active.size(),
                                                   " operations; allowed: one for each of ",
                                                   network.ops.size()));
  }
  return ProgramBuilder(network, layers, active, activation, rules, polynomials).Run();
}

LevelProgram LevelsOf(const CkksProgram& program, const CkksRules& rules,
                      int64_t minimum_bootstrap_level, bool weighted) {
  LevelProgram levels = {
      .nodes = {}, .levels = rules.levels, .minimum_bootstrap_level = minimum_bootstrap_level};
  for (const CkksNode& node : program.nodes) {
    levels.nodes.push_back(node.level);
    if (!weighted) levels.nodes.back().ciphertexts = 1;
  }
  return levels;
}

}  // namespace reluscape

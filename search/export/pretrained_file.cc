#include "search/export/pretrained_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/foreign_text.h"
#include "base/status_macros.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr size_t kLongestNetwork = 300;  // characters of a foreign network's text in a message
constexpr char kMask[] = ".mask";
constexpr char kVariance[] = ".running_var";

// A tensor of the file, under the name that it has without wrappers.
struct Found {
  std::string name_in_file;
  RawTensor* tensor = nullptr;
};
using FoundTensors = std::map<std::string, Found>;

absl::Status Wrong(const std::string& message) { return absl::FailedPreconditionError(message); }

std::string ShapeText(const std::vector<int64_t>& shape) {
  return shape.empty() ? std::string("a scalar") : absl::StrJoin(shape, "x");
}

std::string DescriptionOf(const RawTensor& tensor) {
  return absl::StrCat(ShapeText(tensor.shape), " of ", ElementName(tensor.type));
}

// "stem.conv.weight", or "stem.conv.weight ('conv1.weight' in the file)".
std::string NameText(const std::string& name, const std::string& in_file) {
  return name == in_file ? name : absl::StrCat(name, " (", QuotedForeign(in_file), " in the file)");
}

// Of the operation "section<S>.block<B>.<rest>" in the names of PyTorch's models.
std::vector<std::string> BlockNames(const std::string& op) {
  const std::vector<absl::string_view> parts = absl::StrSplit(op, absl::MaxSplits('.', 2));
  const auto number = [](absl::string_view part, absl::string_view prefix, int64_t& into) {
    return absl::ConsumePrefix(&part, prefix) && absl::SimpleAtoi(part, &into);
  };
  int64_t section = 0;
  int64_t block = 0;
  if (parts.size() != 3 || !number(parts[0], "section", section) ||
      !number(parts[1], "block", block)) {
    return {};
  }
  std::vector<std::string> rests = {std::string(parts[2])};
  if (parts[2] == "shortcut.conv") rests = {"downsample.0", "shortcut.0", "convShortcut"};
  if (parts[2] == "shortcut.bn") rests = {"downsample.1", "shortcut.1"};
  std::vector<std::string> names;
  for (const std::string& rest : rests) {
    names.push_back(absl::StrCat("layer", section, ".", block - 1, ".", rest));
    names.push_back(absl::StrCat("block", section, ".layer.", block - 1, ".", rest));
  }
  return names;
}

std::vector<std::string> OperationNames(const std::string& op, bool pre_activation) {
  if (op == "stem.conv") return {"conv1"};
  if (op == (pre_activation ? "tail.bn" : "stem.bn")) return {"bn1"};
  if (op == "classifier") return {"fc", "linear"};
  return BlockNames(op);
}

// What DataParallel and torch.compile put before every name.
std::string WithoutWrappers(std::string name) {
  for (const std::string prefix : {"module.", "_orig_mod."}) {
    if (absl::StartsWith(name, prefix)) return WithoutWrappers(name.substr(prefix.size()));
  }
  return name;
}

absl::StatusOr<FoundTensors> FindTensors(TensorFile& file) {
  FoundTensors found;
  for (auto& [name, tensor] : file.tensors) {
    if (absl::EndsWith(name, ".num_batches_tracked")) continue;
    const auto [place, is_new] = found.emplace(WithoutWrappers(name), Found{name, &tensor});
    if (!is_new) {
      return Wrong(absl::StrCat("tensor ", QuotedForeign(place->first), " stands there twice, as ",
                                QuotedForeign(place->second.name_in_file), " and as ",
                                QuotedForeign(name)));
    }
  }
  return found;
}

absl::Status CheckOwnFile(const std::map<std::string, std::string>& metadata,
                          const std::string& canonical_text) {
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != "reluscape-1") return absl::OkStatus();
  if (metadata.contains("folded")) {
    return Wrong("the file is folded: it has no batch norms to train; bring the unfolded one");
  }
  const auto network = metadata.find("network");
  if (network == metadata.end() || network->second == canonical_text) return absl::OkStatus();
  return Wrong(absl::StrCat("the file is of the network ",
                            QuotedForeign(network->second, kLongestNetwork),
                            " and this candidate's is ", canonical_text));
}

absl::Status CheckValues(const std::string& text, const std::string& name,
                         const RawTensor& tensor) {
  const bool variance = absl::EndsWith(name, kVariance);
  for (size_t at = 0; at < tensor.data.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, tensor.data.data() + at, sizeof(value));
    if (std::isfinite(value) && (!variance || value >= 0)) continue;
    return Wrong(absl::StrCat("tensor ", text, ": element ", at / sizeof(float), " is ", value,
                              "; allowed: finite numbers", variance ? " of at least 0" : ""));
  }
  return absl::OkStatus();
}

// Takes the tensor of `place` out of `found`.
absl::StatusOr<RawTensor> Take(const TensorPlace& place, bool pre_activation, FoundTensors& found) {
  const std::vector<std::string> names = AcceptedNames(place.name, pre_activation);
  std::optional<Found> taken;
  for (const std::string& name : names) {
    const auto entry = found.find(name);
    if (entry == found.end()) continue;
    if (taken) {
      return Wrong(absl::StrCat("tensor ", place.name, " stands there twice, as ",
                                QuotedForeign(taken->name_in_file), " and as ",
                                QuotedForeign(entry->second.name_in_file)));
    }
    taken = entry->second;
    found.erase(entry);
  }
  const std::string needed =
      absl::StrCat(ShapeText(place.shape), " of ", ElementName(ElementType::kFloat32));
  if (!taken) {
    return Wrong(absl::StrCat("tensor ", place.name, " is missing (looked for ",
                              absl::StrJoin(names, ", "), "); the network needs ", needed));
  }
  const std::string text = NameText(place.name, taken->name_in_file);
  if (taken->tensor->shape != place.shape || taken->tensor->type != ElementType::kFloat32) {
    return Wrong(absl::StrCat("tensor ", text, ": found ", DescriptionOf(*taken->tensor),
                              "; the network needs ", needed));
  }
  RETURN_IF_ERROR(CheckValues(text, place.name, *taken->tensor));
  return std::move(*taken->tensor);
}

// Whether a mask keeps every ReLU: all elements are 1, of whichever type.
bool KeepsAll(const RawTensor& mask) {
  const auto all = [&](auto one) {
    for (size_t at = 0; at < mask.data.size(); at += sizeof(one)) {
      decltype(one) value{};
      std::memcpy(&value, mask.data.data() + at, sizeof(value));
      if (value != one) return false;
    }
    return true;
  };
  switch (mask.type) {
    case ElementType::kFloat32:
      return all(1.0F);
    case ElementType::kFloat64:
      return all(1.0);
    case ElementType::kInt64:
      return all(int64_t{1});
    case ElementType::kInt32:
      return all(int32_t{1});
    case ElementType::kUint8:
      return all(uint8_t{1});
  }
  return false;
}

// What no operation has taken may be masks without effect.
absl::Status CheckRest(const Network& network, const FoundTensors& rest) {
  for (const auto& [name, found] : rest) {
    const bool is_mask =
        absl::EndsWith(name, kMask) &&
        std::any_of(network.ops.begin(), network.ops.end(), [&name = name](const Op& op) {
          return op.kind == OpKind::kRelu && op.name + kMask == name;
        });
    if (!is_mask) {
      return Wrong(absl::StrCat("tensor ", QuotedForeign(found.name_in_file), " (",
                                DescriptionOf(*found.tensor),
                                ") belongs to nothing in the network"));
    }
    if (!KeepsAll(*found.tensor)) {
      return Wrong(absl::StrCat("tensor ", QuotedForeign(found.name_in_file),
                                " removes ReLUs; a pretrained network has all of them"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<TensorPlace> TensorsOf(const Network& network) {
  std::vector<TensorPlace> places;
  for (const Op& op : network.ops) {
    const Shape input =
        op.inputs.empty() ? Shape{} : network.ops[static_cast<size_t>(op.inputs.front())].output;
    const int64_t channels = op.output.channels;
    const auto add = [&](const char* suffix, std::vector<int64_t> shape) {
      places.push_back({op.name + suffix, std::move(shape)});
    };
    switch (op.kind) {
      case OpKind::kConv:
        add(".weight", {channels, input.channels, op.kernel, op.kernel});
        if (!op.dirac) break;
        add(".dirac_a", {channels});
        add(".dirac_b", {channels});
        break;
      case OpKind::kBatchNorm:
        for (const char* suffix : {".weight", ".bias", ".running_mean", kVariance}) {
          add(suffix, {channels});
        }
        break;
      case OpKind::kLinear:
        add(".weight", {channels, input.channels * input.height * input.width});
        add(".bias", {channels});
        break;
      case OpKind::kScale:
        add(".weight", {1});
        break;
      case OpKind::kInput:
      case OpKind::kRelu:
      case OpKind::kAveragePool:
      case OpKind::kMaxPool:
      case OpKind::kDownsample:
      case OpKind::kAdd:
        break;
    }
  }
  return places;
}

std::vector<std::string> AcceptedNames(const std::string& name, bool pre_activation) {
  std::vector<std::string> names = {name};
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return names;
  for (const std::string& op : OperationNames(name.substr(0, dot), pre_activation)) {
    names.push_back(op + name.substr(dot));
  }
  return names;
}

absl::StatusOr<TensorFile> ReadPretrained(const Network& network, const std::string& canonical_text,
                                          std::string_view bytes) {
  ASSIGN_OR_RETURN(TensorFile file, ReadTensorFile(bytes));
  RETURN_IF_ERROR(CheckOwnFile(file.metadata, canonical_text));
  ASSIGN_OR_RETURN(FoundTensors found, FindTensors(file));
  const bool pre_activation = std::any_of(network.ops.begin(), network.ops.end(), [](const Op& op) {
    return op.kind == OpKind::kBatchNorm && op.name == "tail.bn";
  });
  TensorFile taken;
  for (const TensorPlace& place : TensorsOf(network)) {
    ASSIGN_OR_RETURN(taken.tensors[place.name], Take(place, pre_activation, found));
  }
  RETURN_IF_ERROR(CheckRest(network, found));
  return taken;
}

absl::Status CheckPretrained(const std::string& network, int64_t side, int64_t classes,
                             std::string_view bytes) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseArchitecture(network, side, classes));
  ASSIGN_OR_RETURN(const Network built, BuildNetwork(architecture));
  return ReadPretrained(built, CanonicalText(architecture), bytes).status();
}

}  // namespace reluscape

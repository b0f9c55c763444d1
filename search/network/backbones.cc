#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/network/architecture_text.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

// A residual or plain network that a paper defines by its depth.
struct Depth {
  const char* name;
  Family family;
  int64_t base_channels;
  std::vector<int64_t> blocks;
  std::vector<double> multipliers;
};

const std::vector<Depth>& Depths() {
  // ResNet18/34: SNL's public code. ResNet20 to 110 have 6n + 2 layers: He et al., "Deep Residual
  // Learning for Image Recognition", section 4.2, n = 3, 5, 7, 9, 18. ResNet-50: same paper, table
  // 1. VGG-16: Simonyan, Zisserman, table 1, configuration D.
  static const auto* const depths = new std::vector<Depth>{
      {"resnet18", Family::kBasic, 64, {2, 2, 2, 2}, {2, 2, 2}},
      {"resnet34", Family::kBasic, 64, {3, 4, 6, 3}, {2, 2, 2}},
      {"resnet20", Family::kBasic, 16, {3, 3, 3}, {2, 2}},
      {"resnet32", Family::kBasic, 16, {5, 5, 5}, {2, 2}},
      {"resnet44", Family::kBasic, 16, {7, 7, 7}, {2, 2}},
      {"resnet56", Family::kBasic, 16, {9, 9, 9}, {2, 2}},
      {"resnet110", Family::kBasic, 16, {18, 18, 18}, {2, 2}},
      {"resnet50", Family::kBottleneck, 64, {3, 4, 6, 3}, {2, 2, 2}},
      {"vgg16", Family::kVgg, 64, {2, 2, 3, 3, 3}, {2, 2, 2, 1}},
  };
  return *depths;
}

// The networks of measured private-inference stacks: another backbone with modifiers.
//  * delphi-...: public artifact of Garimella et al., "Characterizing and Optimizing End-to-End
//    Systems for Private Inference" (ASPLOS 2023): ReLU behind the stem, no convolution on any
//    shortcut, last map pooled to 2x2 (ResNet18) and 4x4 (ResNet32). Of its VGG only the name is
//    known to us: ours is vgg16 with its average pools.
//  * mpcnn-...: Lee et al., "Low-Complexity Deep Convolutional Neural Networks on Fully Homomorphic
//    Encryption Using Multiplexed Parallel Convolutions" (ICML 2022, public code): ReLU behind the
//    stem, parameter-free down-sampling.
struct Alias {
  const char* name;
  const char* depth;
  std::vector<std::string> modifiers;
};

const std::vector<Alias>& Aliases() {
  static const auto* const aliases = new std::vector<Alias>{
      {"delphi-resnet18", "resnet18", {"stem-relu", "shortcut:none", "last-map:2"}},
      {"delphi-resnet32", "resnet32", {"stem-relu", "shortcut:none", "last-map:4"}},
      {"delphi-vgg16", "vgg16", {}},
      {"mpcnn-resnet20", "resnet20", {"stem-relu", "shortcut:downsample"}},
      {"mpcnn-resnet32", "resnet32", {"stem-relu", "shortcut:downsample"}},
      {"mpcnn-resnet44", "resnet44", {"stem-relu", "shortcut:downsample"}},
      {"mpcnn-resnet56", "resnet56", {"stem-relu", "shortcut:downsample"}},
      {"mpcnn-resnet110", "resnet110", {"stem-relu", "shortcut:downsample"}},
  };
  return *aliases;
}

std::optional<Architecture> FindDepth(const std::string& name) {
  for (const Depth& depth : Depths()) {
    if (name != depth.name) continue;
    Architecture architecture = DefaultsOf(depth.family);
    architecture.base_channels = depth.base_channels;
    architecture.blocks = depth.blocks;
    architecture.multipliers = depth.multipliers;
    return architecture;
  }
  return std::nullopt;
}

// "wrn-22-8": Zagoruyko, Komodakis, "Wide Residual Networks", table 1: a stem of 16 channels, then
// three groups of n blocks, (d - 4) / 6 each, of 16 k, 32 k and 64 k channels.
std::optional<Architecture> FindWide(const std::string& name) {
  constexpr char kPrefix[] = "wrn-";
  if (name.rfind(kPrefix, 0) != 0) return std::nullopt;
  const size_t dash = name.find('-', sizeof(kPrefix) - 1);
  if (dash == std::string::npos) return std::nullopt;
  const std::optional<int64_t> depth =
      ParseInteger(name.substr(sizeof(kPrefix) - 1, dash - (sizeof(kPrefix) - 1)));
  const std::optional<int64_t> widen = ParseInteger(name.substr(dash + 1));
  if (!depth || !widen || *depth < 10 || *depth > 6 * kMaxBlocksPerSection + 4 ||
      (*depth - 4) % 6 != 0 || *widen < 1 || *widen > kMaxWiden) {
    return std::nullopt;
  }
  Architecture architecture = DefaultsOf(Family::kWide);
  architecture.base_channels = 16;
  architecture.blocks.assign(3, (*depth - 4) / 6);
  architecture.multipliers = {2, 2};
  architecture.widen = *widen;
  return architecture;
}

}  // namespace

std::optional<Backbone> FindBackbone(const std::string& name) {
  std::optional<Architecture> architecture = FindDepth(name);
  if (!architecture) architecture = FindWide(name);
  for (const Alias& alias : Aliases()) {
    if (name != alias.name) continue;
    architecture = FindDepth(alias.depth);
    FieldErrors none;
    for (const std::string& modifier : alias.modifiers) {
      ApplyModifier(modifier, *architecture, none);
    }
  }
  if (!architecture) return std::nullopt;
  return Backbone{.name = name, .architecture = *std::move(architecture)};
}

std::string BackboneNames() {
  std::vector<std::string> names;
  for (const Depth& depth : Depths()) names.push_back(depth.name);
  names.push_back(absl::StrCat("wrn-D-K (D = 6 n + 4 from 10 to ", 6 * kMaxBlocksPerSection + 4,
                               ", K from 1 to ", kMaxWiden, ")"));
  for (const Alias& alias : Aliases()) names.push_back(alias.name);
  return absl::StrJoin(names, ", ");
}

const std::vector<Preset>& Presets() {
  // DeepReDuce's networks as public PyTorch definitions of the DRD_... models have them.
  static const auto* const presets = new std::vector<Preset>{
      {"drd-c100-230k", "resnet18+culled:1", 32},
      {"drd-c100-57k", "resnet18+culled:1+thinned+scale:0.5", 32},
      {"drd-c100-12k", "resnet18+culled:1,4+thinned+scale:0.5+resolution:0.5", 32},
      {"drd-tiny-115k", "resnet18+culled:1+thinned+resolution:0.5", 64},
  };
  return *presets;
}

int64_t UsualSide(const std::string& name) {
  for (const Preset& preset : Presets()) {
    if (name.substr(0, name.find('+')) == preset.name) return preset.side;
  }
  return Architecture{}.side;
}

}  // namespace reluscape

#pragma once

// Networks written by hand for tests of cost models: chains of operations whose counts are those of
// published networks, without the builders of search/network.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/cost/kept_relus.h"
#include "search/cost/protocol_model.h"

namespace reluscape {

// Appends operations one behind the other.
class ChainNetwork {
 public:
  explicit ChainNetwork(Shape image) { Append(OpKind::kInput, "input", image); }

  ChainNetwork& Conv(int64_t channels, int64_t kernel = 3, int64_t stride = 1) {
    const Shape in = Last();
    Op& op = Append(OpKind::kConv, absl::StrCat("conv", ++convs_),
                    {channels, (in.height - 1) / stride + 1, (in.width - 1) / stride + 1});
    op.kernel = kernel;
    op.stride = stride;
    op.padding = kernel / 2;
    return *this;
  }

  ChainNetwork& Relu() {
    Op& op = Append(OpKind::kRelu, absl::StrCat("relu", ++relus_), Last());
    op.relu_channels = op.output.channels;
    return *this;
  }

  ChainNetwork& Pool(OpKind kind, int64_t kernel) {
    const Shape in = Last();
    Op& op = Append(kind, absl::StrCat("pool", ++pools_),
                    {in.channels, in.height / kernel, in.width / kernel});
    op.kernel = kernel;
    op.stride = kernel;
    return *this;
  }

  Network Classify(int64_t classes) {
    Append(OpKind::kLinear, "classifier", {classes, 1, 1});
    return std::move(network_);
  }

 private:
  Shape Last() const { return network_.ops.back().output; }

  Op& Append(OpKind kind, const std::string& name, Shape output) {
    Op op;
    op.kind = kind;
    op.name = name;
    op.output = output;
    if (!network_.ops.empty()) op.inputs = {static_cast<int>(network_.ops.size()) - 1};
    network_.ops.push_back(std::move(op));
    return network_.ops.back();
  }

  Network network_;
  int convs_ = 0;
  int relus_ = 0;
  int pools_ = 0;
};

// The networks of the ASPLOS 2023 artifact on CIFAR-10: a stem ReLU, no shortcut convolutions
// (their sums and parameter-free shortcuts are local on shares and left out), and a last map pooled
// to 4x4 (ResNet-32) or 2x2 (ResNet-18).
inline Network ArtifactResNet(const std::vector<int64_t>& widths, int64_t convs_per_section,
                              int64_t last_pool) {
  ChainNetwork chain({3, 32, 32});
  chain.Conv(widths.front()).Relu();
  for (size_t section = 0; section < widths.size(); ++section) {
    for (int64_t i = 0; i < convs_per_section; ++i) {
      chain.Conv(widths[section], 3, section > 0 && i == 0 ? 2 : 1).Relu();
    }
  }
  return chain.Pool(OpKind::kAveragePool, last_pool).Classify(10);
}
inline Network ArtifactResNet32() { return ArtifactResNet({16, 32, 64}, 10, 2); }
inline Network ArtifactResNet18() { return ArtifactResNet({64, 128, 256, 512}, 4, 2); }

// Built-in client and server on a built-in link.
inline Setting SettingOf(const std::string& client, const std::string& server,
                         const std::string& link) {
  Setting setting;
  setting.client = *FindHardware(client);
  setting.server = *FindHardware(server);
  setting.link = *ParseLink(link);
  return setting;
}

inline Estimate PriceAll(const std::string& protocol, const NetworkLayers& layers,
                         const Setting& setting) {
  return *PricePrivateInference(**FindProtocolModel(protocol), KeepAllRelus(layers), setting);
}

}  // namespace reluscape

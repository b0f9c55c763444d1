#include "search/wire/candidates_spec.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/wire/field_reader.h"

namespace reluscape {
namespace {

constexpr int kMostNetworks = 1000;
constexpr int kMostGenerators = 100;
constexpr int kMostListed = 100;  // base channels, scales
constexpr int kMostStages = 5;    // of any network
constexpr size_t kLongestNetworkText = 4000;
constexpr size_t kLongestFile = 1000;
constexpr size_t kLongestBackbone = kLongestNetworkText;  // a generator may take a whole text
constexpr int64_t kMostChannels = 65'536;

std::string Item(const std::string& list, int index) { return absl::StrCat(list, "[", index, "]"); }

std::string ReadBackbone(bool present, const std::string& name, const FieldReader& reader) {
  std::string backbone = present ? name : "resnet18";
  if (backbone.empty() || backbone.size() > kLongestBackbone || HasControlCharacter(backbone)) {
    reader.errors().Add(reader.Path("backbone"), absl::StrCat("\"", backbone, "\""),
                        "a backbone's name, as resnet18");
  }
  return backbone;
}

std::vector<int64_t> ReadBaseChannels(const google::protobuf::RepeatedField<int64_t>& listed,
                                      const FieldReader& reader) {
  std::vector<int64_t> channels;
  const std::string path = reader.Path("base_channels");
  if (!CheckLength(path, listed.size(), kMostListed, reader.errors())) return channels;
  std::set<int64_t> seen;
  for (int i = 0; i < listed.size(); ++i) {
    CheckListed(Item(path, i), listed[i], 1, kMostChannels, seen, reader.errors());
    channels.push_back(listed[i]);
  }
  return channels;
}

// `order`, `order_from_job` and `order_from_network` of either generator.
template <typename Message, typename Spec>
void ReadOrder(const Message& message, const FieldReader& reader, Spec& spec) {
  FieldErrors& errors = reader.errors();
  const std::string path = reader.Path("order");
  if (CheckLength(path, message.order_size(), kMostStages, errors)) {
    std::set<int64_t> seen;
    for (int i = 0; i < message.order_size(); ++i) {
      CheckListed(Item(path, i), message.order(i), 1, message.order_size(), seen, errors);
      spec.order.push_back(message.order(i));
    }
  }
  reader.Integer("order_from_job", message.has_order_from_job(), message.order_from_job(), 1,
                 kLargestExact, spec.order_from_job);
  if (message.has_order_from_job() && message.order_size() > 0) {
    errors.Add(reader.Path("order_from_job"), absl::StrCat(message.order_from_job()),
               "nothing where order is given");
  }
  spec.order_from_network = message.order_from_network();
  if (message.has_order_from_network() && !message.has_order_from_job()) {
    errors.Add(reader.Path("order_from_network"),
               absl::StrCat("\"", message.order_from_network(), "\""),
               "nothing where order_from_job is not given");
  } else if (message.order_from_network().size() > kLongestNetworkText) {
    errors.Add(reader.Path("order_from_network"),
               absl::StrCat(message.order_from_network().size(), " characters"),
               absl::StrCat("at most ", kLongestNetworkText, " characters"));
  }
}

template <typename Spec, typename Message>
void WriteOrder(const Spec& spec, Message& message) {
  for (const int64_t stage : spec.order) message.add_order(stage);
  if (spec.order_from_job != 0) message.set_order_from_job(spec.order_from_job);
  if (!spec.order_from_network.empty()) message.set_order_from_network(spec.order_from_network);
}

DeepReShapeSpec ReadDeepReShape(const v1::DeepReShapeSpec& message, const std::string& path,
                                FieldErrors& errors) {
  DeepReShapeSpec spec;
  const FieldReader reader(path, Missing::kTakesDefault, errors);
  spec.backbone = ReadBackbone(message.has_backbone(), message.backbone(), reader);
  ReadOrder(message, reader, spec);
  spec.base_channels = ReadBaseChannels(message.base_channels(), reader);
  if (message.base_channels_size() == 0) spec.base_channels = {16};
  reader.Integer("max_multiplier", message.has_max_multiplier(), message.max_multiplier(), 2, 64,
                 spec.max_multiplier);
  return spec;
}

// Factors in (0, 1], each once; `target` holds the default.
void ReadScales(const google::protobuf::RepeatedField<double>& listed, const std::string& path,
                FieldErrors& errors, std::vector<double>& target) {
  if (listed.empty() || !CheckLength(path, listed.size(), kMostListed, errors)) return;
  target.clear();
  std::set<double> seen;
  for (int i = 0; i < listed.size(); ++i) {
    if (!kFactor.Contains(listed[i])) {
      errors.Add(Item(path, i), absl::StrCat(listed[i]), kFactor.text);
    } else if (!seen.insert(listed[i]).second) {
      errors.Add(Item(path, i), absl::StrCat(listed[i], " again"), "each value once");
    }
    target.push_back(listed[i]);
  }
}

DeepReduceSpec ReadDeepReduce(const v1::DeepReduceSpec& message, const std::string& path,
                              FieldErrors& errors) {
  DeepReduceSpec spec;
  const FieldReader reader(path, Missing::kTakesDefault, errors);
  spec.backbone = ReadBackbone(message.has_backbone(), message.backbone(), reader);
  ReadOrder(message, reader, spec);
  reader.Integer("max_culled", message.has_max_culled(), message.max_culled(), 0, kMostStages - 1,
                 spec.max_culled);
  ReadScales(message.channel_scales(), reader.Path("channel_scales"), errors, spec.channel_scales);
  ReadScales(message.resolutions(), reader.Path("resolutions"), errors, spec.resolutions);
  return spec;
}

// What stands in a list of files; whether the network is a named one is checked with the networks.
void ReadPretrained(const v1::CandidatesSpec& message, const FieldReader& reader,
                    CandidatesSpec& spec) {
  FieldErrors& errors = reader.errors();
  const std::string list = reader.Path("pretrained");
  if (!CheckLength(list, message.pretrained_size(), kMostNetworks, errors)) return;
  for (int i = 0; i < message.pretrained_size(); ++i) {
    const v1::PretrainedSpec& given = message.pretrained(i);
    const std::string path = Item(list, i);
    PretrainedSpec read{given.network(), given.file(), {given.sha256(), given.bytes()}};
    if (read.network.empty() || read.network.size() > kLongestNetworkText) {
      errors.Add(path + ".network", absl::StrCat(read.network.size(), " characters"),
                 "an entry of candidates.networks");
    }
    if (read.file.empty() || read.file.size() > kLongestFile || HasControlCharacter(read.file)) {
      errors.Add(path + ".file",
                 HasControlCharacter(read.file) ? "a control character"
                                                : absl::StrCat(read.file.size(), " characters"),
                 absl::StrCat("the path of a safetensors file, 1 to ", kLongestFile,
                              " characters on one line"));
    }
    if (!IsSha256Hex(read.artifact.sha256)) {
      errors.Add(
          path + ".sha256",
          given.has_sha256() ? absl::StrCat(read.artifact.sha256.size(), " characters") : "nothing",
          "64 lower-case hexadecimal digits (reluscape submit and reluscape-train read the "
          "file and fill them in)");
    } else if (read.artifact.bytes < 1 || read.artifact.bytes > kMaxBroughtBytes) {
      errors.Add(path + ".bytes", given.has_bytes() ? absl::StrCat(read.artifact.bytes) : "nothing",
                 absl::StrCat("1 to ", kMaxBroughtBytes));
    }
    spec.pretrained.push_back(std::move(read));
  }
}

}  // namespace

CandidatesSpec ReadCandidates(const v1::CandidatesSpec& message, FieldErrors& errors) {
  CandidatesSpec spec;
  const FieldReader reader("candidates", Missing::kTakesDefault, errors);
  if (message.networks_size() + message.deepreshape_size() + message.deepreduce_size() == 0) {
    errors.Add("candidates", "no network",
               "at least one entry in networks (\"resnet18@8\"), deepreshape ({}) or deepreduce "
               "({})");
  }
  if (CheckLength(reader.Path("networks"), message.networks_size(), kMostNetworks, errors)) {
    for (int i = 0; i < message.networks_size(); ++i) {
      const std::string& network = message.networks(i);
      if (network.empty() || network.size() > kLongestNetworkText) {
        errors.Add(Item("candidates.networks", i), absl::StrCat(network.size(), " characters"),
                   absl::StrCat("1 to ", kLongestNetworkText, " characters"));
      }
      spec.networks.push_back(network);
    }
  }
  if (CheckLength(reader.Path("deepreshape"), message.deepreshape_size(), kMostGenerators,
                  errors)) {
    for (int i = 0; i < message.deepreshape_size(); ++i) {
      spec.deepreshape.push_back(
          ReadDeepReShape(message.deepreshape(i), Item("candidates.deepreshape", i), errors));
    }
  }
  if (CheckLength(reader.Path("deepreduce"), message.deepreduce_size(), kMostGenerators, errors)) {
    for (int i = 0; i < message.deepreduce_size(); ++i) {
      spec.deepreduce.push_back(
          ReadDeepReduce(message.deepreduce(i), Item("candidates.deepreduce", i), errors));
    }
  }
  reader.Integer("replicates", message.has_replicates(), message.replicates(), 1, 100,
                 spec.replicates);
  ReadPretrained(message, reader, spec);
  return spec;
}

void Write(const CandidatesSpec& spec, v1::CandidatesSpec& message) {
  for (const std::string& network : spec.networks) message.add_networks(network);
  for (const DeepReShapeSpec& generator : spec.deepreshape) {
    v1::DeepReShapeSpec& written = *message.add_deepreshape();
    written.set_backbone(generator.backbone);
    WriteOrder(generator, written);
    for (const int64_t channels : generator.base_channels) written.add_base_channels(channels);
    written.set_max_multiplier(generator.max_multiplier);
  }
  for (const DeepReduceSpec& generator : spec.deepreduce) {
    v1::DeepReduceSpec& written = *message.add_deepreduce();
    written.set_backbone(generator.backbone);
    WriteOrder(generator, written);
    written.set_max_culled(generator.max_culled);
    for (const double scale : generator.channel_scales) written.add_channel_scales(scale);
    for (const double resolution : generator.resolutions) written.add_resolutions(resolution);
  }
  message.set_replicates(spec.replicates);
  for (const PretrainedSpec& brought : spec.pretrained) {
    v1::PretrainedSpec& written = *message.add_pretrained();
    written.set_network(brought.network);
    written.set_file(brought.file);
    written.set_sha256(brought.artifact.sha256);
    written.set_bytes(brought.artifact.bytes);
  }
}

}  // namespace reluscape

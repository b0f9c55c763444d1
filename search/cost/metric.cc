#include "search/cost/metric.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/cost/kept_relus.h"
#include "search/cost/papers.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr size_t kLongestShown = 200;  // of a text that is no metric, in an error

// The network that the names of outputs are read from. It has every kind of layer that protocols
// tell apart: convolutions of both strides, 1x1 shortcuts, ReLUs and a classifier.
constexpr char kProbeNetwork[] = "resnet18@16";
constexpr int64_t kProbeSide = 32;
constexpr int64_t kProbeClasses = 10;

absl::StatusOr<NetworkLayers> MakeProbe() {
  ASSIGN_OR_RETURN(const Architecture architecture,
                   ParseArchitecture(kProbeNetwork, kProbeSide, kProbeClasses));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  return LayersOf(network);
}

absl::StatusOr<Estimate> PriceProbe(const ProtocolModel& model, const Setting& setting) {
  static const auto* const probe = new absl::StatusOr<NetworkLayers>(MakeProbe());
  if (!probe->ok()) return probe->status();
  return PricePrivateInference(model, KeepAllRelus(**probe), setting);
}

std::string LinkNames() {
  std::vector<std::string> names;
  for (const Link& link : BuiltInLinks()) names.push_back(link.name);
  return absl::StrJoin(names, ", ");
}

// Of a metric that names none.
const char* DefaultSetting(SettingKind kind) {
  switch (kind) {
    case SettingKind::kLink:
      return kDefaultLink;
    case SettingKind::kPreset:
      return kDefaultPreset;
    case SettingKind::kNone:
      break;
  }
  return "";
}

// The constants that a profile's name stands for, as text to hash.
std::string Constants(const Setting& setting) {
  const Link& link = setting.link;
  return absl::StrCat(
      HardwareToJson(setting.client), HardwareToJson(setting.server),
      absl::StrFormat("%s %.17g %.17g %.17g %d ", link.name, link.up_mbit_per_s,
                      link.down_mbit_per_s, link.round_trip_s, link.loopback ? 1 : 0),
      absl::StrFormat("%d %d %d %d %d", setting.gc_bytes_per_gate, setting.ring_bits,
                      setting.charge_set_up ? 1 : 0, setting.shared_weights ? 1 : 0,
                      setting.whole_phase ? 1 : 0));
}

std::string ProfileText(const Setting& setting, SettingKind kind) {
  const auto hash = [](const std::string& constants) {
    return absl::StrCat(", sha256 ", ShortHash(Sha256Hex(constants)));
  };
  // The constants of a preset and of what has no setting are the model's: they have its version.
  if (kind == SettingKind::kNone) return "no setting";
  const std::string& preset = setting.ckks.preset;
  if (kind == SettingKind::kPreset) return absl::StrCat("preset ", preset, hash(preset));
  return absl::StrCat("client ", setting.client.name, ", server ", setting.server.name, ", link ",
                      setting.link.name, hash(Constants(setting)));
}

}  // namespace

std::string CostMetric::Text() const {
  return absl::StrCat(protocol, ".", output, setting.empty() ? "" : "@", setting);
}

MetricCatalog::MetricCatalog(std::vector<const ProtocolModel*> models) {
  for (const ProtocolModel* model : models) {
    Protocol protocol = {.model = model, .outputs = {}};
    const SettingKind kind = model->Kind();
    // An output may have a value only with or only without a transfer.
    for (const char* name : {kDefaultLink, "loopback"}) {
      const absl::StatusOr<MetricSource> source =
          MakeSource(protocol, kind == SettingKind::kLink ? name : DefaultSetting(kind));
      if (!source.ok()) continue;
      const absl::StatusOr<Estimate> estimate = PriceProbe(*model, source->setting);
      if (!estimate.ok()) continue;
      for (const auto& [output, value] : Outputs(*estimate)) {
        if (kind == SettingKind::kNone && output != "online_s") continue;
        if (std::find(protocol.outputs.begin(), protocol.outputs.end(), output) ==
            protocol.outputs.end()) {
          protocol.outputs.push_back(output);
        }
      }
    }
    protocols_.push_back(std::move(protocol));
  }
  for (const Protocol& protocol : protocols_) {
    const std::string name = protocol.model->Name();
    const auto add = [&](const char* output, const char* setting) {
      if (std::find(protocol.outputs.begin(), protocol.outputs.end(), output) !=
          protocol.outputs.end()) {
        defaults_.push_back({name, output, setting});
      }
    };
    if (const SettingKind kind = protocol.model->Kind(); kind != SettingKind::kLink) {
      add(kind == SettingKind::kPreset ? "seconds" : "online_s", DefaultSetting(kind));
      continue;
    }
    for (const char* link : {"lan", "wan"}) {
      for (const char* output : {"offline_s", "online_s", "total_s"}) add(output, link);
    }
    // The link does not change them.
    for (const char* output :
         {"offline_up_bytes", "offline_down_bytes", "offline_bytes", "online_up_bytes",
          "online_down_bytes", "online_bytes", "client_storage_bytes", "server_storage_bytes"}) {
      add(output, kDefaultLink);
    }
  }
}

const MetricCatalog::Protocol* MetricCatalog::Find(const std::string& name) const {
  for (const Protocol& protocol : protocols_) {
    if (protocol.model->Name() == name) return &protocol;
  }
  return nullptr;
}

std::string MetricCatalog::Form() const {
  return absl::StrCat("<protocol>.<output>@<setting> with a protocol of ", ProtocolNames());
}

std::string MetricCatalog::ProtocolNames() const {
  std::vector<std::string> names;
  for (const Protocol& protocol : protocols_) names.push_back(protocol.model->Name());
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<MetricSource> MetricCatalog::MakeSource(const Protocol& protocol,
                                                       const std::string& setting) const {
  const SettingKind kind = protocol.model->Kind();
  MetricSource source;
  source.model = protocol.model;
  source.version = protocol.model->Version();
  ASSIGN_OR_RETURN(source.setting.client, FindHardware(kDefaultMachine));
  source.setting.server = source.setting.client;
  ASSIGN_OR_RETURN(source.setting.link,
                   ParseLink(kind == SettingKind::kLink ? setting : "loopback"));
  if (kind == SettingKind::kPreset) source.setting.ckks.preset = setting;
  source.setting.with_layers = false;
  source.profile = ProfileText(source.setting, kind);
  return source;
}

std::optional<CostMetric> MetricCatalog::Parse(const std::string& text, const std::string& field,
                                               FieldErrors& errors) const {
  const std::string shown = absl::StrCat("\"", text.substr(0, kLongestShown), "\"");
  const auto unknown = [&](const std::string& found, const std::string& allowed) {
    errors.Add(field, absl::StrCat(shown, found), allowed);
    return std::nullopt;
  };
  const size_t dot = text.find('.');
  if (text.size() > kLongestShown || dot == std::string::npos) return unknown("", Form());
  CostMetric metric;
  metric.protocol = text.substr(0, dot);
  const size_t at = text.find('@', dot);
  metric.output = text.substr(dot + 1, at == std::string::npos ? at : at - dot - 1);
  const Protocol* protocol = Find(metric.protocol);
  if (protocol == nullptr) {
    return unknown(absl::StrCat(" with the unknown protocol \"", metric.protocol, "\""),
                   absl::StrCat("a protocol of ", ProtocolNames()));
  }
  if (std::find(protocol->outputs.begin(), protocol->outputs.end(), metric.output) ==
      protocol->outputs.end()) {
    return unknown(absl::StrCat(" with the unknown output \"", metric.output, "\""),
                   absl::StrCat("an output of ", metric.protocol, ": ",
                                absl::StrJoin(protocol->outputs, ", ")));
  }
  const SettingKind kind = protocol->model->Kind();
  metric.setting = at == std::string::npos ? DefaultSetting(kind) : text.substr(at + 1);
  if (kind == SettingKind::kNone) {
    if (at == std::string::npos) return metric;
    return unknown(absl::StrCat(" with the setting \"", metric.setting, "\""),
                   absl::StrCat(metric.Text().substr(0, at), ", which depends on no setting"));
  }
  if (kind == SettingKind::kPreset) {
    const absl::StatusOr<MetricSource> source = MakeSource(*protocol, metric.setting);
    const absl::Status priced =
        source.ok() ? PriceProbe(*protocol->model, source->setting).status() : source.status();
    if (!priced.ok()) {
      return unknown(absl::StrCat(" with the preset \"", metric.setting, "\""),
                     std::string(priced.message()));
    }
    return metric;
  }
  const std::vector<Link>& links = BuiltInLinks();
  if (std::none_of(links.begin(), links.end(),
                   [&](const Link& link) { return link.name == metric.setting; })) {
    return unknown(absl::StrCat(" with the unknown link \"", metric.setting, "\""),
                   absl::StrCat("a link of ", LinkNames()));
  }
  return metric;
}

absl::StatusOr<CostMetric> MetricCatalog::Parse(const std::string& text) const {
  FieldErrors errors;
  std::optional<CostMetric> metric = Parse(text, "metric", errors);
  if (!metric) return errors.ToStatus();
  return *std::move(metric);
}

absl::StatusOr<MetricSource> MetricCatalog::SourceOf(const CostMetric& metric) const {
  ASSIGN_OR_RETURN(const CostMetric known, Parse(metric.Text()));
  return MakeSource(*Find(known.protocol), known.setting);
}

const MetricCatalog& BuiltInMetrics() {
  static const auto* const catalog = [] {
    std::vector<const ProtocolModel*> models = ProtocolModels();
    models.push_back(new Papers());
    return new MetricCatalog(std::move(models));
  }();
  return *catalog;
}

}  // namespace reluscape

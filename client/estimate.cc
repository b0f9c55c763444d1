#include "client/estimate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "client/estimate_tables.h"
#include "client/network_argument.h"
#include "search/cost/ckks_preset.h"
#include "search/cost/delphi.h"
#include "search/cost/estimate_json.h"
#include "search/cost/json_fields.h"
#include "search/cost/kept_relus.h"
#include "search/cost/papers.h"
#include "search/cost/protocol_model.h"

namespace reluscape {
namespace {

using Json = nlohmann::ordered_json;

bool IsFile(const std::string& argument) {
  std::error_code error;
  return std::filesystem::is_regular_file(argument, error);
}

// Whether the argument can only be meant as a file.
bool LooksLikeFile(const std::string& argument) {
  return argument.size() > 5 && argument.substr(argument.size() - 5) == ".json";
}

absl::StatusOr<Link> LinkArgument(const std::string& argument) {
  if (!IsFile(argument) && !LooksLikeFile(argument)) return ParseLink(argument);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(argument, kMaxArgumentFileBytes));
  return LinkFromJson(text, argument);
}

absl::StatusOr<HardwareProfile> HardwareArgument(const std::string& argument) {
  if (!IsFile(argument) && !LooksLikeFile(argument)) return FindHardware(argument);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(argument, kMaxArgumentFileBytes));
  return HardwareFromJson(text, argument);
}

// {"he_evaluation_s": 292.41, ...}, any of the fields of MeasuredTerms.
absl::StatusOr<MeasuredTerms> MeasuredArgument(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxArgumentFileBytes));
  const auto document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  FieldErrors errors;
  if (!document.is_object()) {
    errors.Add(file, "no JSON object", "{\"he_evaluation_s\": 292.41, ...}");
    return errors.ToStatus();
  }
  MeasuredTerms measured;
  const std::pair<const char*, std::optional<double>*> fields[] = {
      {"he_evaluation_s", &measured.he_evaluation_s},
      {"encryption_s", &measured.encryption_s},
      {"decryption_s", &measured.decryption_s},
      {"encode_offline_s", &measured.encode_offline_s},
      {"encode_online_s", &measured.encode_online_s},
      {"shares_s", &measured.shares_s}};
  for (const auto& [name, value] : document.items()) {
    const auto field = std::find_if(std::begin(fields), std::end(fields),
                                    [&key = name](const auto& f) { return key == f.first; });
    const double number = value.is_number() ? value.template get<double>() : std::nan("");
    if (field == std::end(fields)) {
      errors.Add(absl::StrCat(file, ": ", name), "no field of that name",
                 "he_evaluation_s, encryption_s, decryption_s, encode_offline_s, encode_online_s, "
                 "shares_s");
    } else if (!std::isfinite(number) || number < 0) {
      errors.Add(absl::StrCat(file, ": ", name), ShownJson(value),
                 "seconds, a finite number from 0");
    } else {
      *field->second = number;
    }
  }
  if (!errors.empty()) return errors.ToStatus();
  return measured;
}

absl::StatusOr<Setting> SettingOf(const EstimateOptions& options) {
  Setting setting;
  ASSIGN_OR_RETURN(setting.link, LinkArgument(options.link));
  ASSIGN_OR_RETURN(setting.client, HardwareArgument(options.client));
  ASSIGN_OR_RETURN(setting.server, HardwareArgument(options.server));
  if (!options.measured.empty()) {
    ASSIGN_OR_RETURN(setting.measured, MeasuredArgument(options.measured));
  }
  if (options.he_threads) setting.server.he_threads = *options.he_threads;
  if (options.gc_threads) {
    setting.client.gc_threads = *options.gc_threads;
    setting.server.gc_threads = *options.gc_threads;
  }
  setting.polynomial = options.polynomial;
  setting.ring_bits = options.ring_bits;
  setting.gc_bytes_per_gate = options.gc_bytes_per_gate;
  setting.shared_weights = options.shared_weights;
  setting.charge_set_up = options.charge_set_up;
  setting.service = {.request_gap_s = options.request_gap_s,
                     .client_storage_bytes = options.storage_bytes,
                     .server_storage_bytes = options.server_storage_bytes};
  ASSIGN_OR_RETURN(setting.ckks, CkksOptionsOf(options.preset, options.ckks));
  return setting;
}

absl::StatusOr<std::vector<const ProtocolModel*>> ModelsOf(const EstimateOptions& options) {
  std::vector<std::string> names = options.protocols;
  if (names.empty()) names = {options.compare ? "all" : "delphi_server_garbler"};
  std::vector<const ProtocolModel*> models;
  for (const std::string& name : names) {
    if (name == "all") {
      models.insert(models.end(), ProtocolModels().begin(), ProtocolModels().end());
      continue;
    }
    ASSIGN_OR_RETURN(const ProtocolModel* model, FindProtocolModel(name));
    models.push_back(model);
  }
  return models;
}

// Which ReLUs of a network the user keeps, and what the others are.
absl::StatusOr<PricedNetwork> Keep(const NetworkLayers& layers, const EstimateOptions& options) {
  PricedNetwork network = KeepAllRelus(layers);
  if (options.relus) {
    ASSIGN_OR_RETURN(network, KeepRelus(layers, *options.relus));
  } else if (!options.relus_per_layer.empty()) {
    ASSIGN_OR_RETURN(const std::string text,
                     ReadFile(options.relus_per_layer, kMaxArgumentFileBytes));
    ASSIGN_OR_RETURN(network, KeepRelusPerLayer(layers, text, options.relus_per_layer));
  }
  if (options.polynomials) MakeRestPolynomials(network);
  return network;
}

struct Subject {
  std::string name;
  std::string canonical;
  NetworkLayers layers;
  std::vector<int64_t> kept;
  std::vector<int64_t> polynomials;
};

absl::StatusOr<Subject> SubjectOf(const NetworkArgument& network, const EstimateOptions& options) {
  ASSIGN_OR_RETURN(const Network built, BuildNetwork(network.architecture));
  Subject subject = {.name = network.text,
                     .canonical = CanonicalText(network.architecture),
                     .layers = {},
                     .kept = {},
                     .polynomials = {}};
  ASSIGN_OR_RETURN(subject.layers, LayersOf(built));
  ASSIGN_OR_RETURN(PricedNetwork priced, Keep(subject.layers, options));
  subject.kept = std::move(priced.kept);
  subject.polynomials = std::move(priced.polynomials);
  return subject;
}

std::vector<EstimateRow> Price(const std::vector<Subject>& subjects,
                               const std::vector<const ProtocolModel*>& models,
                               const Setting& setting, bool papers) {
  std::vector<EstimateRow> rows;
  for (const Subject& subject : subjects) {
    const PricedNetwork network = {
        .layers = &subject.layers, .kept = subject.kept, .polynomials = subject.polynomials};
    for (const ProtocolModel* model : models) {
      rows.push_back({.name = subject.name,
                      .network = subject.canonical,
                      .network_relus = subject.layers.relus,
                      .protocol = model->Name(),
                      .estimate = PricePrivateInference(*model, network, setting)});
      if (papers) rows.back().papers_s = PapersOnlineSeconds(KeptRelus(network));
    }
  }
  return rows;
}

// Whether DELPHI's two kinds of numbers stand side by side, which are not comparable.
bool MixesModels(const std::vector<EstimateRow>& rows) {
  bool whole_phase = false;
  bool composition = false;
  for (const EstimateRow& row : rows) {
    if (!row.estimate.ok() || row.protocol.rfind("delphi", 0) != 0) continue;
    (row.estimate->model == "whole_phase" ? whole_phase : composition) = true;
  }
  return whole_phase && composition;
}

Json RowJson(const EstimateRow& row) {
  Json document = {
      {"name", row.name}, {"network", row.network}, {"network_relus", row.network_relus}};
  if (!row.estimate.ok()) {
    document["protocol"] = row.protocol;
    document["error"] = std::string(row.estimate.status().message());
    return document;
  }
  document.update(EstimateJson(*row.estimate));
  if (row.papers_s) document["papers_online_nonlinear_s"] = *row.papers_s;
  return document;
}

void PrintJson(const Json& document, std::ostream& out) {
  out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void PrintList(const EstimateOptions& options, std::ostream& out) {
  std::vector<std::vector<std::string>> rows;
  Json document = {{"protocols", Json::array()},
                   {"links", Json::array()},
                   {"hardware", Json::array()},
                   {"ckks_presets", Json::array()}};
  for (const ProtocolModel* model : ProtocolModels()) {
    rows.push_back(
        {"protocol", model->Name(), absl::StrCat("version ", model->Version()), model->Source()});
    document["protocols"].push_back(
        {{"name", model->Name()}, {"version", model->Version()}, {"source", model->Source()}});
  }
  for (const Link& link : BuiltInLinks()) {
    rows.push_back({"link", link.name,
                    link.loopback ? std::string("no transfer added")
                                  : absl::StrCat(link.up_mbit_per_s, "/", link.down_mbit_per_s, "/",
                                                 link.round_trip_s, " (", link.status, ")"),
                    link.source});
    document["links"].push_back(
        {{"name", link.name},
         {"up_mbit_per_s", link.loopback ? Json(nullptr) : Json(link.up_mbit_per_s)},
         {"down_mbit_per_s", link.loopback ? Json(nullptr) : Json(link.down_mbit_per_s)},
         {"round_trip_s", link.loopback ? Json(nullptr) : Json(link.round_trip_s)},
         {"status", link.status},
         {"source", link.source}});
  }
  for (const HardwareProfile& profile : BuiltInHardware()) {
    rows.push_back({"hardware", profile.name, profile.description, profile.source});
    document["hardware"].push_back(Json::parse(HardwareToJson(profile)));
  }
  for (const CkksPreset& preset : BuiltInCkksPresets()) {
    rows.push_back({"ckks preset", preset.name, preset.description, preset.source});
    document["ckks_presets"].push_back({{"name", preset.name},
                                        {"description", preset.description},
                                        {"levels", preset.levels},
                                        {"slots", preset.slots},
                                        {"source", preset.source}});
  }
  if (options.json) {
    PrintJson(document, out);
    return;
  }
  out << RenderTable({{"kind"}, {"name"}, {"what"}, {"source"}}, rows, options.format);
}

absl::Status PrintSkips(const EstimateOptions& options,
                        const std::vector<NetworkArgument>& networks, const Setting& setting,
                        std::ostream& out) {
  std::vector<SkipSubject> subjects;
  for (const NetworkArgument& network : networks) {
    subjects.push_back({.name = network.text, .architecture = network.architecture});
  }
  return EstimateSkips(
      subjects, setting, [&options](const NetworkLayers& layers) { return Keep(layers, options); },
      options.format, options.json, out);
}

absl::Status CheckOptions(const EstimateOptions& options) {
  if (options.networks.empty()) {
    return absl::InvalidArgumentError(
        "NETWORK: found nothing; allowed: a name (resnet18@64), canonical text or file; --list "
        "needs none");
  }
  const PolynomialCosts& polynomial = options.polynomial;
  if (!options.polynomials && (polynomial.offline_s || polynomial.online_s ||
                               polynomial.offline_bytes || polynomial.online_bytes)) {
    return absl::InvalidArgumentError(
        "--polynomial-...: found costs of polynomials; allowed: only with --polynomials");
  }
  if (options.relus && !options.relus_per_layer.empty()) {
    return absl::InvalidArgumentError("--relus and --relus-per-layer exclude each other");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EstimatePrivateInference(const EstimateOptions& options, std::ostream& out) {
  if (options.list) {
    PrintList(options, out);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(Setting setting, SettingOf(options));
  std::vector<NetworkArgument> networks;
  for (const std::string& argument : options.networks) {
    ASSIGN_OR_RETURN(NetworkArgument network,
                     ReadNetworkArgument(argument, options.side, options.classes));
    networks.push_back(std::move(network));
  }
  if (options.ckks.skips) return PrintSkips(options, networks, setting, out);
  ASSIGN_OR_RETURN(const std::vector<const ProtocolModel*> models, ModelsOf(options));
  std::vector<Subject> subjects;
  for (const NetworkArgument& network : networks) {
    ASSIGN_OR_RETURN(Subject subject, SubjectOf(network, options));
    subjects.push_back(std::move(subject));
  }
  std::vector<EstimateRow> rows = Price(subjects, models, setting, options.papers);
  if (MixesModels(rows)) {
    setting.whole_phase = false;
    rows = Price(subjects, models, setting, options.papers);
  }
  if (rows.size() == 1) RETURN_IF_ERROR(rows.front().estimate.status());
  if (options.json) {
    Json documents = Json::array();
    for (const EstimateRow& row : rows) documents.push_back(RowJson(row));
    PrintJson(rows.size() == 1 && !options.compare ? documents.front() : documents, out);
  } else if (options.layers) {
    PrintLayers(rows, options.format, out);
  } else if (rows.size() == 1 && !options.compare) {
    PrintBreakdown(rows.front(), options.format, out);
  } else {
    PrintComparison(rows, options.format, out);
  }
  return absl::OkStatus();
}

}  // namespace reluscape

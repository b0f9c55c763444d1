#include "search/cost/kept_relus.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "search/cost/json_fields.h"

namespace reluscape {

PricedNetwork KeepAllRelus(const NetworkLayers& layers) {
  PricedNetwork network = {.layers = &layers, .kept = {}};
  for (const NonlinearLayer& layer : layers.nonlinear) network.kept.push_back(layer.units);
  return network;
}

void MakeRestPolynomials(PricedNetwork& network) {
  network.polynomials.assign(network.kept.size(), 0);
  for (size_t i = 0; i < network.kept.size(); ++i) {
    const NonlinearLayer& layer = network.layers->nonlinear[i];
    if (layer.kind == NonlinearKind::kRelu) network.polynomials[i] = layer.units - network.kept[i];
  }
}

absl::StatusOr<PricedNetwork> KeepRelus(const NetworkLayers& layers, int64_t relus) {
  if (relus < 0 || relus > layers.relus) {
    return absl::InvalidArgumentError(absl::StrCat("relus: found ", relus, "; allowed: 0 to ",
                                                   layers.relus, ", the ReLUs of the network"));
  }
  PricedNetwork network = KeepAllRelus(layers);
  std::vector<std::pair<int64_t, size_t>> remainders;  // of units * relus / layers.relus
  int64_t left = relus;
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    if (layers.nonlinear[i].kind != NonlinearKind::kRelu) continue;
    // Up to 2^80: wider than any 64-bit type.
    const auto share = static_cast<unsigned __int128>(layers.nonlinear[i].units) *
                       static_cast<unsigned __int128>(relus);
    const auto whole = static_cast<unsigned __int128>(layers.relus);
    network.kept[i] = static_cast<int64_t>(share / whole);
    left -= network.kept[i];
    remainders.emplace_back(static_cast<int64_t>(share % whole), i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  // A remainder above 0 means a share below the layer's units, so one more always fits.
  for (int64_t i = 0; i < left; ++i) ++network.kept[remainders[static_cast<size_t>(i)].second];
  return network;
}

absl::StatusOr<PricedNetwork> KeepRelusPerLayer(const NetworkLayers& layers,
                                                const std::string& json,
                                                const std::string& source) {
  const nlohmann::json document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  FieldErrors errors;
  if (!document.is_object()) {
    errors.Add(source, document.is_discarded() ? "no JSON" : document.type_name(),
               "an object {\"<ReLU layer>\": count, ...}");
    return errors.ToStatus();
  }
  PricedNetwork network = KeepAllRelus(layers);
  std::unordered_map<std::string, size_t> by_name;
  std::string example;
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    if (layers.nonlinear[i].kind != NonlinearKind::kRelu) continue;
    network.kept[i] = 0;
    by_name[layers.nonlinear[i].name] = i;
    if (example.empty()) example = layers.nonlinear[i].name;
  }
  for (const auto& [name, count] : document.items()) {
    const std::string field = absl::StrCat(source, ": ", name);
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      errors.Add(field, "no ReLU layer of that name",
                 absl::StrCat("the network's ReLU layers, ", by_name.size(), " in all: ", example,
                              ", ... (reluscape describe lists them)"));
      continue;
    }
    const int64_t units = layers.nonlinear[found->second].units;
    const bool fits =
        count.is_number_unsigned() && count.get<uint64_t>() <= static_cast<uint64_t>(units);
    if (!fits) {
      errors.Add(field, ShownJson(count),
                 absl::StrCat("a whole number, 0 to ", units, ", which the layer has"));
      continue;
    }
    network.kept[found->second] = count.get<int64_t>();
  }
  if (!errors.empty()) return errors.ToStatus();
  return network;
}

}  // namespace reluscape

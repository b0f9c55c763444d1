#include "search/cost/estimate_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/cost/json_or_null.h"

namespace reluscape {
namespace {

using Json = nlohmann::ordered_json;

const char* StandingName(Standing standing) {
  switch (standing) {
    case Standing::kSourced:
      return "sourced";
    case Standing::kAssumed:
      return "assumed";
    case Standing::kAtLeast:
      return "at_least";
    case Standing::kMissing:
      return "missing";
  }
  return "";
}

void AddTraffic(const std::string& prefix, const Traffic& traffic, Json& document) {
  document[absl::StrCat(prefix, "up_bytes")] = OrNull(traffic.up);
  document[absl::StrCat(prefix, "down_bytes")] = OrNull(traffic.down);
  document[absl::StrCat(prefix, "bytes")] = OrNull(traffic.both);
}

void AddExtras(const std::vector<Extra>& extras, Json& document) {
  for (const Extra& extra : extras) {
    Json* place = &document;
    std::string rest = extra.name;
    for (size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
      Json& outer = (*place)[rest.substr(0, dot)];
      if (!outer.is_null() && !outer.is_object()) {  // a number of that name: stays beside it
        place = &document;
        rest = extra.name;
        break;
      }
      place = &outer;
      rest = rest.substr(dot + 1);
    }
    std::visit([&](const auto& value) { (*place)[rest] = value; }, extra.value);
  }
}

Json PhaseTerms(const Phase& phase) {
  Json terms = Json::object();
  for (const TimeTerm& time : phase.terms) {
    terms[absl::StrCat(time.name, "_s")] = OrNull(time.seconds);
  }
  return terms;
}

void AddRemarks(const char* name, const Phase& phase, Json& remarks) {
  for (const TimeTerm& time : phase.terms) {
    if (time.standing == Standing::kSourced) continue;
    remarks.push_back({{"term", absl::StrCat(name, ".", time.name, "_s")},
                       {"standing", StandingName(time.standing)},
                       {"reason", time.reason}});
  }
}

Json BandJson(const Band& band) { return {{"low", band.low}, {"high", OrNull(band.high)}}; }

Json LayerJson(const LayerEstimate& layer) {
  Json document = {{"name", layer.name},
                   {"kind", layer.kind},
                   {"relus", OrNull(layer.relus)},
                   {"polynomials", OrNull(layer.polynomials)},
                   {"offline_s", OrNull(layer.offline_s)},
                   {"online_s", OrNull(layer.online_s)}};
  AddTraffic("offline_", layer.offline_bytes, document);
  AddTraffic("online_", layer.online_bytes, document);
  AddExtras(layer.extras, document);
  return document;
}

Json ServiceJson(const Estimate& estimate) {
  if (!estimate.service) return nullptr;
  return {{"request_gap_s", estimate.service->request_gap_s},
          {"none_stored_probability", estimate.service->none_stored_probability},
          {"mean_latency_s", estimate.service->mean_latency_s}};
}

}  // namespace

Json EstimateJson(const Estimate& estimate) {
  Json document = {{"protocol", estimate.protocol},
                   {"version", estimate.version},
                   {"model", estimate.model},
                   {"link", estimate.link},
                   {"client", estimate.client},
                   {"server", estimate.server},
                   {"relus", estimate.relus},
                   {"polynomials", estimate.polynomials},
                   {"offline_s", OfflineSeconds(estimate)},
                   {"online_s", OnlineSeconds(estimate)},
                   {"total_s", TotalSeconds(estimate)},
                   {"lower_bound", IsLowerBound(estimate)}};
  AddTraffic("offline_", estimate.offline.bytes, document);
  AddTraffic("online_", estimate.online.bytes, document);
  document["offline_flights"] = OrNull(estimate.offline.flights);
  document["online_flights"] = OrNull(estimate.online.flights);
  document["client_storage_bytes"] = estimate.client_storage_bytes;
  document["server_storage_bytes"] = estimate.server_storage_bytes;
  document["stored_inferences"] = OrNull(estimate.stored_inferences);
  document["service"] = ServiceJson(estimate);
  document["set_up"] = {{"seconds", OrNull(estimate.set_up_s)}};
  AddTraffic("", estimate.set_up_bytes, document["set_up"]);
  const DominantTerm dominant = FindDominantTerm(estimate);
  document["dominant"] = {
      {"phase", dominant.phase}, {"term", dominant.name}, {"seconds", dominant.seconds}};
  document["breakdown"] = {{"offline", PhaseTerms(estimate.offline)},
                           {"online", PhaseTerms(estimate.online)}};
  document["remarks"] = Json::array();
  AddRemarks("offline", estimate.offline, document["remarks"]);
  AddRemarks("online", estimate.online, document["remarks"]);
  document["band"] = BandJson(estimate.total_band);
  document["band"]["reason"] = estimate.band_reason;
  document["band"]["offline"] = BandJson(estimate.offline_band);
  document["band"]["online"] = BandJson(estimate.online_band);
  document["notes"] = estimate.notes;
  document["not_modelled"] = estimate.not_modelled;
  AddExtras(estimate.extras, document);
  document["layers"] = Json::array();
  for (const LayerEstimate& layer : estimate.layers) document["layers"].push_back(LayerJson(layer));
  return document;
}

}  // namespace reluscape

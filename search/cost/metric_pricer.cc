#include "search/cost/metric_pricer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/kept_relus.h"

namespace reluscape {
namespace {

// What a reader should know of a number's parts.
struct Caveats {
  bool is_lower_bound = false;
  std::string note;

  void Add(std::string_view text) {
    absl::StrAppend(&note, note.empty() ? "" : "; ", std::string(text));
  }
};

void Add(const char* phase, const TimeTerm& term, Caveats& caveats) {
  const char* what = nullptr;
  switch (term.standing) {
    case Standing::kSourced:
      return;
    case Standing::kAssumed:
      what = "assumed ";
      break;
    case Standing::kAtLeast:
      what = "at least ";
      break;
    case Standing::kMissing:
      what = "missing ";
      break;
  }
  caveats.is_lower_bound = caveats.is_lower_bound || term.standing != Standing::kAssumed;
  caveats.Add(absl::StrCat(what, phase, ".", term.name, ": ", term.reason));
}

// Of one phase, or of both; what is in no term lowers every one that has terms.
Caveats CaveatsOf(const Estimate& estimate, bool offline, bool online) {
  Caveats caveats;
  bool has_terms = false;
  const auto look = [&](const char* name, const Phase& phase) {
    has_terms = has_terms || !phase.terms.empty();
    for (const TimeTerm& term : phase.terms) Add(name, term, caveats);
  };
  if (offline) look("offline", estimate.offline);
  if (online) look("online", estimate.online);
  if (!has_terms) return caveats;
  for (const std::string& cost : estimate.not_modelled) {
    caveats.is_lower_bound = true;
    caveats.Add(absl::StrCat("not modelled: ", cost));
  }
  return caveats;
}

Caveats CaveatsOfTerm(const Estimate& estimate, const std::string& output) {
  Caveats caveats;
  const auto look = [&](const char* name, const Phase& phase) {
    for (const TimeTerm& term : phase.terms) {
      if (output == absl::StrCat(name, ".", term.name, "_s")) Add(name, term, caveats);
    }
  };
  look("offline", estimate.offline);
  look("online", estimate.online);
  return caveats;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricPricer>> MetricPricer::Create(
    const MetricCatalog& catalog, const std::vector<CostMetric>& metrics, const Network& network) {
  std::unique_ptr<MetricPricer> pricer(new MetricPricer());
  ASSIGN_OR_RETURN(pricer->layers_, LayersOf(network));
  pricer->metrics_ = metrics;
  for (size_t i = 0; i < metrics.size(); ++i) {
    Group* group = nullptr;
    for (Group& other : pricer->groups_) {
      const CostMetric& first = metrics[other.wanted.front().place];
      if (first.protocol == metrics[i].protocol && first.setting == metrics[i].setting) {
        group = &other;
      }
    }
    if (group == nullptr) {
      pricer->groups_.emplace_back();
      group = &pricer->groups_.back();
      ASSIGN_OR_RETURN(group->source, catalog.SourceOf(metrics[i]));
      group->ckks = group->source.model->Kind() == SettingKind::kPreset;
    }
    group->wanted.push_back(WantedOf(metrics[i], i));
  }
  for (size_t i = 0; i < pricer->layers_.nonlinear.size(); ++i) {
    const NonlinearLayer& layer = pricer->layers_.nonlinear[i];
    if (layer.kind == NonlinearKind::kRelu) pricer->relu_places_.emplace(layer.name, i);
  }
  return pricer;
}

MetricPricer::Wanted MetricPricer::WantedOf(const CostMetric& metric, size_t place) {
  Wanted wanted;
  wanted.place = place;
  const std::string& output = metric.output;
  if (output == "offline_s") {
    wanted.reading = Reading::kOfflineSeconds;
  } else if (output == "online_s") {
    wanted.reading = Reading::kOnlineSeconds;
  } else if (output == "total_s" || output == "seconds" || output == "mean_latency_s") {
    wanted.reading = Reading::kAllSeconds;
  } else if (output.starts_with("offline.") || output.starts_with("online.")) {
    wanted.reading = Reading::kTerm;
  } else {
    for (const bool offline : {true, false}) {
      const std::string phase = offline ? "offline" : "online";
      const std::pair<const char*, std::optional<int64_t> Traffic::*> parts[] = {
          {"_up_bytes", &Traffic::up}, {"_down_bytes", &Traffic::down}, {"_bytes", &Traffic::both}};
      for (const auto& [suffix, part] : parts) {
        if (output != phase + suffix) continue;
        wanted.reading = Reading::kBytes;
        wanted.bytes = part;
        wanted.offline = offline;
      }
    }
  }
  return wanted;
}

std::string_view MetricPricer::Kept(std::string note) {
  return *notes_.insert(std::move(note)).first;
}

std::vector<MetricPrice> MetricPricer::PriceGroup(const Group& group,
                                                  const PricedNetwork& network) {
  std::vector<MetricPrice> prices(group.wanted.size());
  const absl::StatusOr<Estimate> estimate =
      PricePrivateInference(*group.source.model, network, group.source.setting);
  if (!estimate.ok()) {
    const std::string_view note = Kept(std::string(estimate.status().message()));
    for (MetricPrice& price : prices) price.note = note;
    return prices;
  }
  std::optional<std::vector<std::pair<std::string, double>>> outputs;
  const auto find = [&](const std::string& name) -> std::optional<double> {
    if (!outputs) outputs = Outputs(*estimate);
    for (const auto& [output, value] : *outputs) {
      if (output == name) return value;
    }
    return std::nullopt;
  };
  // By reading: several metrics say the same of the same phases.
  std::array<std::optional<Caveats>, 3> shared;
  const auto caveats_of = [&](Reading reading) -> const Caveats& {
    std::optional<Caveats>& caveats = shared.at(static_cast<size_t>(reading));
    if (!caveats) {
      caveats = CaveatsOf(*estimate, /*offline=*/reading != Reading::kOnlineSeconds,
                          /*online=*/reading != Reading::kOfflineSeconds);
    }
    return *caveats;
  };
  for (size_t k = 0; k < prices.size(); ++k) {
    const Wanted& wanted = group.wanted[k];
    const std::string& output = metrics_[wanted.place].output;
    MetricPrice& price = prices[k];
    Caveats caveats;
    switch (wanted.reading) {
      case Reading::kOfflineSeconds:
        price.value = OfflineSeconds(*estimate);
        caveats = caveats_of(wanted.reading);
        break;
      case Reading::kOnlineSeconds:
        price.value = OnlineSeconds(*estimate);
        caveats = caveats_of(wanted.reading);
        break;
      case Reading::kAllSeconds:
        price.value = output == "total_s" ? TotalSeconds(*estimate) : find(output);
        caveats = caveats_of(wanted.reading);
        break;
      case Reading::kTerm:
        price.value = find(output);
        caveats = CaveatsOfTerm(*estimate, output);
        break;
      case Reading::kBytes: {
        const Phase& phase = wanted.offline ? estimate->offline : estimate->online;
        const std::optional<int64_t>& bytes = phase.bytes.*wanted.bytes;
        if (bytes) price.value = static_cast<double>(*bytes);
        break;
      }
      case Reading::kOther:
        price.value = find(output);
        break;
    }
    if (price.value && !std::isfinite(*price.value)) price.value.reset();
    price.is_lower_bound = price.value.has_value() && caveats.is_lower_bound;
    if (!price.value) {
      caveats.note = absl::StrCat("the model gives no ", output, " here",
                                  caveats.note.empty() ? "" : ": ", caveats.note);
    }
    price.note = Kept(std::move(caveats.note));
  }
  return prices;
}

std::vector<MetricPrice> MetricPricer::Price(const PricedNetwork& network) {
  std::vector<MetricPrice> all(metrics_.size());
  for (Group& group : groups_) {
    std::vector<MetricPrice> prices;
    if (group.ckks) {
      std::string pattern;
      for (size_t i = 0; i < network.kept.size(); ++i) {
        const int64_t kept = network.kept[i];
        pattern += kept == 0 ? '0' : kept < layers_.nonlinear[i].units ? '1' : '2';
        if (network.PolynomialsOf(i) > 0) pattern += '+';
      }
      const auto [known, added] = group.known.try_emplace(std::move(pattern));
      if (added) known->second = PriceGroup(group, network);
      prices = known->second;
    } else {
      prices = PriceGroup(group, network);
    }
    for (size_t k = 0; k < prices.size(); ++k) all[group.wanted[k].place] = prices[k];
  }
  return all;
}

absl::StatusOr<PricedNetwork> MetricPricer::Keep(const std::vector<KeptLayer>& kept,
                                                 int64_t relus) const {
  if (kept.empty()) return KeepRelus(layers_, relus);
  PricedNetwork network = KeepAllRelus(layers_);
  network.polynomials.assign(network.kept.size(), 0);
  for (const auto& [name, place] : relu_places_) network.kept[place] = -1;
  for (const KeptLayer& layer : kept) {
    const auto found = relu_places_.find(layer.layer);
    if (found == relu_places_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("layer ", layer.layer, ": the network has no ReLU of that name"));
    }
    int64_t& count = network.kept[found->second];
    const int64_t units = layers_.nonlinear[found->second].units;
    if (count >= 0) {
      return absl::InvalidArgumentError(absl::StrCat("layer ", layer.layer, " stands twice"));
    }
    if (layer.kept < 0 || layer.kept > units) {
      return absl::InvalidArgumentError(absl::StrCat("layer ", layer.layer, ": found ", layer.kept,
                                                     " ReLUs; allowed: 0 to ", units));
    }
    if (layer.polynomials < 0 || layer.polynomials > units - layer.kept) {
      return absl::InvalidArgumentError(
          absl::StrCat("layer ", layer.layer, ": found ", layer.polynomials,
                       " polynomials; allowed: 0 to ", units - layer.kept));
    }
    count = layer.kept;
    network.polynomials[found->second] = layer.polynomials;
  }
  for (const auto& [name, place] : relu_places_) {
    network.kept[place] = std::max<int64_t>(network.kept[place], 0);
  }
  return network;
}

}  // namespace reluscape

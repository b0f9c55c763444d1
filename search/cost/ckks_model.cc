#include "search/cost/ckks_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/cost/ckks_data.h"
#include "search/cost/estimate_parts.h"

namespace reluscape {
namespace {

constexpr size_t kMaxNetworks = 16;
constexpr size_t kMaxSets = 4096;  // of one network

// By operation, whether it is a ReLU layer that keeps any.
std::vector<bool> ActiveLayers(const PricedNetwork& network) {
  std::vector<bool> active(network.layers->network.ops.size(), false);
  for (size_t i = 0; i < network.kept.size(); ++i) {
    const NonlinearLayer& layer = network.layers->nonlinear[i];
    if (layer.kind == NonlinearKind::kRelu && network.kept[i] > 0) {
      active[static_cast<size_t>(layer.op)] = true;
    }
  }
  return active;
}

// By operation, whether it is a ReLU layer with polynomials; empty: none is.
std::vector<bool> PolynomialLayers(const PricedNetwork& network) {
  if (CountPolynomials(network) == 0) return {};
  std::vector<bool> layers(network.layers->network.ops.size(), false);
  for (size_t i = 0; i < network.kept.size(); ++i) {
    if (network.PolynomialsOf(i) > 0) {
      layers[static_cast<size_t>(network.layers->nonlinear[i].op)] = true;
    }
  }
  return layers;
}

void AddCounts(const CkksEstimate& ckks, Estimate& estimate) {
  std::vector<Extra>& extras = estimate.extras;
  extras.push_back({"label", std::string("model estimate")});
  extras.push_back({"preset", ckks.preset});
  extras.push_back({"activation", ckks.activation});
  extras.push_back({"levels", ckks.levels});
  extras.push_back({"depth", ckks.depth});
  extras.push_back({"peak_level", ckks.peak_level});
  extras.push_back({"bootstraps", ckks.bootstraps});
  extras.push_back({"bootstraps_weighted", ckks.bootstraps_weighted});
  extras.push_back({"schedule_bootstraps", ckks.schedule_bootstraps});
  extras.push_back({"rotations", ckks.ops.rotations});
  extras.push_back({"plaintext_multiplications", ckks.ops.plaintext_multiplications});
  extras.push_back({"ciphertext_multiplications", ckks.ops.ciphertext_multiplications});
  extras.push_back({"rescales", ckks.ops.rescales});
  extras.push_back({"seconds", ckks.seconds});
  for (const CkksPart part :
       {CkksPart::kConvolution, CkksPart::kSkip, CkksPart::kPool, CkksPart::kFullyConnected}) {
    const auto totals = std::find_if(ckks.parts.begin(), ckks.parts.end(),
                                     [part](const CkksTotals& t) { return t.part == part; });
    extras.push_back({absl::StrCat("breakdown.rotations.", PartName(part)),
                      totals == ckks.parts.end() ? 0 : totals->ops.rotations});
  }
  for (size_t section = 0; section < ckks.section_bootstraps.size(); ++section) {
    extras.push_back({absl::StrCat("breakdown.bootstraps_weighted.section_", section),
                      ckks.section_bootstraps[section]});
  }
}

void AddLayers(const CkksEstimate& ckks, Estimate& estimate) {
  for (const CkksStep& step : ckks.steps) {
    if (step.part == CkksPart::kFree && step.bootstraps == 0) continue;
    LayerEstimate layer;
    layer.name = step.name;
    layer.kind = step.part == CkksPart::kFree ? "join" : PartName(step.part);
    layer.online_s =
        step.seconds ? std::optional(*step.seconds + step.bootstrap_seconds) : std::nullopt;
    layer.extras = {{"level", step.level},
                    {"depth", step.depth},
                    {"ciphertexts", step.ciphertexts},
                    {"bootstraps", step.bootstraps},
                    {"bootstrap_s", step.bootstrap_seconds},
                    {"rotations", step.ops.rotations},
                    {"plaintext_multiplications", step.ops.plaintext_multiplications},
                    {"ciphertext_multiplications", step.ops.ciphertext_multiplications},
                    {"rescales", step.ops.rescales}};
    estimate.layers.push_back(std::move(layer));
  }
}

}  // namespace

Ckks::Ckks() {
  std::string texts;
  for (const char* text : BuiltInCkksJson()) absl::StrAppend(&texts, text);
  version_ = absl::StrCat("1-", ShortHash(Sha256Hex(texts)));
}

std::string Ckks::Name() const { return "ckks"; }

std::string Ckks::Version() const { return version_; }

std::string Ckks::Source() const {
  return "levels and the cheapest placement of bootstraps by our own dynamic program; operation "
         "counts of multiplexed parallel packing (Lee et al., ICML 2022, public code) or "
         "single-shot "
         "packing (Orion, public code); seconds of single operations from the preset's source.";
}

absl::StatusOr<std::shared_ptr<const CkksEstimate>> Ckks::PriceCkks(
    const PricedNetwork& network, const CkksOptions& options) const {
  const KnownSet set = {ActiveLayers(network), PolynomialLayers(network)};
  const MutexLock lock(mutex_);
  auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& candidate) {
    return candidate.options == options && candidate.network == network.layers->network;
  });
  if (known == known_.end()) {
    ASSIGN_OR_RETURN(CkksPricer pricer, CkksPricer::Create(network.layers->network, options));
    if (known_.size() == kMaxNetworks) known_.pop_back();
    known_.push_front({.network = network.layers->network,
                       .options = options,
                       .pricer = std::move(pricer),
                       .estimates = {}});
    known = known_.begin();
  }
  const auto found = known->estimates.find(set);
  if (found != known->estimates.end()) return found->second;
  ASSIGN_OR_RETURN(CkksEstimate estimate, known->pricer.Price(set.first, set.second));
  if (known->estimates.size() == kMaxSets) known->estimates.clear();
  auto shared = std::make_shared<const CkksEstimate>(std::move(estimate));
  known->estimates[set] = shared;
  return shared;
}

absl::StatusOr<Estimate> Ckks::Price(const PricedNetwork& network, const Setting& setting) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const CkksEstimate> ckks,
                   PriceCkks(network, setting.ckks));
  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  estimate.model = "levels";
  estimate.online.flights = 2;  // the encrypted image and the encrypted result
  estimate.offline.bytes = {};
  estimate.online.bytes = {.up = std::nullopt, .down = std::nullopt, .both = std::nullopt};
  estimate.online.terms.push_back(Sourced("bootstraps", ckks->bootstrap_seconds));
  for (const CkksTotals& totals : ckks->parts) {
    const char* name = PartName(totals.part);
    estimate.online.terms.push_back(totals.seconds ? Sourced(name, *totals.seconds)
                                                   : Missing(name, ckks->missing));
  }
  AddCounts(*ckks, estimate);
  if (setting.with_layers) AddLayers(*ckks, estimate);
  estimate.notes = ckks->notes;
  if (estimate.polynomials > 0) {
    estimate.notes.emplace_back(
        "coefficients of polynomials of degree 2 differ by slot at no extra level; beside ReLUs "
        "they cost one plaintext multiplication of the composition (derived)");
  }
  estimate.notes.push_back(absl::StrCat(
      "model estimate with preset ", ckks->preset, ", ", ckks->activation, " and ", ckks->levels,
      " levels after a bootstrap; client, server and link have no part in it"));
  estimate.not_modelled = {"encryption and decryption of image and result", "their transfer",
                           "keys: their generation, transfer and memory",
                           "additions and plaintext additions (below 1 % of the seconds)"};
  const BandFactors online = {.low = 1 / ckks->band_factor, .high = ckks->band_factor};
  SetBands(BandFactors(), online, ckks->band_reason, estimate);
  return estimate;
}

}  // namespace reluscape

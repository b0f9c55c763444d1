#include "search/cost/estimate_parts.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace reluscape {

TimeTerm Sourced(const char* name, double seconds) {
  return {.name = name, .seconds = seconds, .standing = Standing::kSourced, .reason = {}};
}

TimeTerm Assumed(const char* name, double seconds, std::string reason) {
  return {.name = name,
          .seconds = seconds,
          .standing = Standing::kAssumed,
          .reason = std::move(reason)};
}

TimeTerm AtLeast(const char* name, double seconds, std::string reason) {
  return {.name = name,
          .seconds = seconds,
          .standing = Standing::kAtLeast,
          .reason = std::move(reason)};
}

TimeTerm Missing(const char* name, std::string reason) {
  return {.name = name,
          .seconds = std::nullopt,
          .standing = Standing::kMissing,
          .reason = std::move(reason)};
}

Traffic UpDown(int64_t up, int64_t down) { return {.up = up, .down = down, .both = up + down}; }

Traffic BothWays(int64_t both) {
  if (both == 0) return {};
  return {.up = std::nullopt, .down = std::nullopt, .both = both};
}

Traffic operator+(const Traffic& a, const Traffic& b) {
  const auto sum = [](std::optional<int64_t> x, std::optional<int64_t> y) {
    return x && y ? std::optional<int64_t>(*x + *y) : std::nullopt;
  };
  return {.up = sum(a.up, b.up), .down = sum(a.down, b.down), .both = sum(a.both, b.both)};
}

TransferTime TransferSeconds(const Link& link, const Traffic& known, int64_t unknown_direction) {
  const auto bytes = static_cast<double>(unknown_direction);
  const double seconds = UploadSeconds(link, static_cast<double>(known.up.value_or(0))) +
                         DownloadSeconds(link, static_cast<double>(known.down.value_or(0))) +
                         std::min(UploadSeconds(link, bytes), DownloadSeconds(link, bytes));
  const bool at_least =
      unknown_direction > 0 && !link.loopback && link.up_mbit_per_s != link.down_mbit_per_s;
  return {.seconds = seconds, .at_least = at_least};
}

void AddCommunication(const Link& link, const Traffic& known, int64_t unknown_direction,
                      Phase& phase) {
  const TransferTime transfer = TransferSeconds(link, known, unknown_direction);
  phase.terms.push_back(
      transfer.at_least
          ? AtLeast(term::kTransfer, transfer.seconds,
                    "no source splits these bytes by direction: all counted in the faster one")
          : Sourced(term::kTransfer, transfer.seconds));
  if (phase.flights) {
    phase.terms.push_back(
        Sourced(term::kRoundTrips, RoundTripSeconds(link, static_cast<double>(*phase.flights))));
  }
  phase.bytes = known + BothWays(unknown_direction);
}

Estimate StartEstimate(const std::string& protocol, const std::string& version,
                       const PricedNetwork& network, const Setting& setting) {
  Estimate estimate = {.protocol = protocol,
                       .version = version,
                       .model = "composition",
                       .link = setting.link.name,
                       .client = setting.client.name,
                       .server = setting.server.name};
  estimate.relus = KeptRelus(network);
  estimate.polynomials = CountPolynomials(network);
  return estimate;
}

int64_t BytesOfBits(int64_t bits, int64_t count) {
  // Below 2^63: at most 2^40 items of a few thousand bits.
  return (bits * count + 7) / 8;
}

void SetBands(const BandFactors& offline, const BandFactors& online, std::string reason,
              Estimate& estimate) {
  const auto band = [](const Phase& phase, const BandFactors& factors) {
    const double seconds = PhaseSeconds(phase);
    const bool bounded =
        factors.covers_missing || std::all_of(phase.terms.begin(), phase.terms.end(),
                                              [](const TimeTerm& t) { return t.seconds; });
    return Band{.low = seconds * factors.low,
                .high = bounded ? std::optional<double>(seconds * factors.high) : std::nullopt};
  };
  estimate.offline_band = band(estimate.offline, offline);
  estimate.online_band = band(estimate.online, online);
  estimate.total_band = {.low = estimate.offline_band.low + estimate.online_band.low,
                         .high = std::nullopt};
  if (estimate.offline_band.high && estimate.online_band.high) {
    estimate.total_band.high = *estimate.offline_band.high + *estimate.online_band.high;
  }
  estimate.band_reason = std::move(reason);
}

namespace {

// Inferences that fit into the storage that is stated; empty where none is.
std::optional<int64_t> StoredInferences(const Setting& setting, const Estimate& estimate) {
  std::optional<int64_t> stored;
  const auto fit = [&stored](std::optional<int64_t> storage, std::optional<int64_t> of_profile,
                             int64_t per_inference) {
    if (!storage) storage = of_profile;
    if (!storage || per_inference <= 0) return;
    const int64_t fits = *storage / per_inference;
    stored = stored ? std::min(*stored, fits) : fits;
  };
  fit(setting.service.client_storage_bytes, setting.client.storage_bytes,
      estimate.client_storage_bytes);
  fit(setting.service.server_storage_bytes, setting.server.storage_bytes,
      estimate.server_storage_bytes);
  return stored;
}

// Of a store of `stored` places that is refilled at `refill` times the rate of requests.
double NoneStoredProbability(int64_t stored, double refill) {
  if (!std::isfinite(refill)) return 0;  // nothing to pre-compute
  if (std::abs(refill - 1) < 1e-9) return 1 / (static_cast<double>(stored) + 1);
  const double full = std::pow(refill, static_cast<double>(stored) + 1);
  return std::isfinite(full) ? (1 - refill) / (1 - full) : 0;
}

}  // namespace

void SetServiceView(const Setting& setting, Estimate& estimate) {
  const bool one_phase = estimate.offline.terms.empty();
  if (!one_phase) estimate.stored_inferences = StoredInferences(setting, estimate);
  if (!setting.service.request_gap_s) return;
  ServiceView view = {.request_gap_s = *setting.service.request_gap_s};
  const double offline = OfflineSeconds(estimate);
  const double online = OnlineSeconds(estimate);
  const int64_t stored = estimate.stored_inferences.value_or(0);
  if (one_phase || stored == 0) {
    view.none_stored_probability = one_phase ? 0 : 1;
    view.mean_latency_s = offline + online;
  } else {
    view.none_stored_probability = NoneStoredProbability(stored, view.request_gap_s / offline);
    view.mean_latency_s =
        online + view.none_stored_probability * std::max(0.0, offline - view.request_gap_s);
  }
  estimate.service = view;
}

}  // namespace reluscape

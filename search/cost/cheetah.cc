#include "search/cost/cheetah.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/cost/estimate_parts.h"
#include "search/cost/one_phase.h"
#include "search/cost/ot_comparison.h"
#include "search/cost/polynomial_units.h"
#include "search/cost/whole_numbers.h"

namespace reluscape {
namespace {

constexpr int64_t kTileSide = 64;  // a square tile of at most N pixels

// n log2 n of N = 4096 over N = 8192.
constexpr double kTransform4096Over8192 = (4096.0 * 12) / (8192.0 * 13);

// Seconds over those of the public log's machine; empty where nothing is known of the machine.
struct Machine {
  std::optional<double> factor;
  std::string assumed;  // why, where it is no measurement
};

Machine MachineOf(const HardwareProfile& server) {
  Machine machine;
  double transform = 0;
  if (server.ntt_4096_s) {
    transform = *server.ntt_4096_s;
  } else if (server.ntt_8192_s) {
    transform = *server.ntt_8192_s * kTransform4096Over8192;
    machine.assumed = absl::StrCat("transform of size 4096 of profile ", server.name,
                                   " taken from its 8192 by n log2 n");
  } else {
    return machine;
  }
  machine.factor = transform / kCheetahTransformS * static_cast<double>(kCheetahThreads) /
                   static_cast<double>(server.he_threads);
  return machine;
}

LayerCost LinearCost(const LinearLayer& layer, const Machine& machine, int64_t ring_bits) {
  const CheetahCounts counts = CountCheetah(layer);
  LayerCost cost = {.known = UpDown(kCheetahUploadBytes * counts.upload_ciphertexts,
                                    CheetahDownloadBytes(layer, counts, ring_bits)),
                    .flights = 2};
  if (machine.factor) {
    cost.seconds =
        *machine.factor * (kCheetahMultiplyS * static_cast<double>(counts.multiplications) +
                           kCheetahDownloadS * static_cast<double>(counts.download_ciphertexts));
  }
  cost.extras = {{"he.plaintext_multiplications", counts.multiplications},
                 {"he.upload_ciphertexts", counts.upload_ciphertexts},
                 {"he.download_ciphertexts", counts.download_ciphertexts}};
  return cost;
}

// Of one ReLU on the slower side.
double ReluSeconds(const Setting& setting) {
  const auto seconds = [](const HardwareProfile& profile) {
    return profile.silent_ot_relu_s.value_or(kCheetahReluS) /
           static_cast<double>(profile.gc_threads);
  };
  return std::max(seconds(setting.client), seconds(setting.server));
}

PolynomialUnit PolynomialOf(const Setting& setting) {
  return {.unknown_tenth_bits = SilentSquareTenthBits(setting.ring_bits),
          .flights = 2,
          .relu_seconds = ReluSeconds(setting),
          .relu_bytes = static_cast<double>(CheetahReluTenthBits(setting.ring_bits)) / 80,
          .basis =
              "one square by silent oblivious transfer, messages as in public code of SCI, "
              "which OpenCheetah shares"};
}

void SetCheetahBands(const NetworkLayers& layers, const Setting& setting, Estimate& estimate) {
  BandFactors band = {.low = 0.75, .high = 1.25};
  std::string reason =
      "constants fitted to one public log: 25 % (judgement); ReLU bytes within 5 %";
  if (setting.server.name != "cheetah_server" || setting.client.name != "cheetah_server") {
    if (setting.server.status == "calibrated" && setting.client.status == "calibrated") {
      band.Widen(0.75, 1.25);
      absl::StrAppend(&reason, "; scaled by the calibrated transform: 25 % more");
    } else {
      band = {.low = 0.5, .high = 3.3};
      reason =
          "machine not calibrated with OpenCheetah: on three public servers it took 1.9 to 3.3 "
          "times the printed seconds; ReLU bytes within 5 %";
    }
  }
  if (!layers.power_of_two_widths) {
    band.Widen(0.84, 1.16);
    absl::StrAppend(&reason, "; extrapolated: channel counts that are no powers of two, 16 % more");
  }
  SetBands({}, band, std::move(reason), estimate);
}

}  // namespace

CheetahCounts CountCheetah(const LinearLayer& layer) {
  int64_t height = layer.height;
  int64_t width = layer.width;
  if (layer.kernel == 1) {
    height = CeilDiv(height, layer.stride);
    width = CeilDiv(width, layer.stride);
  }
  height += 2 * layer.padding;
  width += 2 * layer.padding;
  CheetahCounts counts;
  int64_t slices = 1;
  if (height * width <= kCheetahDegree) {
    const int64_t channels =
        std::min({kCheetahDegree / (height * width), layer.in_channels,
                  std::max<int64_t>(1, kCheetahDegree / (layer.kernel * layer.kernel))});
    counts.upload_ciphertexts = CeilDiv(layer.in_channels, channels);
  } else {
    // Tiles overlap by kernel - 1 pixels. A map narrower than a tile is one tile wide.
    const int64_t overlap = layer.kernel - 1;
    const auto tiles = [overlap](int64_t side) {
      const int64_t tile = std::min(side, kTileSide);
      return CeilDiv(side - overlap, std::max<int64_t>(1, tile - overlap));
    };
    slices = tiles(height) * tiles(width);
    counts.upload_ciphertexts = layer.in_channels * slices;
  }
  counts.multiplications = layer.out_channels * counts.upload_ciphertexts;
  counts.download_ciphertexts = layer.out_channels * slices;
  return counts;
}

int64_t CheetahDownloadBytes(const LinearLayer& layer, const CheetahCounts& counts,
                             int64_t ring_bits) {
  return (counts.download_ciphertexts * kCheetahDownloadBits +
          (ring_bits + 1) * layer.OutElements() + 7) /
         8;
}

std::string Cheetah::Source() const {
  return "public code and public log of OpenCheetah (Cheetah, USENIX Security 2022)";
}

absl::StatusOr<Estimate> Cheetah::Price(const PricedNetwork& network,
                                        const Setting& setting) const {
  const NetworkLayers& layers = *network.layers;
  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  const Machine machine = MachineOf(setting.server);
  OnePhaseCosts costs;
  CheetahCounts sum;
  for (const LinearLayer& layer : layers.linear) {
    costs.linear.push_back(LinearCost(layer, machine, setting.ring_bits));
    const CheetahCounts counts = CountCheetah(layer);
    sum.upload_ciphertexts += counts.upload_ciphertexts;
    sum.multiplications += counts.multiplications;
    sum.download_ciphertexts += counts.download_ciphertexts;
  }
  const double relu_s = ReluSeconds(setting);
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    const int64_t n = network.kept[i];
    LayerCost cost = {.seconds = relu_s * static_cast<double>(n), .known = {}, .extras = {}};
    cost.unknown = (CheetahReluTenthBits(setting.ring_bits) * n + 79) / 80;
    cost.flights = n > 0 ? layers.nonlinear[i].depth * CheetahReluFlights(setting.ring_bits) : 0;
    costs.nonlinear.push_back(std::move(cost));
  }
  std::vector<TimeTerm>& terms = estimate.online.terms;
  if (!machine.factor) {
    terms.push_back(
        Missing(term::kHeEvaluation, absl::StrCat("server profile ", setting.server.name,
                                                  " has no transform time (ntt_4096_s)")));
  } else if (machine.assumed.empty()) {
    terms.push_back(Sourced(term::kHeEvaluation, KnownSeconds(costs.linear)));
  } else {
    terms.push_back(Assumed(term::kHeEvaluation, KnownSeconds(costs.linear), machine.assumed));
  }
  const bool measured = setting.client.silent_ot_relu_s && setting.server.silent_ot_relu_s;
  terms.push_back(measured
                      ? Sourced(term::kOt, KnownSeconds(costs.nonlinear))
                      : Assumed(term::kOt, KnownSeconds(costs.nonlinear),
                                "4 thread-microseconds per ReLU of the public log's machine where "
                                "a profile has no value"));
  AddPolynomials(PolynomialOf(setting), network, setting, costs, estimate);
  FinishOnePhase(costs, network, setting, estimate);
  estimate.set_up_bytes = BothWays(kCheetahSetUpBytes);
  estimate.extras = {{"he.plaintext_multiplications", sum.multiplications},
                     {"he.key_switches", int64_t{0}},
                     {"he.upload_ciphertexts", sum.upload_ciphertexts},
                     {"he.download_ciphertexts", sum.download_ciphertexts}};
  estimate.notes.emplace_back(
      "assumption: a fully connected layer counts as a 1x1 convolution on a 1x1 map");
  estimate.notes.emplace_back("flights are a lower bound: implementations use more");
  estimate.not_modelled.emplace_back(
      "bytes of truncation: 32 to 36 bits per value of known sign where they are published, none "
      "for l = 37");
  estimate.not_modelled.emplace_back("refills of silent OT, one per about 10^7 OTs");
  SetCheetahBands(layers, setting, estimate);
  SetServiceView(setting, estimate);
  return estimate;
}

}  // namespace reluscape

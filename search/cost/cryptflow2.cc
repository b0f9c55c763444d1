#include "search/cost/cryptflow2.h"

#include <utility>

#include "base/status_macros.h"
#include "search/cost/bfv_seconds.h"
#include "search/cost/estimate_parts.h"
#include "search/cost/one_phase.h"
#include "search/cost/ot_comparison.h"
#include "search/cost/polynomial_units.h"

namespace reluscape {
namespace {

// The paper states two rounds more for the field than for the ring; recalled.
constexpr int64_t kFieldExtraFlights = 2;

LayerCost ReluCost(const NonlinearLayer& layer, int64_t n, int64_t ring_bits, bool field) {
  LayerCost cost = {
      .seconds = kCryptflow2ReluS * static_cast<double>(n), .known = {}, .extras = {}};
  if (n == 0) return cost;
  cost.flights =
      layer.depth * (Cryptflow2ReluFlights(ring_bits) + (field ? kFieldExtraFlights : 0));
  if (field) {
    cost.unknown = BytesOfBits(Cryptflow2FieldReluBits(ring_bits), n);
  } else {
    const int64_t total = BytesOfBits(Cryptflow2ReluBits(ring_bits), n);
    const int64_t down = BytesOfBits(Cryptflow2ReluServerBits(ring_bits), n);
    cost.known = UpDown(total - down, down);
  }
  return cost;
}

PolynomialUnit PolynomialOf(int64_t ring_bits, bool field) {
  // The server is the sender. One message of the receiver, one of the sender.
  PolynomialUnit unit = {.up_tenth_bits = IknpSquareReceiverTenthBits(ring_bits),
                         .down_tenth_bits = IknpSquareSenderTenthBits(ring_bits),
                         .flights = 2,
                         .relu_seconds = kCryptflow2ReluS};
  const int64_t relu_bits =
      field ? Cryptflow2FieldReluBits(ring_bits) : Cryptflow2ReluBits(ring_bits);
  unit.relu_bytes = static_cast<double>(relu_bits) / 8;
  unit.basis = field ? "one square in the ring by oblivious transfer (public code of SCI) as a "
                       "stand-in for one in the field of SCI_HE"
                     : "one square by oblivious transfer, messages as in public code of SCI";
  return unit;
}

}  // namespace

int64_t Cryptflow2FieldReluBits(int64_t ring_bits) {
  return 192 * (ring_bits + 1) + 31 * ring_bits;
}

std::string Cryptflow2::Name() const {
  return linear_ == Cryptflow2Linear::kOt ? "cryptflow2" : "cryptflow2_he";
}

std::string Cryptflow2::Version() const { return "1"; }

std::string Cryptflow2::Source() const {
  return "public code of EzPC/SCI with its WAN setting (CrypTFlow2, CCS 2020); bytes per MAC and "
         "seconds per ReLU from the public log of EzPC issue 204";
}

absl::StatusOr<Estimate> Cryptflow2::Price(const PricedNetwork& network,
                                           const Setting& setting) const {
  const NetworkLayers& layers = *network.layers;
  const bool he = linear_ == Cryptflow2Linear::kHe;
  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  std::vector<TimeTerm>& terms = estimate.online.terms;
  OnePhaseCosts costs;
  if (he) {
    ASSIGN_OR_RETURN(const BfvWork work, CountBfvWork(layers));
    for (TimeTerm& term : BfvTerms(work, setting)) {
      if (term.standing == Standing::kSourced) term.standing = Standing::kAssumed;
      term.reason = "DELPHI's packing and constants as a stand-in for SCI_HE" +
                    (term.reason.empty() ? "" : "; " + term.reason);
      terms.push_back(std::move(term));
    }
    const MachineFactor server = BfvMachineFactor(setting.server);
    const double client = BfvMachineFactor(setting.client).factor.value_or(1);
    for (const BfvCounts& counts : work.layers) {
      LayerCost cost = {.known = UpDown(kBfvCiphertextBytes * counts.upload_ciphertexts,
                                        kBfvCiphertextBytes * counts.download_ciphertexts),
                        .flights = 2,
                        .extras = BfvExtras(counts)};
      if (server.factor) {
        cost.seconds =
            BfvEvaluationSeconds(counts) * *server.factor + BfvClientSeconds(counts) * client;
      }
      costs.linear.push_back(std::move(cost));
    }
    estimate.extras = BfvExtras(work.sum);
    estimate.notes.emplace_back(
        "assumption: bytes of linear layers are those of DELPHI's packing, bytes of ReLUs an upper "
        "bound recalled from the paper");
  } else {
    terms.push_back(Missing(term::kLinear, "no source gives the seconds of SCI_OT linear layers"));
    for (const LinearLayer& layer : layers.linear) {
      costs.linear.push_back({.seconds = std::nullopt,
                              .known = {},
                              .unknown = kCryptflow2BytesPerMac * layer.macs,
                              .extras = {}});
    }
    estimate.notes.emplace_back(
        "bytes of linear layers are about 90 per MAC, from one public log; their flights are not "
        "known and not counted");
  }
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    costs.nonlinear.push_back(
        ReluCost(layers.nonlinear[i], network.kept[i], setting.ring_bits, he));
  }
  terms.push_back(Assumed(term::kOt, KnownSeconds(costs.nonlinear),
                          "10 us per ReLU of one public log, whose machine is not known"));
  AddPolynomials(PolynomialOf(setting.ring_bits, he), network, setting, costs, estimate);
  if (!costs.polynomials.empty() && !setting.polynomial.online_bytes) {
    estimate.not_modelled.emplace_back(
        "truncations behind squares and behind products with coefficients: no source gives them");
  }
  FinishOnePhase(costs, network, setting, estimate);
  estimate.notes.emplace_back("flights are a lower bound: implementations use more");
  BandFactors band = {.low = 0.5, .high = 3.3};
  std::string reason =
      "no calibrated machine: re-runs of SCI_HE took 1.6 to 3.3 times the printed seconds; ReLU "
      "bytes within 5 %";
  if (he && !layers.power_of_two_widths) {
    band.Widen(0.84, 1.16);
    reason += "; extrapolated: channel counts that are no powers of two, 16 % more";
  }
  SetBands({}, band, std::move(reason), estimate);
  SetServiceView(setting, estimate);
  return estimate;
}

}  // namespace reluscape

#include "search/cost/spu.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/estimate_parts.h"
#include "search/cost/one_phase.h"
#include "search/cost/polynomial_units.h"
#include "search/cost/whole_numbers.h"

namespace reluscape {
namespace {

constexpr int64_t kPackedSlots = 8192;
// Measured kilobytes (10^3 bytes) per block of inputs, per block of outputs and per output; the
// second is smaller for a product with one row.
constexpr double kInputBlockBytes = 185.0e3;
constexpr double kOutputBlockBytes = 254.4e3;
constexpr double kOutputBlockBytesOneRow = 127.5e3;
constexpr double kBytesPerOutput = 3.13;
// Messages per ReLU layer (SPU Cheetah sends more above 8,192 elements).
constexpr int64_t kSemi2kReluFlights = 8;
constexpr int64_t kCheetahReluFlights = 20;
// Of a linear layer, derived: opened masks and truncation; ciphertexts there and back.
constexpr int64_t kLinearFlights = 2;
// Seconds per ReLU on two cores of a machine that is not named, noisy: 2.2 us; 17 to 21 us.
constexpr double kSemi2kReluS = 2.2e-6;
constexpr double kCheetahReluS = 19e-6;
// One-off, mostly the first products under homomorphic encryption.
constexpr int64_t kSpuCheetahSetUpBytes = 22'000'000;
// Of polynomials, see PolynomialOf.
constexpr int64_t kRingElementBytes = 8;
constexpr int64_t kTruncationBytes = 4;
constexpr int64_t kTruncationTenthBits = 363;  // 36.25 bits, rounded up
constexpr int64_t kMulContexts = 4;
constexpr int64_t kMulModulusBits = 109;

LayerCost ReluCost(bool semi2k, int64_t n) {
  LayerCost cost = {.seconds = (semi2k ? kSemi2kReluS : kCheetahReluS) * static_cast<double>(n),
                    .known = {},
                    .extras = {}};
  if (n == 0) return cost;
  if (semi2k) {
    cost.known = UpDown(Semi2kReluBytes(64) * n, Semi2kReluBytes(64) * n);
    cost.flights = kSemi2kReluFlights;
  } else {
    cost.unknown = CeilDiv((kSpuCheetahReluTenthBytes + kSpuCheetahRefillTenthBytes) * n, 10);
    cost.flights = kCheetahReluFlights;
  }
  return cost;
}

// A square and two truncations. Semi2k opens one ring element per party for a product's operand
// (public code; a product of a value with itself as the code of that version has it: two), and
// truncation takes 4 bytes per party as in the measured linear layers. Cheetah multiplies the two
// shares under encryption: for every 8192 of them one ciphertext polynomial of 109 bits per
// coefficient there and two back, in each of 4 plaintext moduli of 36 bits (public code); known
// sign makes a truncation 36.25 bits (published), which is taken for both.
PolynomialUnit PolynomialOf(bool semi2k) {
  if (semi2k) {
    const int64_t tenth_bits = 80 * (2 * kRingElementBytes + 2 * kTruncationBytes);
    return {.up_tenth_bits = tenth_bits,
            .down_tenth_bits = tenth_bits,
            .flights = 3,
            .relu_seconds = kSemi2kReluS,
            .relu_bytes = static_cast<double>(2 * Semi2kReluBytes(64)),
            .basis =
                "a product as public code of SPU counts it and two truncations as measured "
                "with linear layers"};
  }
  return {.unknown_tenth_bits = 2 * kTruncationTenthBits,
          .block_units = kPackedSlots,
          .block_bytes = kMulContexts * 3 * kPackedSlots * kMulModulusBits / 8,
          .flights = 4,
          .relu_seconds = kCheetahReluS,
          .relu_bytes =
              static_cast<double>(kSpuCheetahReluTenthBytes + kSpuCheetahRefillTenthBytes) / 10,
          .basis =
              "ciphertexts of one product of shares as public code of SPU makes them, derived "
              "and not measured, and two truncations of known sign"};
}

}  // namespace

MatrixProduct MatrixProductOf(const LinearLayer& layer) {
  return {.m = layer.out_height * layer.out_width,
          .k = layer.in_channels * layer.kernel * layer.kernel,
          .n = layer.out_channels};
}

int64_t Semi2kReluBytes(int64_t ring_bits) { return ring_bits + 8; }

int64_t Semi2kLinearBytes(const MatrixProduct& product) {
  return 8 * (product.m * product.k + product.k * product.n) + 4 * product.m * product.n;
}

absl::StatusOr<int64_t> SpuCheetahLinearBytes(const std::string& layer,
                                              const MatrixProduct& product, bool shared_weights) {
  const int64_t narrow = std::min(product.m, product.n);
  if (narrow > kPackedSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat(layer, ": found a product with ", product.m, " rows and ", product.n,
                     " columns; allowed: the smaller at most ", kPackedSlots,
                     ", beyond which SPU's Cheetah was not measured"));
  }
  const auto block = static_cast<int64_t>(
      std::bit_floor(static_cast<uint64_t>(std::min(product.k, kPackedSlots / narrow))));
  const int64_t outputs = product.m * product.n;
  const double bytes = kInputBlockBytes * static_cast<double>(CeilDiv(product.k, block)) +
                       (product.m == 1 ? kOutputBlockBytesOneRow : kOutputBlockBytes) *
                           static_cast<double>(CeilDiv(outputs, kPackedSlots)) +
                       kBytesPerOutput * static_cast<double>(outputs);
  return std::llround(shared_weights ? 2 * bytes : bytes);
}

std::string Spu::Name() const {
  return protocol_ == SpuProtocol::kSemi2k ? "spu_semi2k" : "spu_cheetah";
}

std::string Spu::Source() const {
  return "link counters of SecretFlow SPU 0.9.5, ring of 64 bits, loopback, steady state";
}

absl::StatusOr<Estimate> Spu::Price(const PricedNetwork& network, const Setting& setting) const {
  const NetworkLayers& layers = *network.layers;
  const bool semi2k = protocol_ == SpuProtocol::kSemi2k;
  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  OnePhaseCosts costs;
  for (const LinearLayer& layer : layers.linear) {
    const MatrixProduct product = MatrixProductOf(layer);
    LayerCost cost = {
        .seconds = std::nullopt, .known = {}, .flights = kLinearFlights, .extras = {}};
    if (semi2k) {
      const int64_t bytes = Semi2kLinearBytes(product);
      cost.known = UpDown(bytes, bytes);
    } else {
      ASSIGN_OR_RETURN(cost.unknown,
                       SpuCheetahLinearBytes(layer.name, product, setting.shared_weights));
    }
    costs.linear.push_back(std::move(cost));
  }
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    LayerCost cost = ReluCost(semi2k, network.kept[i]);
    cost.flights *= layers.nonlinear[i].depth;
    costs.nonlinear.push_back(std::move(cost));
  }
  estimate.online.terms.push_back(
      Missing(term::kLinear, "no source gives the seconds of SPU's linear layers"));
  estimate.online.terms.push_back(Assumed(term::kOt, KnownSeconds(costs.nonlinear),
                                          semi2k
                                              ? "2.2 us per ReLU on two cores, noisy"
                                              : "19 us per ReLU (17 to 21) on two cores, noisy"));
  AddPolynomials(PolynomialOf(semi2k), network, setting, costs, estimate);
  FinishOnePhase(costs, network, setting, estimate);
  if (semi2k) {
    estimate.not_modelled.emplace_back(
        "traffic of the trusted first party that hands out Beaver triples");
  } else {
    estimate.set_up_bytes = BothWays(kSpuCheetahSetUpBytes);
  }
  estimate.notes.emplace_back(
      "kept ReLUs are packed by public indices: the mask is known to the client, and a mask that "
      "is "
      "multiplied instead saves nothing");
  estimate.notes.emplace_back(
      "flights are a lower bound: those of linear layers are derived, large ReLU layers take more");
  SetBands({}, {.low = 0.5, .high = 2},
           "bytes as SPU 0.9.5 sends them; seconds of ReLUs noisy, those of linear layers missing",
           estimate);
  SetServiceView(setting, estimate);
  return estimate;
}

}  // namespace reluscape

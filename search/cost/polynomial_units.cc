#include "search/cost/polynomial_units.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/cost/estimate_parts.h"

namespace reluscape {
namespace {

constexpr int64_t kSecurityBits = 128;

// l + (l - 1) + ... + 1.
int64_t Payload(int64_t ring_bits) { return ring_bits * (ring_bits + 1) / 2; }

int64_t BytesOfTenthBits(int64_t tenth_bits, int64_t count) {
  return (tenth_bits * count + 79) / 80;
}

// Of n units of one layer, without seconds.
LayerCost TrafficOf(const PolynomialUnit& unit, const Setting& setting, int64_t n) {
  LayerCost cost = {.seconds = 0.0, .known = {}, .extras = {}};
  if (n == 0) return cost;
  cost.flights = unit.flights;
  if (setting.polynomial.online_bytes) {
    cost.unknown = *setting.polynomial.online_bytes * n;
    return cost;
  }
  cost.known =
      UpDown(BytesOfTenthBits(unit.up_tenth_bits, n), BytesOfTenthBits(unit.down_tenth_bits, n));
  cost.unknown = BytesOfTenthBits(unit.unknown_tenth_bits, n);
  if (unit.block_units > 0) {
    cost.unknown += unit.block_bytes * ((n + unit.block_units - 1) / unit.block_units);
  }
  return cost;
}

// Bytes of one unit of many.
double MeanBytes(const PolynomialUnit& unit) {
  const auto tenth_bits =
      static_cast<double>(unit.up_tenth_bits + unit.down_tenth_bits + unit.unknown_tenth_bits);
  const double block = unit.block_units == 0 ? 0
                                             : static_cast<double>(unit.block_bytes) /
                                                   static_cast<double>(unit.block_units);
  return tenth_bits / 80 + block;
}

}  // namespace

int64_t IknpSquareSenderTenthBits(int64_t ring_bits) { return 10 * Payload(ring_bits); }

int64_t IknpSquareReceiverTenthBits(int64_t ring_bits) { return 10 * kSecurityBits * ring_bits; }

int64_t SilentSquareTenthBits(int64_t ring_bits) {
  return 10 * Payload(ring_bits) + 13 * ring_bits;
}

void AddPolynomials(const PolynomialUnit& unit, const PricedNetwork& network,
                    const Setting& setting, OnePhaseCosts& costs, Estimate& estimate) {
  if (CountPolynomials(network) == 0) return;
  const double seconds =
      setting.polynomial.online_s.value_or(unit.relu_seconds * MeanBytes(unit) / unit.relu_bytes);
  for (size_t i = 0; i < network.kept.size(); ++i) {
    const int64_t n = network.PolynomialsOf(i);
    LayerCost cost = TrafficOf(unit, setting, n);
    cost.seconds = seconds * static_cast<double>(n);
    costs.polynomials.push_back(std::move(cost));
  }
  estimate.online.terms.push_back(
      Assumed(term::kPolynomials, KnownSeconds(costs.polynomials),
              setting.polynomial.online_s
                  ? "seconds per polynomial as they were set"
                  : "no source gives the seconds of a polynomial of degree 2: those of a ReLU, in "
                    "proportion to the bytes that both send"));
  estimate.notes.push_back(absl::StrCat(
      "bytes of a polynomial of degree 2: ",
      setting.polynomial.online_bytes ? "as they were set" : unit.basis,
      "; assumption: both parties know its coefficients, as they know the mask, and multiply by "
      "them without messages"));
}

}  // namespace reluscape

#include "search/cost/ot_comparison.h"

#include "search/cost/whole_numbers.h"

namespace reluscape {
namespace {

constexpr int64_t kRadixBits = 4;

}  // namespace

int64_t ComparisonDigits(int64_t ring_bits) {
  return (ring_bits - 1 + kRadixBits - 1) / kRadixBits;
}

int64_t ComparisonTriples(int64_t ring_bits) {
  const int64_t q = ComparisonDigits(ring_bits);
  return 2 * q - 2 - CeilLog2(q);
}

int64_t Cryptflow2ReluBits(int64_t ring_bits) {
  const int64_t leaf_ots = 288 * ComparisonDigits(ring_bits);
  const int64_t triples_and_openings = 148 * ComparisonTriples(ring_bits);
  const int64_t multiplexer = 2 * (128 + 2 * ring_bits);
  return leaf_ots + triples_and_openings + multiplexer;
}

int64_t Cryptflow2ReluServerBits(int64_t ring_bits) {
  return 32 * ComparisonDigits(ring_bits) + 18 * ComparisonTriples(ring_bits) + 2 * ring_bits + 128;
}

int64_t Cryptflow2ReluFlights(int64_t ring_bits) {
  return 6 + CeilLog2(ComparisonDigits(ring_bits));
}

int64_t CheetahReluTenthBits(int64_t ring_bits) {
  const int64_t q = ComparisonDigits(ring_bits);
  const int64_t triples = ComparisonTriples(ring_bits);
  const int64_t comparison = 10 * (36 * q + 4 * triples) + 3 * (4 * q + 2 * triples);
  return comparison + 10 * 2 * (ring_bits + 1);
}

int64_t CheetahReluFlights(int64_t ring_bits) { return 4 + CeilLog2(ComparisonDigits(ring_bits)); }

}  // namespace reluscape

#pragma once

// Polynomials of degree 2, c2 x^2 + c1 x + c0, in place of removed ReLUs, under protocols that do
// everything online. Thread-safe.
//
// A unit is one square of a shared value and one truncation behind it, then a sum of products with
// the three coefficients and a second truncation. Assumption: both parties know the coefficients,
// as they know the mask (there are three per channel of a layer); products with them are local
// then. No source gives the seconds of any part.

#include <cstdint>
#include <string>

#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/one_phase.h"
#include "search/cost/setting.h"

namespace reluscape {

// Tenths of bits of one square of a ring element of l bits by correlated OT, which has one cross
// term 2 x0 x1: l transfers of l, l - 1, ..., 1 bits (messages as public code of SCI has them for
// products; that a square needs one of a product's two cross terms is derived). By IKNP extension a
// transfer takes 128 bits more, which the receiver sends; by silent OT 1.3 bits more, as in the
// comparison of Cheetah.
int64_t IknpSquareSenderTenthBits(int64_t ring_bits);
int64_t IknpSquareReceiverTenthBits(int64_t ring_bits);
int64_t SilentSquareTenthBits(int64_t ring_bits);

// What a protocol says of one unit.
struct PolynomialUnit {
  int64_t up_tenth_bits = 0;
  int64_t down_tenth_bits = 0;
  int64_t unknown_tenth_bits = 0;  // of unknown direction, both together
  // Units that share a block of bytes of unknown direction, and that block; 0: there are none.
  int64_t block_units = 0;
  int64_t block_bytes = 0;
  int64_t flights = 0;      // of a layer; its ReLUs share them
  double relu_seconds = 0;  // of one ReLU, which a unit's are scaled from
  double relu_bytes = 1;    // of one ReLU, both directions
  std::string basis = {};   // where the bytes are from
};

// Fills costs.polynomials and adds the term "polynomials", marked as assumed: seconds per ReLU
// times bytes of a unit over bytes of a ReLU, or what Setting::polynomial states. Adds nothing
// where the network has no polynomials.
void AddPolynomials(const PolynomialUnit& unit, const PricedNetwork& network,
                    const Setting& setting, OnePhaseCosts& costs, Estimate& estimate);

}  // namespace reluscape

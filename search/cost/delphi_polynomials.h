#pragma once

// Polynomials of degree 2 in place of ReLUs under DELPHI, which squares a shared value with a
// Beaver triple. Thread-safe.
//
// Sources: seconds and bytes are those that DELPHI's paper prints for its quadratic activation,
// recalled and not checked: assumptions, which Setting::polynomial replaces. 36 bytes online are
// what public code of DELPHI sends for one triple, two elements of 9 bytes each way (derived here);
// the directions of the 152 bytes offline are not known. Assumption: both parties know the
// coefficients, as they know the mask, and multiply by them without messages.

#include <cstdint>

#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"

namespace reluscape {

// Per unit, with any machine and link.
inline constexpr double kDelphiSquareOfflineS = 19.9e-6;
inline constexpr double kDelphiSquareOnlineS = 1.2e-6;
inline constexpr int64_t kDelphiSquareOfflineBytes = 152;
inline constexpr int64_t kDelphiSquareOnlineBytes = 36;
// Stored per unit by each side until the image comes: its shares of a triple, 9 bytes each
// (derived).
inline constexpr int64_t kDelphiSquareStorageBytes = 27;

// What n units of one layer, or of all, send and take. Bytes of unknown direction stand apart.
struct DelphiSquares {
  double offline_s = 0;
  double online_s = 0;
  int64_t offline_unknown_bytes = 0;
  Traffic online_bytes = {};
  int64_t online_unknown_bytes = 0;
};
DelphiSquares SquaresOf(int64_t n, const PolynomialCosts& stated);

// The term "polynomials" of both phases, and what a reader must know. Nothing where `n` is 0.
void AddDelphiPolynomials(int64_t n, const PolynomialCosts& stated, Estimate& estimate);

}  // namespace reluscape

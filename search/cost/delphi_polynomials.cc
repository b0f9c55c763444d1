#include "search/cost/delphi_polynomials.h"

#include "search/cost/estimate_parts.h"

namespace reluscape {

DelphiSquares SquaresOf(int64_t n, const PolynomialCosts& stated) {
  DelphiSquares squares;
  squares.offline_s = stated.offline_s.value_or(kDelphiSquareOfflineS) * static_cast<double>(n);
  squares.online_s = stated.online_s.value_or(kDelphiSquareOnlineS) * static_cast<double>(n);
  squares.offline_unknown_bytes = stated.offline_bytes.value_or(kDelphiSquareOfflineBytes) * n;
  if (stated.online_bytes) {
    squares.online_unknown_bytes = *stated.online_bytes * n;
  } else {
    const int64_t each_way = kDelphiSquareOnlineBytes / 2 * n;
    squares.online_bytes = UpDown(each_way, each_way);
  }
  return squares;
}

void AddDelphiPolynomials(int64_t n, const PolynomialCosts& stated, Estimate& estimate) {
  if (n == 0) return;
  const DelphiSquares squares = SquaresOf(n, stated);
  const auto reason = [](bool set) {
    return set ? "seconds per polynomial as they were set"
               : "DELPHI's paper, recalled and not checked; the same on every machine";
  };
  estimate.offline.terms.push_back(
      Assumed(term::kPolynomials, squares.offline_s, reason(stated.offline_s.has_value())));
  estimate.online.terms.push_back(
      Assumed(term::kPolynomials, squares.online_s, reason(stated.online_s.has_value())));
  estimate.notes.emplace_back(
      "bytes of a polynomial of degree 2 (one square by a Beaver triple): recalled from DELPHI's "
      "paper where they were not set; assumption: both parties know its coefficients, as they know "
      "the mask, and multiply by them without messages");
}

}  // namespace reluscape

#include "search/cost/ckks_activation.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "search/cost/whole_numbers.h"

namespace reluscape {
namespace {

constexpr int64_t kImpossible = std::numeric_limits<int64_t>::max() / 4;

// The multiplications of one choice of baby steps and giant steps.
class BabyStepGiantStep {
 public:
  // Baby steps are the powers below `k`, those of odd degree only where `odd`; giant steps are
  // k * 2^i for i up to `last_giant`.
  BabyStepGiantStep(int64_t k, int64_t last_giant, bool odd) : k_(k), odd_(odd) {
    for (int64_t i = 0; i <= last_giant; ++i) factors_.insert(k << i);
    if (odd) {
      // The even powers that lead to the odd ones; they can serve as factors too.
      for (int64_t power = 2; power <= k; power *= 2) factors_.insert(power);
      powers_ = static_cast<int64_t>(factors_.size()) + std::max<int64_t>(0, k / 2 - 1);
    } else {
      powers_ = static_cast<int64_t>(factors_.size()) + k - 2;
      for (int64_t power = 2; power < k; ++power) factors_.insert(power);
    }
  }

  // kImpossible where `depth` levels do not suffice.
  int64_t Multiplications(int64_t degree, int64_t depth) {
    const int64_t products = Products(degree, depth);
    return products >= kImpossible ? kImpossible : powers_ + products;
  }

 private:
  // Beside the powers, for a polynomial of that degree within `depth` levels.
  int64_t Products(int64_t degree, int64_t depth) {
    if (depth < (degree < 1 ? 0 : 1)) return kImpossible;
    if (degree < 1) return 0;
    const auto known = products_.find({degree, depth});
    if (known != products_.end()) return known->second;
    int64_t best = kImpossible;
    if (degree < k_ && CeilLog2(degree) + 1 <= depth) best = 0;
    for (const int64_t factor : factors_) {
      if (factor > degree || (odd_ && factor == degree) || CeilLog2(factor) + 1 > depth) continue;
      const int64_t split = Products(degree - factor, depth - 1) + Products(factor - 1, depth) + 1;
      best = std::min(best, split);
    }
    products_[{degree, depth}] = best;
    return best;
  }

  int64_t k_;
  bool odd_;
  std::set<int64_t> factors_;  // powers of x by which a polynomial may be split
  int64_t powers_ = 0;         // multiplications that make all powers
  std::map<std::pair<int64_t, int64_t>, int64_t> products_;
};

PolynomialCost Cheapest(int64_t degree, bool odd) {
  PolynomialCost cost = {.depth = CeilLog2(degree + 1), .ciphertext_multiplications = kImpossible};
  for (int64_t k = 2; k <= degree + 1; k += odd ? 2 : 1) {
    for (int64_t last = 0; last == 0 || (k << last) <= degree; ++last) {
      BabyStepGiantStep schedule(k, last, odd);
      cost.ciphertext_multiplications =
          std::min(cost.ciphertext_multiplications, schedule.Multiplications(degree, cost.depth));
    }
  }
  if (!odd) {  // every power of its own, no giant step
    BabyStepGiantStep powers(degree + 1, /*last_giant=*/-1, odd);
    cost.ciphertext_multiplications =
        std::min(cost.ciphertext_multiplications, powers.Multiplications(degree, cost.depth));
  }
  return cost;
}

}  // namespace

PolynomialCost OddPolynomialCost(int64_t degree) {
  if (degree <= 1) return {.depth = 1, .ciphertext_multiplications = 0};
  return Cheapest(degree, /*odd=*/true);
}

PolynomialCost GeneralPolynomialCost(int64_t degree) {
  if (degree <= 1) return {.depth = 1, .ciphertext_multiplications = 0};
  return Cheapest(degree, /*odd=*/false);
}

CkksActivation MinimaxRelu(bool prescale) {
  CkksActivation relu = {.name = "minimax_relu"};
  for (const int64_t degree : {15, 15, 27}) {
    relu.composition.push_back(OddPolynomialCost(degree));
    relu.depth += relu.composition.back().depth;
    relu.ciphertext_multiplications += relu.composition.back().ciphertext_multiplications;
  }
  relu.depth += 1;
  relu.ciphertext_multiplications += 1;
  if (prescale) {
    relu.composition.front().depth += 1;
    relu.depth += 1;
    relu.plaintext_multiplications = 1;
  }
  return relu;
}

absl::StatusOr<CkksActivation> PolynomialActivation(int64_t degree, bool folded) {
  if (degree < 2 || degree > kMaxPolynomialDegree) {
    return absl::InvalidArgumentError(absl::StrCat("degree: found ", degree, "; allowed: 2 to ",
                                                   kMaxPolynomialDegree,
                                                   ", or none for the minimax ReLU"));
  }
  if (folded && degree != 2) {
    return absl::InvalidArgumentError(absl::StrCat("folded activation: found degree ", degree,
                                                   "; allowed: 2, whose leading coefficient the "
                                                   "next layer's weights can take"));
  }
  const PolynomialCost cost =
      degree % 2 == 1 ? OddPolynomialCost(degree) : GeneralPolynomialCost(degree);
  CkksActivation activation = {.name = absl::StrCat("polynomial_", degree),
                               .depth = cost.depth,
                               .ciphertext_multiplications = cost.ciphertext_multiplications};
  if (degree == 2) activation.plaintext_multiplications = folded ? 1 : 2;
  if (folded) {
    activation.depth = 1;
    activation.folded = true;
  }
  return activation;
}

}  // namespace reluscape

#pragma once

// By how much the hypervolume of a front is expected to grow with networks whose costs are known
// and whose errors are not. The reference point is 1 in every objective. Immutable, thread-safe.

#include <cstddef>
#include <vector>

#include "search/pareto/front.h"
#include "search/pareto/hypervolume.h"

namespace reluscape {

// The logarithm of an error is normally distributed.
struct LogError {
  double mean = 0;
  double deviation = 0;
};

// Of max(0, bound - error), the expected value.
double ExpectedShortfall(const LogError& error, double bound);

// The gain of points of known costs as a function of their common error: falling, convex, linear
// between the errors of the front, 0 from 1 on.
class GainOfError {
 public:
  // `rates`: by how much the gain grows per error that is less, between `errors` (rising): rates[i]
  // from errors[i] to errors[i + 1], rates.back() from errors.back() to 1, where errors[0] stands
  // for any smaller error.
  GainOfError(std::vector<double> errors, std::vector<double> rates);

  double At(double error) const;
  double Expected(const LogError& error) const;

 private:
  // The gain is the sum of weight * max(0, error - bound): where it bends, and by how much.
  struct Bend {
    double error;
    double weight;
  };
  std::vector<Bend> bends_;
};

class ExpectedGain {
 public:
  // `front`: points of an error and `costs` costs. `draws`: see NormalDraws, of as many values as a
  // network has Budgets, or more.
  ExpectedGain(const std::vector<Objectives>& front, size_t costs,
               std::vector<std::vector<double>> draws);

  // What a point of such costs adds, where points of the costs `others` at the same error are
  // there already.
  GainOfError Of(const std::vector<double>& costs,
                 const std::vector<std::vector<double>>& others = {}) const;

  // As Of(costs).Expected(error), or more, and faster: of two and three costs only the largest box
  // counts that the front takes away.
  double Bound(const std::vector<double>& costs, const LogError& error) const;

  // Of all points together: of one exact, of more by draws, which say how much the points take away
  // from each other. `means` and `factor` (lower triangular) of the logarithms of their errors.
  double Of(const std::vector<std::vector<double>>& costs, const std::vector<double>& means,
            const std::vector<std::vector<double>>& factor) const;

 private:
  size_t costs_;
  std::vector<std::vector<double>> draws_;
  std::vector<Objectives> front_;  // below 1, not dominated, by rising error
  std::vector<Objectives> front_costs_;
};

}  // namespace reluscape

#include "search/report_checks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxEpoch = 1'000'000;  // an epoch number beyond it is a slip, not training

// NaN fails it, too.
bool IsFraction(double value) { return value >= 0 && value <= 1; }

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

// `layer.kept` is at most its units.
absl::Status CheckPolynomials(const LayerRelus& layer) {
  if (layer.polynomials < 0 || layer.polynomials > layer.units - layer.kept) {
    return Wrong(absl::StrCat("reported a result with ", layer.polynomials,
                              " polynomials in layer ", layer.layer, ", which has ",
                              layer.units - layer.kept, " units without a ReLU"));
  }
  const bool expected = layer.polynomials > 0;
  if (layer.input_min.has_value() != expected || layer.input_max.has_value() != expected) {
    return Wrong(absl::StrCat(
        "reported a result with ", layer.polynomials, " polynomials in layer ", layer.layer,
        expected ? " without the range of their inputs" : " and a range of their inputs"));
  }
  // NaN fails it, too.
  if (expected && !(std::isfinite(*layer.input_min) && std::isfinite(*layer.input_max) &&
                    *layer.input_min <= *layer.input_max)) {
    return Wrong(absl::StrCat("reported a result whose polynomials in layer ", layer.layer,
                              " have inputs from ", *layer.input_min, " to ", *layer.input_max));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEpochReport(const EpochReport& epoch) {
  if (epoch.epoch < 0 || epoch.epoch > kMaxEpoch) {
    return Wrong(absl::StrCat("reported epoch ", epoch.epoch, "; allowed: 0 to ", kMaxEpoch));
  }
  const double lambda = epoch.lambda.value_or(0);
  if (!std::isfinite(epoch.loss) || !std::isfinite(epoch.learning_rate) || !std::isfinite(lambda) ||
      !std::isfinite(epoch.seconds)) {
    return Wrong(absl::StrCat("epoch ", epoch.epoch, " reported a number that is not finite (loss ",
                              epoch.loss, ", learning rate ", epoch.learning_rate, ", lambda ",
                              lambda, ", seconds ", epoch.seconds, ")"));
  }
  if (!IsFraction(epoch.train_accuracy) || !IsFraction(epoch.validation_accuracy)) {
    return Wrong(absl::StrCat("epoch ", epoch.epoch, " reported accuracies outside [0, 1]: train ",
                              epoch.train_accuracy, ", validation ", epoch.validation_accuracy));
  }
  if (epoch.relus < 0) {
    return Wrong(absl::StrCat("epoch ", epoch.epoch, " reported ", epoch.relus, " ReLUs"));
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshotReport(const SnapshotReport& s, const std::vector<int64_t>& budgets,
                                 int64_t network_relus) {
  if (std::find(budgets.begin(), budgets.end(), s.budget) == budgets.end()) {
    return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget,
                              ", which the candidate does not have"));
  }
  if (s.relus < s.budget || s.relus > network_relus) {
    return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget, " with ", s.relus,
                              " ReLUs; allowed: ", s.budget, " to ", network_relus));
  }
  if (s.epoch < 0 || !(s.device_seconds >= 0) || !std::isfinite(s.device_seconds)) {
    return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget, " in epoch ", s.epoch,
                              " after ", s.device_seconds, " seconds"));
  }
  if (!IsSha256Hex(s.artifact.sha256)) {
    return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget, " without a file"));
  }
  return absl::OkStatus();
}

absl::Status CheckResultReport(const ResultReport& r, int64_t budget, int64_t network_relus,
                               bool whole) {
  if (r.budget != budget) {
    return Wrong(absl::StrCat("reported a result for budget ", r.budget, " instead of ", budget));
  }
  if (r.relus < (whole ? budget : 0) || r.relus > budget) {
    return Wrong(absl::StrCat("reported a result with ", r.relus,
                              " ReLUs; allowed: ", whole ? "" : "0 to ", budget));
  }
  const std::pair<const char*, double> accuracies[] = {
      {"accuracy_soft", r.accuracy_soft},
      {"accuracy_trimmed", r.accuracy_trimmed},
      {"accuracy_validation", r.accuracy_validation},
      {"accuracy_test", r.accuracy_test},
  };
  for (const auto& [name, value] : accuracies) {
    // The value stays out of the message: that of the test set is sealed.
    if (!IsFraction(value)) {
      return Wrong(absl::StrCat("reported a result whose ", name, " is not in [0, 1]"));
    }
  }
  int64_t kept = 0;
  int64_t units = 0;
  for (const LayerRelus& layer : r.layers) {
    if (layer.kept < 0 || layer.units < layer.kept || layer.units > network_relus) {
      return Wrong(absl::StrCat("reported a result that keeps ", layer.kept, " of ", layer.units,
                                " ReLUs in layer ", layer.layer));
    }
    RETURN_IF_ERROR(CheckPolynomials(layer));
    kept += layer.kept;
    units += layer.units;
    if (units > network_relus) break;
  }
  if (!r.layers.empty() && (kept != r.relus || units > network_relus)) {
    return Wrong(absl::StrCat("reported a result of ", r.relus, " ReLUs whose layers keep ", kept,
                              " of ", units, " (the network has ", network_relus, ")"));
  }
  for (const ClassAccuracy& one : r.classes) {
    if (one.correct < 0 || one.images < one.correct) {
      return Wrong(absl::StrCat("reported a result with ", one.correct, " of ", one.images,
                                " images of class ", one.name, " right"));
    }
  }
  if (!IsSha256Hex(r.artifact.sha256)) return Wrong("reported a result without a file");
  return absl::OkStatus();
}

}  // namespace reluscape

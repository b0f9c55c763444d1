#pragma once

// What a Job may ask of its Results beside accuracy: objectives and hard limits. Thread-safe.
//
// An objective is "relus", "macs", "parameters" or a cost metric (search/cost/metric.h). A limit is
// "<metric> <= <value>" with a cost metric; the value is in the metric's own unit: seconds of names
// that end in "_s" or are "seconds", bytes of those in "_bytes", else a count.

#include <optional>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/cost/metric.h"

namespace reluscape {

// A hard limit on what private inference may cost: Results above it are never on the Front.
struct CostLimit {
  std::string metric;  // canonical (search/cost/metric.h)
  double at_most = 0;  // finite, at least 0

  friend bool operator==(const CostLimit&, const CostLimit&) = default;
};

// The canonical form of an objective, or std::nullopt and an error at `field` that says what is
// allowed.
std::optional<std::string> ParseObjective(const std::string& text, const MetricCatalog& metrics,
                                          const std::string& field, FieldErrors& errors);

// Likewise of a limit; its value must be a finite number that is not negative.
std::optional<CostLimit> ParseCostLimit(const std::string& text, const MetricCatalog& metrics,
                                        const std::string& field, FieldErrors& errors);

// "cheetah.online_s@wan <= 2": ParseCostLimit reads it back as the same limit.
std::string CostLimitText(const CostLimit& limit);

// The limits of a Job that has been checked.
std::vector<CostLimit> CostLimitsOf(const v1::LimitsSpec& limits);

// The cost metrics among a Job's objectives and limits, each once, in that order.
std::vector<CostMetric> NamedMetrics(const std::vector<std::string>& objectives,
                                     const std::vector<CostLimit>& limits,
                                     const MetricCatalog& metrics);

}  // namespace reluscape

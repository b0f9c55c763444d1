#pragma once

// Prices many Results of one network by a list of metrics, quickly.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/metric.h"

namespace reluscape {

// What one metric says of one Result.
struct MetricPrice {
  std::optional<double> value;  // empty: there is none, and `note` says why
  bool is_lower_bound = false;  // a part of it is not known or known from below only
  // Assumed and missing parts, or why there is no value. Lives as long as the pricer.
  std::string_view note;

  friend bool operator==(const MetricPrice&, const MetricPrice&) = default;
};

// ReLUs that one layer keeps.
struct KeptLayer {
  std::string layer;  // name of the ReLU's operation
  int64_t kept = 0;
  int64_t polynomials = 0;  // of degree 2, of the units that are not kept
};

// Not thread-safe: remembers what repeats between Results.
class MetricPricer {
 public:
  // INVALID_ARGUMENT: `metrics` holds one that `catalog` does not have, or the network cannot be
  // priced at all (LayersOf). The protocols of `catalog` must outlive the pricer.
  static absl::StatusOr<std::unique_ptr<MetricPricer>> Create(
      const MetricCatalog& catalog, const std::vector<CostMetric>& metrics, const Network& network);

  const NetworkLayers& layers() const { return layers_; }

  // One entry per metric, in the order of Create. A protocol that refuses the network gives a price
  // without value and its reason as the note. `network` is of layers().
  std::vector<MetricPrice> Price(const PricedNetwork& network);

  // The network with exactly these ReLUs and polynomials; a ReLU layer that is not named keeps
  // none. An empty list stands for `relus` in proportion to each layer's units: of a Result whose
  // layers nobody reported. INVALID_ARGUMENT names a layer that is unknown, stands twice, or has
  // too many of either.
  absl::StatusOr<PricedNetwork> Keep(const std::vector<KeptLayer>& kept, int64_t relus) const;

 private:
  // How an output is read: the common ones without a look through the list of all.
  enum class Reading {
    kOfflineSeconds,
    kOnlineSeconds,
    kAllSeconds,  // total_s, and what else is said of both phases
    kTerm,        // "offline.garbling_s"
    kBytes,
    kOther,
  };
  struct Wanted {
    size_t place = 0;  // in metrics_
    Reading reading = Reading::kOther;
    std::optional<int64_t> Traffic::*bytes = nullptr;  // of kBytes
    bool offline = false;                              // of kBytes
  };
  // The metrics that come from one estimate.
  struct Group {
    MetricSource source;
    bool ckks = false;
    std::vector<Wanted> wanted;
    // Of ckks, by which layers keep none, some and all of their ReLUs and which have polynomials:
    // nothing else counts there.
    std::map<std::string, std::vector<MetricPrice>> known;
  };

  MetricPricer() = default;
  static Wanted WantedOf(const CostMetric& metric, size_t place);
  std::vector<MetricPrice> PriceGroup(const Group& group, const PricedNetwork& network);
  std::string_view Kept(std::string note);

  NetworkLayers layers_;
  std::vector<CostMetric> metrics_;
  std::vector<Group> groups_;
  std::map<std::string, size_t> relu_places_;  // layer name to place in layers_.nonlinear
  std::set<std::string> notes_;                // a set's strings stay where they are
};

}  // namespace reluscape

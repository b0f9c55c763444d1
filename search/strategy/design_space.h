#pragma once

// The search space of a Job: networks that SpaceChoices spans, within the Job's limits, with what
// is known of them before training. Not thread-safe.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/views.pb.h"
#include "search/cost/metric.h"
#include "search/strategy/candidates.h"
#include "search/strategy/layer_shares.h"
#include "search/strategy/space_choices.h"
#include "search/strategy/strategy.h"
#include "search/vocabulary/objective.h"

namespace reluscape {

// A space of at most so many combinations is listed whole.
inline constexpr int64_t kMaxListed = 100'000;

// What a look at a space has found.
struct SpaceSummary {
  int64_t combinations = 0;  // kMostCombinations: that many or more
  bool listed = false;       // whether all of them were looked at; else `looked_at` drawn ones
  int64_t looked_at = 0;
  int64_t networks = 0;  // that can be trained within the limits, each once
  // Of those that were looked at.
  int64_t same = 0;                         // another combination is the same network
  std::map<std::string, int64_t> left_out;  // by reason: "cannot be built", "above limits.max_macs"
};

class DesignSpace : public SearchSpace {
 public:
  // Of a checked Job with candidates.space. Null where an error was added. `metrics` must outlive
  // it.
  static std::unique_ptr<DesignSpace> Create(const v1::JobSpec& spec, const MetricCatalog& metrics,
                                             FieldErrors& errors);

  const std::vector<SpaceDimension>& dimensions() const override { return choices_.dimensions(); }
  const std::vector<SpacePoint>* All() override;
  std::optional<SpacePoint> Find(const SpacePoint& point) override;
  const NetworkOutlook& Look(const SpacePoint& point) override;
  const std::vector<SpacePoint>& Seeds() override;

  // Lists the space, or looks at some thousand combinations of it.
  const SpaceSummary& Summarize();
  // Every network of a space that is listed, else those that Summarize has looked at.
  const std::vector<SpacePoint>& LookedAt();

  // The network of a point that Find returned, as the planner takes it; replacement() says what its
  // removed ReLUs become.
  ProposedNetwork Expand(const SpacePoint& point);
  v1::LinearizeSpec::Replacement ReplacementOf(const SpacePoint& point) const {
    return choices_.ReplacementOf(point);
  }

  // The point of a network that is listed. Nothing where it is not, or the space is not.
  std::optional<SpacePoint> PointOf(const std::string& network_hash,
                                    v1::LinearizeSpec::Replacement replacement);
  // Of a network that is not of the space; alike to none of it but by its size.
  NetworkOutlook Foreign(const ProposedNetwork& network) const;

  // The Job's objectives of a network at each of `budgets`: exact, or where layers' shares count as
  // descents so far let expect, in proportion before any. Without value where a metric has none.
  std::vector<std::vector<std::optional<double>>> ObjectivesAt(const SpacePoint& point,
                                                               const std::vector<int64_t>& budgets);

  // By which costs are scaled from now on. Before it all are 0.
  void SetBox(const v1::HypervolumeBox& box);
  // What a Result has kept: from now on others are expected to keep alike.
  void Learn(const PricedNetwork& kept);
  // Device time is expected to be `base + per_mac * MACs`.
  void SetWork(double base, double per_mac);

 private:
  struct Entry {
    NetworkOutlook outlook;
    int64_t macs = 0;
    int64_t parameters = 0;
    std::string left_out;  // why; empty = it is there
    int64_t version = -1;  // of the costs of `outlook`
  };

  DesignSpace(const v1::JobSpec& spec, const MetricCatalog& metrics, SpaceChoices choices);

  std::string HashOf(const std::string& network_hash,
                     v1::LinearizeSpec::Replacement replacement) const;
  // Of any point.
  Entry& At(const SpacePoint& point);
  Entry Build(const SpacePoint& point) const;
  // Why no Budget of the network keeps to the hard limits; takes those out that do not.
  std::string LimitCosts(const SpacePoint& point, const Network& network,
                         std::vector<int64_t>& budgets) const;
  void Price(const SpacePoint& point, Entry& entry);
  // As ObjectivesAt.
  std::vector<std::vector<std::optional<double>>> ObjectivesOf(
      const Network& network, int64_t macs, int64_t parameters,
      v1::LinearizeSpec::Replacement replacement, const std::vector<int64_t>& budgets) const;
  // `budgets` of a network with their scaled costs, without those that have none.
  std::vector<BudgetOutlook> Scaled(
      const std::vector<int64_t>& budgets,
      const std::vector<std::vector<std::optional<double>>>& objectives) const;
  // Where `budget` ReLUs are expected to stay.
  PricedNetwork Expected(const NetworkLayers& layers, int64_t budget) const;
  void List();
  // `index` in mixed radix.
  SpacePoint PointAt(int64_t index) const;

  const v1::JobSpec spec_;
  const MetricCatalog& metrics_;
  const SpaceChoices choices_;
  const std::vector<CostLimit> cost_limits_;
  const std::vector<CostMetric> priced_;  // of objectives and limits
  LayerShares shares_;
  v1::HypervolumeBox box_;
  double work_base_ = 0;
  double work_per_mac_ = 1;
  int64_t version_ = 0;  // of what costs are computed with

  std::map<SpacePoint, Entry> entries_;
  std::unordered_map<std::string, SpacePoint> by_hash_;
  bool looked_ = false;
  SpaceSummary summary_;
  std::vector<SpacePoint> points_;
  std::optional<std::vector<SpacePoint>> seeds_;
};

}  // namespace reluscape

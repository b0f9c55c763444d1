#include "search/strategy/design_space.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "search/cost/kept_relus.h"
#include "search/strategy/budgets.h"
#include "search/strategy/hypervolume_box.h"
#include "search/strategy/network_costs.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"

namespace reluscape {
namespace {

// Combinations that are looked at of a space that is not listed.
constexpr int64_t kDrawn = 4096;
// Features are logarithms of numbers that differ by factors of two to eight within a space.
constexpr double kFeatureScale = 0.5;

double Feature(double number) { return kFeatureScale * std::log2(std::max(number, 1e-3)); }

// The sections' widths and depths, base channels among them, and the size of it all.
std::vector<double> FeaturesOf(const std::vector<SectionShape>& shapes, int64_t macs) {
  std::vector<double> features;
  for (const SectionShape& shape : shapes) {
    features.push_back(Feature(static_cast<double>(shape.width)));
    features.push_back(Feature(static_cast<double>(shape.blocks)));
  }
  features.push_back(Feature(static_cast<double>(macs)));
  return features;
}

}  // namespace

std::unique_ptr<DesignSpace> DesignSpace::Create(const v1::JobSpec& spec,
                                                 const MetricCatalog& metrics,
                                                 FieldErrors& errors) {
  std::optional<SpaceChoices> choices = SpaceChoices::Read(spec, errors);
  if (!choices) return nullptr;
  return std::unique_ptr<DesignSpace>(new DesignSpace(spec, metrics, *std::move(choices)));
}

DesignSpace::DesignSpace(const v1::JobSpec& spec, const MetricCatalog& metrics,
                         SpaceChoices choices)
    : spec_(spec),
      metrics_(metrics),
      choices_(std::move(choices)),
      cost_limits_(CostLimitsOf(spec.limits())),
      priced_(NamedMetrics(ListOf(spec.objectives()), cost_limits_, metrics)) {
  summary_.combinations = choices_.Combinations();
  summary_.listed = summary_.combinations <= kMaxListed;
}

DesignSpace::Entry DesignSpace::Build(const SpacePoint& point) const {
  Entry entry;
  const NamedArchitecture named = choices_.NetworkOf(point);
  FieldErrors errors;
  const std::vector<SectionShape> shapes = SectionShapes(named.architecture, errors);
  if (!errors.empty()) {
    entry.left_out = "cannot be built";
    return entry;
  }
  const absl::StatusOr<Network> network = BuildNetwork(named.architecture);
  const absl::StatusOr<NetworkCounts> counts =
      network.ok() ? CountNetwork(*network) : absl::StatusOr<NetworkCounts>(network.status());
  if (!counts.ok()) {
    entry.left_out = "cannot be built";
    return entry;
  }
  entry.macs = counts->macs;
  entry.parameters = counts->parameters;
  const v1::LimitsSpec& limits = spec_.limits();
  std::vector<int64_t> budgets = BudgetsOf(spec_.budgets(), counts->relus);
  if (limits.max_macs() > 0 && counts->macs > limits.max_macs()) {
    entry.left_out = "above limits.max_macs";
  } else if (limits.max_parameters() > 0 && counts->parameters > limits.max_parameters()) {
    entry.left_out = "above limits.max_parameters";
  } else if (budgets.empty()) {
    entry.left_out = "no budget is below their ReLUs";
  } else {
    entry.left_out = LimitCosts(point, *network, budgets);
  }
  NetworkOutlook& outlook = entry.outlook;
  outlook.hash = HashOf(NetworkHash(*network), ReplacementOf(point));
  outlook.kinds = choices_.KindsOf(point);
  outlook.features = FeaturesOf(shapes, counts->macs);
  for (const int64_t budget : budgets) {
    outlook.budgets.push_back(
        {.budget = budget, .feature = std::log2(static_cast<double>(budget)), .costs = {}});
  }
  return entry;
}

std::string DesignSpace::HashOf(const std::string& network_hash,
                                v1::LinearizeSpec::Replacement replacement) const {
  if (replacement == spec_.stages().linearize().replacement()) return network_hash;
  return absl::StrCat(network_hash, "/", NameOf(replacement));
}

std::optional<SpacePoint> DesignSpace::PointOf(const std::string& network_hash,
                                               v1::LinearizeSpec::Replacement replacement) {
  if (!summary_.listed) return std::nullopt;
  List();
  const auto found = by_hash_.find(HashOf(network_hash, replacement));
  return found == by_hash_.end() ? std::nullopt : std::optional<SpacePoint>(found->second);
}

NetworkOutlook DesignSpace::Foreign(const ProposedNetwork& network) const {
  NetworkOutlook outlook;
  outlook.hash = network.hash;
  FieldErrors errors;
  outlook.features = FeaturesOf(SectionShapes(network.architecture, errors), network.counts.macs);
  // The size comes last and stays there, however many sections there are.
  const double size = outlook.features.back();
  outlook.features.pop_back();
  outlook.features.resize(2 * choices_.sections());
  outlook.features.push_back(size);
  outlook.kinds.assign(choices_.KindsOf(PointAt(0)).size(), -1);
  outlook.work = work_base_ + work_per_mac_ * static_cast<double>(network.counts.macs);
  outlook.budgets = Scaled(
      network.budgets, ObjectivesOf(network.network, network.counts.macs, network.counts.parameters,
                                    network.replacement, network.budgets));
  return outlook;
}

std::string DesignSpace::LimitCosts(const SpacePoint& point, const Network& network,
                                    std::vector<int64_t>& budgets) const {
  if (cost_limits_.empty()) return "";
  NetworkCosts costs(network, metrics_, priced_, ReplacementOf(point));
  std::string reason;
  std::erase_if(budgets, [&](int64_t budget) {
    for (const CostLimit& limit : cost_limits_) {
      const CostBand band = costs.At(limit.metric, budget);
      if (band.proportional && band.lowest <= limit.at_most) continue;
      reason = band.proportional ? absl::StrCat("no budget keeps to ", CostLimitText(limit))
                                 : absl::StrCat("cannot be priced by ", limit.metric);
      return true;
    }
    return false;
  });
  return budgets.empty() ? reason : "";
}

DesignSpace::Entry& DesignSpace::At(const SpacePoint& point) {
  const auto found = entries_.find(point);
  return found != entries_.end() ? found->second
                                 : entries_.emplace(point, Build(point)).first->second;
}

SpacePoint DesignSpace::PointAt(int64_t index) const {
  SpacePoint point(dimensions().size());
  for (size_t i = point.size(); i-- > 0;) {
    point[i] = static_cast<int>(index % dimensions()[i].choices);
    index /= dimensions()[i].choices;
  }
  return point;
}

void DesignSpace::List() {
  if (looked_) return;
  looked_ = true;
  Random random(DeriveSeed(0, "space"));
  std::set<SpacePoint> drawn;
  const int64_t size = summary_.listed ? summary_.combinations : kDrawn;
  for (int64_t i = 0; i < size; ++i) {
    SpacePoint point;
    if (summary_.listed) {
      point = PointAt(i);
    } else {
      for (const SpaceDimension& dimension : dimensions()) {
        point.push_back(static_cast<int>(random.Below(static_cast<uint64_t>(dimension.choices))));
      }
      if (!drawn.insert(point).second) continue;
    }
    ++summary_.looked_at;
    const Entry& entry = At(point);
    if (!entry.left_out.empty()) {
      ++summary_.left_out[entry.left_out];
    } else if (!by_hash_.emplace(entry.outlook.hash, point).second) {
      ++summary_.same;
    } else {
      points_.push_back(point);
    }
  }
  summary_.networks = static_cast<int64_t>(points_.size());
}

const SpaceSummary& DesignSpace::Summarize() {
  List();
  return summary_;
}

const std::vector<SpacePoint>& DesignSpace::LookedAt() {
  List();
  return points_;
}

const std::vector<SpacePoint>* DesignSpace::All() {
  if (!summary_.listed) return nullptr;
  List();
  return &points_;
}

std::optional<SpacePoint> DesignSpace::Find(const SpacePoint& point) {
  if (summary_.listed) List();
  const Entry& entry = At(point);
  if (!entry.left_out.empty() || Look(point).budgets.empty()) return std::nullopt;
  return summary_.listed ? by_hash_.at(entry.outlook.hash) : point;
}

const NetworkOutlook& DesignSpace::Look(const SpacePoint& point) {
  Entry& entry = At(point);
  if (entry.version != version_) Price(point, entry);
  return entry.outlook;
}

void DesignSpace::Price(const SpacePoint& point, Entry& entry) {
  entry.version = version_;
  entry.outlook.work = work_base_ + work_per_mac_ * static_cast<double>(entry.macs);
  if (box_.axes().empty()) return;
  std::vector<int64_t> budgets;
  for (const BudgetOutlook& budget : entry.outlook.budgets) budgets.push_back(budget.budget);
  entry.outlook.budgets = Scaled(budgets, ObjectivesAt(point, budgets));
}

std::vector<BudgetOutlook> DesignSpace::Scaled(
    const std::vector<int64_t>& budgets,
    const std::vector<std::vector<std::optional<double>>>& objectives) const {
  std::vector<BudgetOutlook> outlooks;
  for (size_t i = 0; i < budgets.size(); ++i) {
    std::vector<double> values;
    for (const std::optional<double>& value : objectives[i]) {
      if (value) values.push_back(*value);
    }
    // Without a value of each its Results could never be on the Front.
    if (values.size() != objectives[i].size()) continue;
    outlooks.push_back({.budget = budgets[i],
                        .feature = std::log2(static_cast<double>(budgets[i])),
                        .costs = ScaledCosts(box_, values)});
  }
  return outlooks;
}

PricedNetwork DesignSpace::Expected(const NetworkLayers& layers, int64_t budget) const {
  if (std::optional<PricedNetwork> learnt = shares_.Predict(layers, budget)) return *learnt;
  absl::StatusOr<PricedNetwork> even = KeepRelus(layers, budget);
  return even.ok() ? *std::move(even) : KeepAllRelus(layers);
}

std::vector<std::vector<std::optional<double>>> DesignSpace::ObjectivesAt(
    const SpacePoint& point, const std::vector<int64_t>& budgets) {
  const Entry& entry = At(point);
  const absl::StatusOr<Network> network =
      priced_.empty() ? Network{} : BuildNetwork(choices_.NetworkOf(point).architecture);
  return ObjectivesOf(network.ok() ? *network : Network{}, entry.macs, entry.parameters,
                      ReplacementOf(point), budgets);
}

std::vector<std::vector<std::optional<double>>> DesignSpace::ObjectivesOf(
    const Network& network, int64_t macs, int64_t parameters,
    v1::LinearizeSpec::Replacement replacement, const std::vector<int64_t>& budgets) const {
  std::vector<std::vector<std::optional<double>>> prices(budgets.size());  // as priced_
  if (!priced_.empty()) {
    NetworkCosts costs(network, metrics_, priced_, replacement);
    for (size_t i = 0; i < budgets.size(); ++i) {
      prices[i].resize(priced_.size());
      if (costs.layers() != nullptr) prices[i] = costs.Of(Expected(*costs.layers(), budgets[i]));
    }
  }
  std::vector<std::vector<std::optional<double>>> values(budgets.size());
  for (size_t i = 0; i < budgets.size(); ++i) {
    for (const std::string& objective : spec_.objectives()) {
      if (objective == "relus") {
        values[i].emplace_back(static_cast<double>(budgets[i]));
      } else if (objective == "macs") {
        values[i].emplace_back(static_cast<double>(macs));
      } else if (objective == "parameters") {
        values[i].emplace_back(static_cast<double>(parameters));
      } else {
        size_t place = 0;
        while (place < priced_.size() && priced_[place].Text() != objective) ++place;
        values[i].push_back(place < priced_.size() ? prices[i][place] : std::nullopt);
      }
    }
  }
  return values;
}

const std::vector<SpacePoint>& DesignSpace::Seeds() {
  if (!seeds_) {
    seeds_.emplace();
    std::set<SpacePoint> seen;
    for (const SpacePoint& point : choices_.Equalized()) {
      const std::optional<SpacePoint> found = Find(point);
      if (found && seen.insert(*found).second) seeds_->push_back(*found);
    }
  }
  return *seeds_;
}

ProposedNetwork DesignSpace::Expand(const SpacePoint& point) {
  NamedArchitecture named = choices_.NetworkOf(point);
  ProposedNetwork network;
  network.name = std::move(named.name);
  network.architecture = std::move(named.architecture);
  network.canonical_text = CanonicalText(network.architecture);
  // Find returned the point, so that both are there.
  network.network = *BuildNetwork(network.architecture);
  network.counts = *CountNetwork(network.network);
  network.hash = NetworkHash(network.network);
  network.replacement = ReplacementOf(point);
  for (const BudgetOutlook& budget : Look(point).budgets) network.budgets.push_back(budget.budget);
  return network;
}

void DesignSpace::SetBox(const v1::HypervolumeBox& box) {
  box_ = box;
  ++version_;
}

void DesignSpace::Learn(const PricedNetwork& kept) {
  shares_.Learn(kept);
  if (!priced_.empty()) ++version_;
}

void DesignSpace::SetWork(double base, double per_mac) {
  work_base_ = base;
  work_per_mac_ = per_mac;
  ++version_;
}

}  // namespace reluscape

#include "client/space.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/job_text.h"
#include "client/paper_table.h"
#include "client/scatter.h"
#include "client/text_table.h"
#include "search/cost/metric.h"
#include "search/strategy/design_space.h"
#include "search/strategy/network_costs.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

// Networks that are priced; they lie evenly in the space's order.
constexpr size_t kMostPriced = 200;
constexpr size_t kSeedsShown = 6;
constexpr int kColumns = 64;
constexpr int kLines = 16;

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;

  void Add(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

// Everything that is shown.
struct SpaceView {
  SpaceSummary summary;
  std::string strategy;
  std::vector<std::string> seeds;  // the first of them
  int64_t seed_count = 0;
  Range relus;
  Range macs;
  Range parameters;
  Range budgets;
  size_t priced = 0;  // networks
  // At the largest and the smallest Budget of each network, wherever its ReLUs stay.
  std::vector<std::pair<std::string, std::pair<Range, Range>>> prices;
  std::vector<std::pair<double, double>> points;  // ReLUs and MACs
};

void PriceNetworks(DesignSpace& space, const v1::JobSpec& spec, SpaceView& view) {
  const MetricCatalog& catalog = BuiltInMetrics();
  std::vector<CostMetric> metrics = catalog.Defaults();
  for (const CostMetric& named :
       NamedMetrics(ListOf(spec.objectives()), CostLimitsOf(spec.limits()), catalog)) {
    if (std::find(metrics.begin(), metrics.end(), named) == metrics.end()) metrics.push_back(named);
  }
  for (const CostMetric& metric : metrics) view.prices.push_back({metric.Text(), {}});
  const std::vector<SpacePoint>& points = space.LookedAt();
  const size_t step = std::max<size_t>(1, points.size() / kMostPriced);
  for (size_t i = 0; i < points.size(); i += step) {
    const ProposedNetwork network = space.Expand(points[i]);
    if (network.budgets.empty()) continue;
    ++view.priced;
    NetworkCosts costs(network.network, catalog, metrics, network.replacement);
    for (const bool largest : {true, false}) {
      const int64_t budget = largest ? network.budgets.front() : network.budgets.back();
      for (auto& [metric, ranges] : view.prices) {
        const CostBand band = costs.At(metric, budget);
        if (!band.proportional) continue;
        Range& range = largest ? ranges.first : ranges.second;
        range.Add(band.lowest);
        range.Add(band.highest);
      }
    }
  }
}

SpaceView Look(DesignSpace& space, const v1::JobSpec& spec) {
  SpaceView view;
  view.summary = space.Summarize();
  view.strategy = NameOf(spec.search().strategy());
  view.seed_count = static_cast<int64_t>(space.Seeds().size());
  for (const SpacePoint& seed : space.Seeds()) {
    if (view.seeds.size() < kSeedsShown) view.seeds.push_back(space.Expand(seed).name);
  }
  for (const SpacePoint& point : space.LookedAt()) {
    const ProposedNetwork network = space.Expand(point);
    const auto relus = static_cast<double>(network.counts.relus);
    const auto macs = static_cast<double>(network.counts.macs);
    view.relus.Add(relus);
    view.macs.Add(macs);
    view.parameters.Add(static_cast<double>(network.counts.parameters));
    for (const int64_t budget : network.budgets) view.budgets.Add(static_cast<double>(budget));
    view.points.emplace_back(relus, macs);
  }
  PriceNetworks(space, spec, view);
  return view;
}

std::string CountText(double value) { return WithSeparators(static_cast<int64_t>(value)); }

std::string SummaryText(const SpaceView& view) {
  const SpaceSummary& summary = view.summary;
  std::string text =
      absl::StrCat(summary.combinations == kMostCombinations ? "2^53 or more"
                                                             : WithSeparators(summary.combinations),
                   summary.combinations == 1 ? " combination" : " combinations");
  absl::StrAppend(&text,
                  summary.listed ? ""
                                 : absl::StrCat(", of which ", WithSeparators(summary.looked_at),
                                                " drawn ones were looked at"),
                  ": ", WithSeparators(summary.networks), " networks\n");
  if (summary.same > 0) {
    absl::StrAppend(&text, "the same network as another: ", WithSeparators(summary.same), "\n");
  }
  for (const auto& [reason, count] : summary.left_out) {
    absl::StrAppend(&text, "left out: ", WithSeparators(count), " (", reason, ")\n");
  }
  absl::StrAppend(&text, "strategy ", view.strategy,
                  "; networks of DeepReShape's rule: ", WithSeparators(view.seed_count));
  if (!view.seeds.empty()) {
    absl::StrAppend(&text, " (", absl::StrJoin(view.seeds, ", "),
                    view.seed_count > static_cast<int64_t>(view.seeds.size()) ? ", ...)" : ")");
  }
  return absl::StrCat(text, "\n");
}

// Seconds, bytes in all, and what a Job may have asked for beside them; the rest is in --json.
bool IsShown(const std::string& metric) {
  for (const char* part : {".offline_bytes", ".online_up_", ".online_down_", ".offline_up_",
                           ".offline_down_", ".total_s", "server_storage"}) {
    if (absl::StrContains(metric, part)) return false;
  }
  return true;
}

std::string SpaceText(const SpaceView& view) {
  std::string text = SummaryText(view);
  TextTable counts({{"of a network"}, {"least", true}, {"most", true}});
  counts.AddRow({"ReLUs", CountText(view.relus.least), CountText(view.relus.most)});
  counts.AddRow({"MACs", CountText(view.macs.least), CountText(view.macs.most)});
  counts.AddRow({"parameters", CountText(view.parameters.least), CountText(view.parameters.most)});
  counts.AddRow({"budgets", CountText(view.budgets.least), CountText(view.budgets.most)});
  absl::StrAppend(&text, "\n", counts.ToString());
  TextTable prices({{"metric"},
                    {"largest budgets, least", true},
                    {"most", true},
                    {"smallest budgets, least", true},
                    {"most", true}});
  for (const auto& [name, ranges] : view.prices) {
    const std::string& metric = name;
    if (ranges.first.most == 0 || !IsShown(metric)) continue;
    const auto number = [&metric](const Range& range, double value) {
      if (range.most < range.least) return std::string("-");
      return absl::StrContains(metric, "_bytes") ? BytesText(std::llround(value)) : Seconds(value);
    };
    prices.AddRow(
        {metric, number(ranges.first, ranges.first.least), number(ranges.first, ranges.first.most),
         number(ranges.second, ranges.second.least), number(ranges.second, ranges.second.most)});
  }
  absl::StrAppend(&text, "\nwherever the ReLUs stay, of ", view.priced, " networks:\n",
                  prices.ToString(), "\n", Scatter(view.points, "ReLUs", "MACs", kColumns, kLines));
  return text;
}

nlohmann::ordered_json RangeJson(const Range& range) {
  if (range.most < range.least) return nullptr;
  return {{"least", range.least}, {"most", range.most}};
}

std::string SpaceJson(const SpaceView& view) {
  nlohmann::ordered_json document = {{"combinations", view.summary.combinations},
                                     {"listed", view.summary.listed},
                                     {"looked_at", view.summary.looked_at},
                                     {"networks", view.summary.networks},
                                     {"same", view.summary.same},
                                     {"left_out", view.summary.left_out},
                                     {"strategy", view.strategy},
                                     {"seeds", view.seed_count},
                                     {"relus", RangeJson(view.relus)},
                                     {"macs", RangeJson(view.macs)},
                                     {"parameters", RangeJson(view.parameters)},
                                     {"budgets", RangeJson(view.budgets)},
                                     {"priced", view.priced},
                                     {"prices", nlohmann::ordered_json::object()}};
  for (const auto& [metric, ranges] : view.prices) {
    document["prices"][metric] = {{"largest_budgets", RangeJson(ranges.first)},
                                  {"smallest_budgets", RangeJson(ranges.second)}};
  }
  return document.dump(2) + "\n";
}

std::string SpaceCsv(DesignSpace& space, const v1::JobSpec& spec) {
  std::vector<TextTable::Column> columns = {{"name"},       {"network"}, {"relus"},      {"macs"},
                                            {"parameters"}, {"budget"},  {"replacement"}};
  for (const std::string& objective : spec.objectives()) {
    if (objective.find('.') != std::string::npos) columns.push_back({objective});
  }
  std::vector<std::vector<std::string>> rows;
  for (const SpacePoint& point : space.LookedAt()) {
    const ProposedNetwork network = space.Expand(point);
    const auto values = space.ObjectivesAt(point, network.budgets);
    for (size_t i = 0; i < network.budgets.size(); ++i) {
      std::vector<std::string> row = {network.name,
                                      network.canonical_text,
                                      absl::StrCat(network.counts.relus),
                                      absl::StrCat(network.counts.macs),
                                      absl::StrCat(network.counts.parameters),
                                      absl::StrCat(network.budgets[i]),
                                      NameOf(network.replacement)};
      for (int k = 0; k < spec.objectives_size(); ++k) {
        if (spec.objectives(k).find('.') == std::string::npos) continue;
        const std::optional<double>& value = values[i][static_cast<size_t>(k)];
        row.push_back(value ? ExactNumber(*value) : "");
      }
      rows.push_back(std::move(row));
    }
  }
  return RenderTable(columns, rows, TableFormat::kCsv);
}

}  // namespace

absl::Status ShowSpace(const SpaceOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string text, ReadJobText(options.file));
  FieldErrors errors;
  const std::optional<Checked<v1::JobSpec>> job = JobFromJson(text, errors);
  std::unique_ptr<DesignSpace> space;
  if (job && !(*job)->candidates().has_space()) {
    errors.Add("candidates.space", "nothing",
               "an object such as {\"base_channels\": [8, 16]}: there is no space to show");
  } else if (job) {
    space = DesignSpace::Create(**job, BuiltInMetrics(), errors);
  }
  if (!errors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, " is not a valid job:\n", errors.ToStatus().message()));
  }
  switch (options.format) {
    case SpaceFormat::kText:
      out << SpaceText(Look(*space, **job));
      break;
    case SpaceFormat::kCsv:
      out << SpaceCsv(*space, **job);
      break;
    case SpaceFormat::kJson:
      out << SpaceJson(Look(*space, **job));
      break;
  }
  return absl::OkStatus();
}

}  // namespace reluscape

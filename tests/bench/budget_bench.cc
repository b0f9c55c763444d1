// Whether the budget is an input of the model or has a model of its own each, on a table of real
// trainings (tests/bench/budget_table.py): networks with four Budgets and two seeds each. The
// search sees the results of one seed; what it is scored by is the front that the networks it has
// tried have with the other seed, over that of all networks. Prints one CSV row per arm and seed.
//
//   build/tests/tests_bench_budget tests/bench/budget_table.csv --seeds 40 > rows.csv
//
// Arms: `budget-input` is the strategy ehvi as it is; `independent` the same with Budgets that have
// nothing to do with each other, although every network answers all of them; `random`.

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/flags.h"
#include "search/pareto/hypervolume.h"
#include "search/strategy/design_space.h"
#include "search/strategy/hypervolume_box.h"
#include "search/strategy/job_box.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/job.h"

namespace reluscape {
namespace {

constexpr char kSpaceOfTable[] = R"({
    "data": {"set": "cifar10"},
    "candidates": {"space": {"base_channels": [2, 3], "multipliers": [1, 1.5, 2, 3],
                             "layouts": ["full", "thinned"]}},
    "budgets": {"fractions": [0.3, 0.15, 0.07, 0.03]},
    "search": {"strategy": "ehvi"}, "limits": {"max_trainings": 40}})";
constexpr size_t kMarks[] = {5, 8, 10, 15, 20, 30};
// So far apart that no kernel connects two Budgets.
constexpr double kApart = 1e6;

struct Row {
  int64_t budget = 0;
  double accuracy = 0;
};
// By name and replicate, largest Budget first.
using Table = std::map<std::string, std::array<std::vector<Row>, 2>>;

absl::StatusOr<Table> ReadTable(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  Table table;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    int64_t replicate = 0;
    Row row;
    if (cells.size() < 7 || !absl::SimpleAtoi(cells[1], &replicate) || replicate < 0 ||
        replicate > 1 || !absl::SimpleAtoi(cells[2], &row.budget) ||
        !absl::SimpleAtod(cells[6], &row.accuracy)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", line));
    }
    table[cells[0]][static_cast<size_t>(replicate)].push_back(row);
  }
  return table;
}

// The networks of the table within the space that they were drawn from, with its features.
class TableSpace : public SearchSpace {
 public:
  TableSpace(DesignSpace& space, const Table& table, bool independent) : space_(space) {
    for (const SpacePoint& point : *space.All()) {
      const std::string name = space.Expand(point).name;
      if (!table.contains(name)) continue;
      all_.push_back(point);
      names_[point] = name;
      NetworkOutlook outlook = space.Look(point);
      outlook.work = 1;
      for (size_t i = 0; i < outlook.budgets.size() && independent; ++i) {
        outlook.budgets[i].feature = kApart * static_cast<double>(i);
      }
      outlooks_[point] = std::move(outlook);
    }
  }
  const std::vector<SpaceDimension>& dimensions() const override { return space_.dimensions(); }
  const std::vector<SpacePoint>* All() override { return &all_; }
  std::optional<SpacePoint> Find(const SpacePoint& point) override {
    return outlooks_.contains(point) ? std::optional<SpacePoint>(point) : std::nullopt;
  }
  const NetworkOutlook& Look(const SpacePoint& point) override { return outlooks_.at(point); }
  const std::vector<SpacePoint>& Seeds() override { return no_seeds_; }
  const std::string& NameOf(const SpacePoint& point) const { return names_.at(point); }

 private:
  DesignSpace& space_;
  std::vector<SpacePoint> all_;
  std::vector<SpacePoint> no_seeds_;
  std::map<SpacePoint, std::string> names_;
  std::map<SpacePoint, NetworkOutlook> outlooks_;
};

struct Arm {
  const char* name;
  v1::SearchSpec::Strategy strategy;
  bool independent;
};
constexpr Arm kArms[] = {{"budget-input", v1::SearchSpec::EHVI, false},
                         {"independent", v1::SearchSpec::EHVI, true},
                         {"random", v1::SearchSpec::RANDOM, false}};

void AddTo(GrowingFront& front, const v1::HypervolumeBox& box, const NetworkOutlook& outlook,
           const std::vector<Row>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    front.Add({ScaledError(box, rows[i].accuracy), outlook.budgets[i].costs[0]});
  }
}

absl::StatusOr<std::string> RunArm(const Arm& arm, uint64_t seed, const Table& table,
                                   DesignSpace& design, const v1::HypervolumeBox& box) {
  TableSpace space(design, table, arm.independent);
  SearchProblem problem;
  problem.reference_error = 1 - box.reference_accuracy();
  problem.seed = seed;
  problem.settings = Filled<v1::SearchSpec>();
  problem.settings.set_strategy(arm.strategy);
  problem.settings.set_initial(5);
  const size_t seen = seed % 2;
  GrowingFront best({1, 1});
  for (const SpacePoint& point : *space.All()) {
    AddTo(best, box, space.Look(point), table.at(space.NameOf(point))[1 - seen]);
  }
  GrowingFront front({1, 1});
  std::vector<Trial> trials;
  std::string row = absl::StrCat(arm.name, ",", seed);
  for (size_t count = 1; count <= kMarks[std::size(kMarks) - 1]; ++count) {
    const absl::StatusOr<std::optional<Proposed>> proposed = Propose(problem, space, trials);
    if (!proposed.ok()) return proposed.status();
    if (!proposed->has_value()) break;
    const SpacePoint& point = (*proposed)->point;
    Trial& trial = trials.emplace_back();
    trial.point = point;
    trial.outlook = space.Look(point);
    const auto& rows = table.at(space.NameOf(point));
    for (size_t i = 0; i < rows[seen].size(); ++i) {
      const BudgetOutlook& budget = trial.outlook.budgets[i];
      trial.results.push_back({.budget = budget.budget,
                               .feature = budget.feature,
                               .accuracy = rows[seen][i].accuracy,
                               .costs = budget.costs});
    }
    AddTo(front, box, trial.outlook, rows[1 - seen]);
    for (const size_t mark : kMarks) {
      if (mark == count) {
        absl::StrAppendFormat(&row, ",%.5f", front.hypervolume() / best.hypervolume());
      }
    }
  }
  return row;
}

int Run(int argc, char** argv) {
  std::string path;
  int64_t seeds = 40;
  CLI::App app{"Compares models with the budget as an input with a model per budget."};
  app.add_option("TABLE", path, "what budget_table.py has written")->required();
  app.add_option("--seeds", seeds, "how many; odd ones see one training, even ones the other");
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  const absl::StatusOr<Table> table = ReadTable(path);
  FieldErrors errors;
  const auto job = JobFromJson(kSpaceOfTable, errors);
  const auto design =
      job ? DesignSpace::Create(**job, BuiltInMetrics(), errors) : std::unique_ptr<DesignSpace>();
  if (!table.ok() || design == nullptr) {
    std::cerr << (table.ok() ? errors.ToStatus() : table.status()) << "\n";
    return 1;
  }
  const v1::HypervolumeBox box = BoxOfJob(**job, BuiltInMetrics(), {}, design.get());
  design->SetBox(box);
  std::cout << "arm,seed";
  for (const size_t mark : kMarks) std::cout << "," << mark;
  std::cout << "\n";
  for (const Arm& arm : kArms) {
    for (int64_t seed = 1; seed <= seeds; ++seed) {
      const auto row = RunArm(arm, static_cast<uint64_t>(seed), *table, *design, box);
      if (!row.ok()) {
        std::cerr << row.status() << "\n";
        return 1;
      }
      std::cout << *row << "\n" << std::flush;
    }
  }
  return 0;
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Run(argc, argv); }

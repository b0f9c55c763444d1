// Measures the strategies on NAS-Bench-Macro: one CSV row per strategy, arm and seed. Rows that are
// in the file already are left out, so that an interrupted run goes on where it was.
//
//   build/tests/tests_bench_search --strategy ehvi --seeds 20 --out search.csv
//   build/tests/tests_bench_search --strategy ehvi --arm noise --outstanding 8 --out search.csv

#include <cstdio>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/flags.h"
#include "search/vocabulary/check.h"
#include "tests/bench/modelled_costs.h"
#include "tests/bench/search_runs.h"

namespace reluscape {
namespace {

struct BenchOptions {
  std::string strategy = "ehvi";
  std::string arm = "mean";
  std::string data = NasBenchMacroPath();
  std::string out = "search.csv";
  int64_t seeds = 20;
  int64_t first_seed = 1;
  size_t evaluations = 200;
  size_t outstanding = 1;
};

std::string Header() {
  std::string header = "strategy,arm,seed";
  for (const size_t mark : kMarks) absl::StrAppend(&header, ",", mark);
  return header + ",repeats,ms_per_proposal,ms_at_200";
}

// "ehvi,mean,3,": what makes a row, at its beginning.
std::string RowKey(const BenchOptions& options, int64_t seed) {
  std::string arm = options.arm;
  if (options.outstanding > 1) absl::StrAppend(&arm, "-outstanding-", options.outstanding);
  return absl::StrCat(options.strategy, ",", arm, ",", seed, ",");
}

std::set<std::string> RowsThere(const std::string& path) {
  std::set<std::string> keys;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    size_t end = 0;
    for (int comma = 0; comma < 3 && end != std::string::npos; ++comma) {
      end = line.find(',', end) + 1;
    }
    keys.insert(line.substr(0, end));
  }
  return keys;
}

absl::StatusOr<std::string> Row(NasBenchMacro& space, const BenchOptions& options, int64_t seed) {
  RunOptions run;
  run.problem.reference_error = NasBenchMacro::kReferenceError;
  run.problem.seed = static_cast<uint64_t>(seed);
  run.problem.settings = Filled<v1::SearchSpec>();
  v1::SearchSpec::Strategy strategy;
  if (!v1::SearchSpec::Strategy_Parse(absl::AsciiStrToUpper(options.strategy), &strategy)) {
    return absl::InvalidArgumentError(absl::StrCat("--strategy: found ", options.strategy));
  }
  run.problem.settings.set_strategy(strategy);
  run.evaluations = options.evaluations;
  run.outstanding = options.outstanding;
  run.noise = options.arm == "noise";
  if (options.arm == "costs-modelled") run.propose = ProposeWithModelledCosts;
  absl::StatusOr<RunRecord> record = RunSearch(space, run);
  if (!record.ok()) return record.status();
  std::string row = RowKey(options, seed);
  for (const size_t mark : kMarks) {
    if (record->ratios.contains(mark)) absl::StrAppendFormat(&row, "%.5f", record->ratios[mark]);
    row += ',';
  }
  absl::StrAppendFormat(&row, "%d,%.3f,%.3f", record->repeats, record->milliseconds,
                        record->milliseconds_at_200);
  return row;
}

int Run(int argc, char** argv) {
  BenchOptions options;
  CLI::App app{"Measures search strategies on NAS-Bench-Macro."};
  app.add_option("--strategy", options.strategy, "as in job files");
  app.add_option("--arm", options.arm,
                 "mean; noise: the search sees one training of three; costs-modelled: FLOPs are "
                 "predicted, not known (ehvi)")
      ->check(CLI::IsMember({"mean", "noise", "costs-modelled"}));
  app.add_option("--data", options.data, "the table");
  app.add_option("--out", options.out, "CSV file that rows are added to");
  app.add_option("--seeds", options.seeds, "how many");
  app.add_option("--first-seed", options.first_seed, "the first of them");
  app.add_option("--evaluations", options.evaluations, "networks with results per seed");
  app.add_option("--outstanding", options.outstanding, "networks without results at a time");
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  absl::StatusOr<std::unique_ptr<NasBenchMacro>> space = NasBenchMacro::Load(options.data);
  if (!space.ok()) {
    std::cerr << space.status().message() << "\n";
    return 1;
  }
  const std::set<std::string> there = RowsThere(options.out);
  std::ofstream file(options.out, std::ios::app);
  if (there.empty()) file << Header() << "\n";
  for (int64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
    if (there.contains(RowKey(options, seed))) continue;
    const absl::StatusOr<std::string> row = Row(**space, options, seed);
    if (!row.ok()) {
      std::cerr << row.status().message() << "\n";
      return 1;
    }
    file << *row << "\n" << std::flush;
    std::cout << *row << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Run(argc, argv); }

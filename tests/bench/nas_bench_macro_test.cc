#include "tests/bench/nas_bench_macro.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "search/pareto/hypervolume.h"
#include "search/vocabulary/check.h"
#include "tests/bench/search_runs.h"

namespace reluscape {
namespace {

class NasBenchMacroTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(NasBenchMacroPath())) {
      GTEST_SKIP() << "needs the table of NAS-Bench-Macro at " << NasBenchMacroPath();
    }
    absl::StatusOr<std::unique_ptr<NasBenchMacro>> space = NasBenchMacro::Load(NasBenchMacroPath());
    ASSERT_TRUE(space.ok()) << space.status();
    space_ = *std::move(space);
  }

  // Mean ratios of seeds 1 to 10, by number of networks.
  std::map<size_t, double> MeanRatios(v1::SearchSpec::Strategy strategy, size_t evaluations) {
    constexpr int kSeeds = 10;
    std::map<size_t, double> means;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      RunOptions options;
      options.problem = {.reference_error = NasBenchMacro::kReferenceError,
                         .seed = seed,
                         .settings = Filled<v1::SearchSpec>()};
      options.problem.settings.set_strategy(strategy);
      options.evaluations = evaluations;
      const absl::StatusOr<RunRecord> record = RunSearch(*space_, options);
      EXPECT_TRUE(record.ok()) << record.status();
      if (!record.ok()) break;
      EXPECT_EQ(record->repeats, 0u) << "seed " << seed;
      for (const auto& [mark, ratio] : record->ratios) means[mark] += ratio / kSeeds;
    }
    return means;
  }

  std::unique_ptr<NasBenchMacro> space_;
};

TEST_F(NasBenchMacroTest, BestHypervolumeIsThatOfAllNetworks) {
  std::vector<Objectives> points;
  for (const SpacePoint& point : *space_->All()) {
    const NasBenchMacro::Network& network = space_->At(point);
    points.push_back(
        {(1 - network.mean_accuracy) / NasBenchMacro::kReferenceError, network.scaled_flops});
  }
  EXPECT_NEAR(Hypervolume(points, {1, 1}), NasBenchMacro::kBestHypervolume, 5e-7);
}

TEST_F(NasBenchMacroTest, IdentitiesThatTradePlacesAreOneNetwork) {
  EXPECT_EQ(space_->Find({1, 0, 2, 0, 1, 2, 0, 2}), (SpacePoint{1, 0, 2, 1, 0, 2, 2, 0}));
  EXPECT_EQ(space_->Find({1, 0, 2, 1, 0, 2, 2, 0}), (SpacePoint{1, 0, 2, 1, 0, 2, 2, 0}));
}

// Limits that hold whichever seeds are drawn; docs/search.md has what was measured.
TEST_F(NasBenchMacroTest, Ehvi) {
  std::map<size_t, double> means = MeanRatios(v1::SearchSpec::EHVI, /*evaluations=*/200);
  EXPECT_GE(means[50], 0.955);
  EXPECT_GE(means[100], 0.985);
  EXPECT_GE(means[200], 0.997);
}

TEST_F(NasBenchMacroTest, Evolution) {
  std::map<size_t, double> means = MeanRatios(v1::SearchSpec::EVOLUTION, /*evaluations=*/1000);
  EXPECT_GE(means[200], 0.96);
  EXPECT_GE(means[500], 0.99);
  EXPECT_GE(means[1000], 0.997);
}

TEST_F(NasBenchMacroTest, Nsga2) {
  std::map<size_t, double> means = MeanRatios(v1::SearchSpec::NSGA2, /*evaluations=*/1000);
  EXPECT_GE(means[200], 0.96);
  EXPECT_GE(means[500], 0.99);
  EXPECT_GE(means[1000], 0.997);
}

}  // namespace
}  // namespace reluscape

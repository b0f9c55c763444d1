// CKKS reference, section 10: what must hold between the skip modes of one network, whatever it is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "search/cost/ckks_test_util.h"

namespace reluscape {
namespace {

struct Rules {
  int64_t levels = 16;
  int64_t convolution_depth = 2;
  int64_t activation_depth = 2;
  int64_t skip_depth = 0;
};

constexpr int64_t kSlots = 32'768;

CkksLayers Packed(const Network& network) {
  const auto packing = MultiplexedPacking(kSlots);
  const auto layers = PackNetwork(network, **packing, kSlots);
  EXPECT_TRUE(layers.ok()) << layers.status();
  return *layers;
}

// The fewest bootstraps, or std::nullopt where an operation needs more levels than there are.
std::optional<double> Bootstraps(const Network& network, const CkksLayers& layers,
                                 const std::vector<bool>& active, const Rules& rules,
                                 bool weighted) {
  const CkksRules ckks = {.levels = rules.levels,
                          .convolution_depth = rules.convolution_depth,
                          .identity_skip_depth = rules.skip_depth,
                          .stem_free = true,
                          .relu_refresh = false};
  const auto program =
      BuildCkksProgram(network, layers, active, ActivationOfDepth(rules.activation_depth), ckks);
  EXPECT_TRUE(program.ok()) << program.status();
  const auto schedule =
      CheapestSchedule(LevelsOf(*program, ckks, /*minimum_bootstrap_level=*/0, weighted),
                       CountBootstraps(rules.levels));
  if (!schedule.ok()) return std::nullopt;
  return schedule->cost;
}

// One network in every mode.
struct Modes {
  explicit Modes(const std::string& name, int64_t side = 32)
      : residual(WithSkips(name, kResidualMode, side)),
        none(WithSkips(name, kNoneMode, side)),
        dirac(WithSkips(name, kDiracMode, side)),
        block(WithSkips(name, kSharedBlockMode, side)),
        section(WithSkips(name, kSharedSectionMode, side)),
        residual_layers(Packed(residual)),
        none_layers(Packed(none)),
        block_layers(Packed(block)),
        section_layers(Packed(section)) {}

  Network residual, none, dirac, block, section;
  CkksLayers residual_layers, none_layers, block_layers, section_layers;
};

class CkksInvariantsTest : public testing::TestWithParam<const char*> {};

TEST_P(CkksInvariantsTest, ModesKeepTheirOrderOnTheGrid) {
  const Modes modes(GetParam());
  const auto all = [](const Network& network) { return AllReluLayers(network); };
  int compared = 0;
  for (const bool weighted : {false, true}) {
    for (int64_t convolution_depth = 1; convolution_depth <= 2; ++convolution_depth) {
      for (int64_t levels = 8; levels <= 16; ++levels) {
        for (int64_t depth = 1; depth <= std::min<int64_t>(14, levels); ++depth) {
          Rules rules = {.levels = levels,
                         .convolution_depth = convolution_depth,
                         .activation_depth = depth,
                         .skip_depth = 0};
          SCOPED_TRACE(absl::StrCat("L ", levels, " conv ", convolution_depth, " act ", depth,
                                    " weighted ", weighted));
          const auto none =
              Bootstraps(modes.none, modes.none_layers, all(modes.none), rules, weighted);
          const auto residual = Bootstraps(modes.residual, modes.residual_layers,
                                           all(modes.residual), rules, weighted);
          const auto block =
              Bootstraps(modes.block, modes.block_layers, all(modes.block), rules, weighted);
          const auto section =
              Bootstraps(modes.section, modes.section_layers, all(modes.section), rules, weighted);
          rules.skip_depth = 1;
          const auto scaled = Bootstraps(modes.residual, modes.residual_layers, all(modes.residual),
                                         rules, weighted);
          ASSERT_TRUE(none && residual && block && section && scaled);
          EXPECT_LE(*none, *section);
          EXPECT_LE(*section, *block);
          EXPECT_LE(*none, *residual);
          EXPECT_LE(*residual, *scaled);
          ++compared;
        }
      }
    }
  }
  EXPECT_EQ(compared, 2 * 2 * (8 + 9 + 10 + 11 + 12 + 13 + 14 + 14 + 14));
}

TEST_P(CkksInvariantsTest, MoreLevelsNeverCostAndDeeperActivationsNeverSave) {
  const Modes modes(GetParam());
  for (const auto& [network, layers] : {std::pair(&modes.none, &modes.none_layers),
                                        std::pair(&modes.residual, &modes.residual_layers),
                                        std::pair(&modes.block, &modes.block_layers)}) {
    const std::vector<bool> active = AllReluLayers(*network);
    std::vector<double> fewer_levels(15, 1e18);  // by activation depth
    for (int64_t levels = 8; levels <= 16; ++levels) {
      double shallower = 0;
      for (int64_t depth = 1; depth <= std::min<int64_t>(14, levels); ++depth) {
        const Rules rules = {
            .levels = levels, .convolution_depth = 2, .activation_depth = depth, .skip_depth = 1};
        const double bootstraps = *Bootstraps(*network, *layers, active, rules, true);
        EXPECT_LE(bootstraps, fewer_levels[static_cast<size_t>(depth)]) << levels << " " << depth;
        EXPECT_GE(bootstraps, shallower) << levels << " " << depth;
        fewer_levels[static_cast<size_t>(depth)] = bootstraps;
        shallower = bootstraps;
      }
    }
  }
}

TEST_P(CkksInvariantsTest, OneActivationPerBootstrapMakesAllModesEqual) {
  const Modes modes(GetParam());
  const Rules rules = {
      .levels = 16, .convolution_depth = 2, .activation_depth = 14, .skip_depth = 0};
  const auto none =
      Bootstraps(modes.none, modes.none_layers, AllReluLayers(modes.none), rules, false);
  EXPECT_EQ(Bootstraps(modes.residual, modes.residual_layers, AllReluLayers(modes.residual), rules,
                       false),
            none);
  EXPECT_EQ(Bootstraps(modes.block, modes.block_layers, AllReluLayers(modes.block), rules, false),
            none);
}

TEST_P(CkksInvariantsTest, NoneAndDiracAreEqualInEveryField) {
  const Modes modes(GetParam());
  for (const char* preset : {"mpcnn_cpu", "heaan_gpu", "orion_cpu"}) {
    CkksOptions options;
    options.preset = preset;
    options.degree = 4;
    const CkksEstimate none = EstimateOf(modes.none, options);
    const CkksEstimate dirac = EstimateOf(modes.dirac, options);
    EXPECT_EQ(none.bootstraps, dirac.bootstraps);
    EXPECT_EQ(none.bootstraps_weighted, dirac.bootstraps_weighted);
    EXPECT_EQ(none.section_bootstraps, dirac.section_bootstraps);
    EXPECT_EQ(none.ops, dirac.ops);
    EXPECT_EQ(none.depth, dirac.depth);
    EXPECT_EQ(none.seconds, dirac.seconds);
    EXPECT_EQ(none.bootstrap_seconds, dirac.bootstrap_seconds);
    EXPECT_EQ(none.schedule_bootstraps, dirac.schedule_bootstraps);
    EXPECT_EQ(none.peak_level, dirac.peak_level);
    EXPECT_EQ(none.notes, dirac.notes);
    ASSERT_EQ(none.steps.size(), dirac.steps.size());
    for (size_t i = 0; i < none.steps.size(); ++i) {
      EXPECT_EQ(none.steps[i].name, dirac.steps[i].name);
      EXPECT_EQ(none.steps[i].level, dirac.steps[i].level);
      EXPECT_EQ(none.steps[i].ops, dirac.steps[i].ops);
      EXPECT_EQ(none.steps[i].bootstraps, dirac.steps[i].bootstraps);
    }
    ASSERT_EQ(none.parts.size(), dirac.parts.size());
    for (size_t i = 0; i < none.parts.size(); ++i) {
      EXPECT_EQ(none.parts[i].ops, dirac.parts[i].ops);
      EXPECT_EQ(none.parts[i].seconds, dirac.parts[i].seconds);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, CkksInvariantsTest,
                         testing::Values("resnet20+stem-relu", "resnet20@64+stem-relu",
                                         "resnet18@64", "resnet50@32", "mpcnn-resnet32"));

// Random networks, masks and rules.
TEST(CkksRandomTest, ModesKeepTheirOrder) {
  Random random(20240611);
  const auto draw = [&random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low + 1)));
  };
  for (int i = 0; i < 120; ++i) {
    const char* bases[] = {"resnet18", "resnet20", "resnet50"};
    const std::string name = absl::StrCat(bases[draw(0, 2)], "@", int64_t{1} << draw(3, 6),
                                          draw(0, 1) == 1 ? "+stem-relu" : "");
    const auto make = [&](const SkipMode& mode, const std::vector<int64_t>& blocks) {
      auto architecture = *ParseArchitecture(name, 32, 10);
      for (size_t section = 0; section < architecture.blocks.size(); ++section) {
        architecture.blocks[section] = blocks[section];
      }
      architecture.skip = mode.skip;
      architecture.joins = mode.joins;
      return *BuildNetwork(architecture);
    };
    const std::vector<int64_t> blocks = {draw(1, 4), draw(1, 4), draw(1, 4), draw(1, 4)};
    const Network none = make(kNoneMode, blocks);
    const Network residual = make(kResidualMode, blocks);
    // The same layers lose their ReLUs in both, by name.
    const int64_t seed = draw(0, 1'000'000);
    const auto active = [&](const Network& network) {
      std::vector<bool> marks = AllReluLayers(network);
      for (size_t op = 0; op < marks.size(); ++op) {
        if (DeriveSeed(static_cast<uint64_t>(seed), network.ops[op].name) % 4 == 0) {
          marks[op] = false;
        }
      }
      return marks;
    };
    Rules rules = {.levels = draw(8, 16),
                   .convolution_depth = draw(1, 2),
                   .activation_depth = draw(1, 8),
                   .skip_depth = 0};
    const bool weighted = draw(0, 1) == 1;
    const auto without = Bootstraps(none, Packed(none), active(none), rules, weighted);
    const auto with = Bootstraps(residual, Packed(residual), active(residual), rules, weighted);
    const auto all =
        Bootstraps(residual, Packed(residual), AllReluLayers(residual), rules, weighted);
    rules.skip_depth = 1;
    const auto scaled = Bootstraps(residual, Packed(residual), active(residual), rules, weighted);
    ASSERT_TRUE(without && with && all && scaled);
    EXPECT_LE(*without, *with) << name;
    EXPECT_LE(*with, *scaled) << name;
    EXPECT_LE(*with, *all) << name;
  }
}

TEST(CkksRandomTest, WidthsAndBlocksScaleCountsAsTheClosedFormsSay) {
  // One more block of a section adds two convolutions of it and nothing else to the rotations.
  for (int64_t section = 0; section < 3; ++section) {
    auto architecture = *ParseArchitecture("mpcnn-resnet20", 32, 10);
    CkksOptions options;
    const CkksEstimate before = EstimateOf(*BuildNetwork(architecture), options);
    architecture.blocks[static_cast<size_t>(section)] += 1;
    const CkksEstimate after = EstimateOf(*BuildNetwork(architecture), options);
    const int64_t each[] = {57, 83, 127};
    EXPECT_EQ(after.ops.rotations - before.ops.rotations, 2 * each[section]);
    EXPECT_EQ(after.bootstraps - before.bootstraps, 2);
  }
}

}  // namespace
}  // namespace reluscape

#include "search/cost/ckks_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "search/cost/ckks_test_util.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

constexpr int64_t kSlots = 32'768;

CkksProgram ProgramOf(const Network& network, const CkksRules& rules,
                      const CkksActivation& activation, const std::vector<bool>& active) {
  const auto packing = MultiplexedPacking(kSlots);
  const auto layers = PackNetwork(network, **packing, kSlots);
  EXPECT_TRUE(layers.ok()) << layers.status();
  const auto program = BuildCkksProgram(network, *layers, active, activation, rules);
  EXPECT_TRUE(program.ok()) << program.status();
  return *program;
}

CkksProgram ProgramOf(const Network& network, const CkksRules& rules) {
  return ProgramOf(network, rules, ActivationOfDepth(2), AllReluLayers(network));
}

std::map<CkksPart, int> PartsOf(const CkksProgram& program) {
  std::map<CkksPart, int> parts;
  for (const CkksNode& node : program.nodes) ++parts[node.part];
  return parts;
}

constexpr CkksRules kRules = {.levels = 16,
                              .convolution_depth = 2,
                              .identity_skip_depth = 1,
                              .stem_free = false,
                              .relu_refresh = false};

TEST(CkksProgramTest, FoldsBatchNormIntoConvolutions) {
  auto parts = PartsOf(ProgramOf(NetworkOf("mpcnn-resnet20"), kRules));
  EXPECT_EQ(parts[CkksPart::kConvolution], 19);
  EXPECT_EQ(parts[CkksPart::kActivation], 19);
  EXPECT_EQ(parts[CkksPart::kSkip], 2 + 7);  // down-samplings, identity skips
  EXPECT_EQ(parts[CkksPart::kBatchNorm], 0);
  EXPECT_EQ(parts[CkksPart::kPool], 1);
  EXPECT_EQ(parts[CkksPart::kFullyConnected], 1);
}

// A batch norm behind a sum has no convolution before it; the ReLU or pool behind it takes it.
TEST(CkksProgramTest, FoldsPreActivationBatchNormIntoWhatIsBehindIt) {
  for (const SkipMode& mode : {kResidualMode, kNoneMode, kSharedBlockMode}) {
    const Network network = WithSkips("wrn-16-2", mode);
    EXPECT_EQ(PartsOf(ProgramOf(network, kRules))[CkksPart::kBatchNorm], 0) << mode.name;
    // Behind ReLU layers that are gone stands a convolution.
    const std::vector<bool> none(network.ops.size(), false);
    EXPECT_EQ(PartsOf(ProgramOf(network, kRules, ActivationOfDepth(2), none))[CkksPart::kBatchNorm],
              0)
        << mode.name;
  }
}

TEST(CkksProgramTest, BatchNormBetweenSumsCostsALevel) {
  const auto op = [](OpKind kind, const char* name, std::vector<int> inputs) {
    Op made = {.kind = kind, .name = name, .inputs = std::move(inputs), .output = {16, 8, 8}};
    if (kind == OpKind::kConv) {
      made.kernel = 3;
      made.padding = 1;
    }
    if (kind == OpKind::kAdd) made.join = Join::kResidual;
    return made;
  };
  Network network;
  network.ops = {op(OpKind::kInput, "input", {}),   op(OpKind::kConv, "stem", {0}),
                 op(OpKind::kConv, "conv1", {1}),   op(OpKind::kAdd, "add1", {2, 1}),
                 op(OpKind::kBatchNorm, "bn", {3}), op(OpKind::kConv, "conv2", {3}),
                 op(OpKind::kAdd, "add2", {5, 4}),  op(OpKind::kLinear, "classifier", {6})};
  network.ops.back().output = {10, 1, 1};
  const CkksProgram program = ProgramOf(network, kRules);
  EXPECT_EQ(PartsOf(program)[CkksPart::kBatchNorm], 1);
  EXPECT_EQ(PartsOf(program)[CkksPart::kPool], 1);  // the classifier's input is collected
}

TEST(CkksProgramTest, IdentitySkipsAreMultipliedAsDeepAsTheRuleSays) {
  CkksRules rules = kRules;
  rules.identity_skip_depth = 0;
  auto parts = PartsOf(ProgramOf(NetworkOf("resnet20"), rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 2);  // projections
  rules.identity_skip_depth = 1;
  parts = PartsOf(ProgramOf(NetworkOf("resnet20"), rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 2 + 7);
}

TEST(CkksProgramTest, SharedSourcesJoinWithoutOperationsOfTheirOwnButTheScale) {
  CkksRules rules = kRules;
  rules.identity_skip_depth = 0;
  // Joins behind the second and third block of every section.
  const Network network = NetworkOf("resnet20+skip:dirac-ss");
  auto parts = PartsOf(ProgramOf(network, rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 0);
  EXPECT_EQ(parts[CkksPart::kFree], 1 + 6);
  rules.identity_skip_depth = 1;
  parts = PartsOf(ProgramOf(network, rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 6);
  // A trainable factor is that multiplication.
  const Network scaled = NetworkOf("resnet20+skip:dirac-ss:merge=scaled");
  parts = PartsOf(ProgramOf(scaled, rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 6);
  rules.identity_skip_depth = 0;
  parts = PartsOf(ProgramOf(scaled, rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 6);
  // The stem as the source: a 1x1 convolution for each later section.
  parts = PartsOf(ProgramOf(NetworkOf("resnet20+skip:dirac-ss:source=stem"), rules));
  EXPECT_EQ(parts[CkksPart::kSkip], 2);
}

TEST(CkksProgramTest, LayersWithoutReLUsAreGone) {
  const Network network = NetworkOf("resnet20");
  const std::vector<bool> none(network.ops.size(), false);
  const CkksProgram program = ProgramOf(network, kRules, ActivationOfDepth(2), none);
  EXPECT_EQ(PartsOf(program)[CkksPart::kActivation], 0);
  EXPECT_EQ(program.depth, 19 * 2 + 2);
}

TEST(CkksProgramTest, ACompositionMayBeRefreshedBetweenItsPolynomials) {
  CkksRules rules = kRules;
  rules.relu_refresh = true;
  rules.levels = 10;
  const Network network = NetworkOf("resnet20");
  const CkksProgram program =
      ProgramOf(network, rules, MinimaxRelu(/*prescale=*/true), AllReluLayers(network));
  EXPECT_EQ(PartsOf(program)[CkksPart::kActivation], 18 * 4);
  EXPECT_EQ(program.depth, 19 * 2 + 18 * 15 + 2);
  int64_t multiplications = 0;
  for (const CkksNode& node : program.nodes) multiplications += node.ops.ciphertext_multiplications;
  EXPECT_EQ(multiplications, 18 * 27);
}

TEST(CkksProgramTest, WorkOfANodeAddsUpToItsCounts) {
  for (const char* name : {"resnet20", "resnet50@16", "vgg16", "wrn-22-2"}) {
    for (const CkksNode& node : ProgramOf(NetworkOf(name), kRules).nodes) {
      LevelWork sum;
      for (const LevelWork& work : node.work) {
        sum.rotations += work.rotations;
        sum.plaintext_multiplications += work.plaintext_multiplications;
        sum.ciphertext_multiplications += work.ciphertext_multiplications;
        sum.rescales += work.rescales;
        EXPECT_LT(work.below, std::max<int64_t>(node.depth, 1)) << node.name;
      }
      EXPECT_NEAR(sum.rotations, static_cast<double>(node.ops.rotations), 1e-6);
      EXPECT_NEAR(sum.plaintext_multiplications,
                  static_cast<double>(node.ops.plaintext_multiplications), 1e-6);
      EXPECT_NEAR(sum.ciphertext_multiplications,
                  static_cast<double>(node.ops.ciphertext_multiplications), 1e-6);
      EXPECT_NEAR(sum.rescales, static_cast<double>(node.ops.rescales), 1e-6);
    }
  }
}

TEST(CkksProgramTest, RefusesAdditionsThatDoNotFit) {
  const auto message = [](const Network& network) {
    const auto packing = MultiplexedPacking(kSlots);
    return std::string(PackNetwork(network, **packing, kSlots).status().message());
  };
  Network unnamed = NetworkOf("resnet20");
  for (Op& op : unnamed.ops) op.join = Join::kNone;
  EXPECT_THAT(message(unnamed),
              HasSubstr("section1.block1.add: found an addition that joins nothing"));
  Network padding = NetworkOf("resnet20");
  padding.ops[1].padding = 0;
  EXPECT_THAT(message(padding), HasSubstr("stem.conv: found kernel 3 with padding 0"));
}

}  // namespace
}  // namespace reluscape

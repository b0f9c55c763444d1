// The parts that decide which ReLUs stay, each on its own.

#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <cmath>
#include <limits>

#include "search/network/names.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "worker/torch/lambda_controller.h"
#include "worker/torch/layer_shares.h"
#include "worker/torch/mask_rules.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

using testing::ElementsAre;

std::vector<float> Flat(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  const float* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

TEST(TrimChannelsTest, ReachesTheLargestCountByValue) {
  // Two channels of 16 units, four of 4.
  const std::vector<at::Tensor> masks = {torch::tensor({0.5F, 0.9F}),
                                         torch::tensor({0.95F, 0.8F, 0.7F, 0.6F})};
  const std::vector<int64_t> units = {16, 4};
  const auto kept = [&](int64_t budget, double floor = kNoFloor) {
    const auto trimmed = TrimMasks(masks, budget, units, floor);
    EXPECT_TRUE(trimmed.ok()) << trimmed.status();
    std::vector<float> all = Flat((*trimmed)[0]);
    const std::vector<float> small = Flat((*trimmed)[1]);
    all.insert(all.end(), small.begin(), small.end());
    return all;
  };
  EXPECT_THAT(kept(4), ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_THAT(kept(7), ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_THAT(kept(16), ElementsAre(0, 0, 1, 1, 1, 1));  // 0.95 first: the rest must be small
  EXPECT_THAT(kept(20), ElementsAre(0, 1, 1, 0, 0, 0));
  EXPECT_THAT(kept(35), ElementsAre(0, 1, 1, 1, 1, 1));
  EXPECT_THAT(kept(48), ElementsAre(1, 1, 1, 1, 1, 1));
  // Values that are not above the floor stay away: 32 of the 48 units are left.
  EXPECT_THAT(kept(48, 0.65), ElementsAre(0, 1, 1, 1, 1, 0));
  EXPECT_EQ(CountAbove(masks, 0.65, units), 28);
  EXPECT_TRUE(CheckBinary(*TrimMasks(masks, 20, units), 20, units).ok());
  EXPECT_FALSE(CheckBinary(*TrimMasks(masks, 20, units), 16, units).ok());
}

TEST(TrimChannelsTest, AgreesWithBruteForceOnTheCount) {
  at::manual_seed(6);
  const std::vector<int64_t> units = {8, 4, 2};
  for (int round = 0; round < 40; ++round) {
    const std::vector<at::Tensor> masks = {torch::rand({2}), torch::rand({3}), torch::rand({2})};
    for (int64_t budget = 0; budget <= 32; ++budget) {
      int64_t best = 0;
      for (int64_t a = 0; a <= 2; ++a) {
        for (int64_t b = 0; b <= 3; ++b) {
          for (int64_t c = 0; c <= 2; ++c) {
            const int64_t sum = 8 * a + 4 * b + 2 * c;
            if (sum <= budget) best = std::max(best, sum);
          }
        }
      }
      const auto trimmed = TrimMasks(masks, budget, units);
      ASSERT_TRUE(trimmed.ok());
      EXPECT_EQ(CountAbove(*trimmed, 0.5, units), best) << budget;
    }
  }
}

TEST(DivideBudgetTest, FollowsSharesCapsAndSums) {
  EXPECT_THAT(DivideBudget({1, 1, 2}, {100, 100, 100}, 40), ElementsAre(10, 10, 20));
  EXPECT_THAT(DivideBudget({1, 1, 2}, {100, 100, 100}, 42), ElementsAre(11, 10, 21));
  // What exceeds a layer goes to the others in proportion.
  EXPECT_THAT(DivideBudget({8, 1, 1}, {10, 100, 100}, 50), ElementsAre(10, 20, 20));
  EXPECT_THAT(DivideBudget({8, 1, 3}, {10, 100, 15}, 50), ElementsAre(10, 25, 15));
  // Shares of 0 count only where nothing else has room.
  EXPECT_THAT(DivideBudget({1, 0, 0}, {10, 30, 60}, 10), ElementsAre(10, 0, 0));
  EXPECT_THAT(DivideBudget({1, 0, 0}, {10, 30, 60}, 40), ElementsAre(10, 10, 20));
  EXPECT_THAT(DivideBudget({0, 0}, {1, 3}, 4), ElementsAre(1, 3));
  EXPECT_THAT(DivideBudget({5, 7}, {4, 4}, 0), ElementsAre(0, 0));
}

TEST(LambdaControllerTest, PlannedLambdaFollowsTheLine) {
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  settings.set_lambda_schedule(v1::LinearizeSpec::PLANNED);
  settings.set_lambda(1);
  settings.set_planned_epochs(10);
  settings.set_feedback_interval_steps(5);
  settings.set_feedback_factor(2);
  LambdaController controller(settings, /*units=*/1000, /*target=*/10, /*steps_per_epoch=*/4);
  EXPECT_DOUBLE_EQ(controller.PlannedCount(0), 1000);
  EXPECT_NEAR(controller.PlannedCount(20), 100, 1e-9);
  EXPECT_NEAR(controller.PlannedCount(40), 10, 1e-9);
  EXPECT_NEAR(controller.PlannedCount(400), 10, 1e-9);
  EXPECT_FALSE(controller.AfterStep(4));
  EXPECT_TRUE(controller.AfterStep(5));
  controller.Feedback(20, 101);
  EXPECT_DOUBLE_EQ(controller.lambda(), 2);
  controller.Feedback(20, 99);
  EXPECT_DOUBLE_EQ(controller.lambda(), 1);
  controller.AfterEpoch(50, 99);
  controller.AfterEpoch(51, 99);  // the published rule has no say
  EXPECT_DOUBLE_EQ(controller.lambda(), 1);
}

class MaskRulesTest : public testing::Test {
 protected:
  MaskRulesTest() {
    const auto architecture = ParseArchitecture("resnet20@2", 32, 10);
    network_ = *BuildNetwork(*architecture);
  }
  void SetGradients(const GraphNetwork& graph, double value) {
    for (const NamedTensor& mask : graph.masks()) {
      mask.tensor.mutable_grad() = at::full_like(mask.tensor, value);
    }
  }
  Network network_;
};

TEST_F(MaskRulesTest, ThePullOnAChannelIsThatOfItsUnits) {
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  for (const v1::LinearizeSpec::MaskShape shape :
       {v1::LinearizeSpec::PIXEL, v1::LinearizeSpec::CHANNEL}) {
    GraphNetwork graph(network_, MaskMode::kSoft, at::kCPU, shape);
    const auto rule = MakeSoftMasks(graph, settings);
    SetGradients(graph, 0);
    rule->SetLambda(0.5);
    EXPECT_NEAR(rule->Step().item<double>(), 0.5 * static_cast<double>(graph.units()), 1);
    for (const NamedTensor& mask : graph.masks()) {
      // Adam's first step is the learning rate against the sign of the gradient.
      EXPECT_TRUE(at::allclose(mask.tensor, at::full_like(mask.tensor, 1 - 1e-3)));
      EXPECT_FALSE(mask.tensor.grad().defined());
    }
  }
}

TEST_F(MaskRulesTest, HysteresisSwitchesOnlyBeyondItsBand) {
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  settings.set_mask_learning_rate(0.02);
  settings.set_hysteresis(0.1);
  GraphNetwork graph(network_, MaskMode::kSoft, at::kCPU);
  const auto rule = MakeHysteresisMasks(graph, settings, /*target=*/0, /*seed=*/4);
  const c10::NoGradGuard no_grad;
  const at::Tensor& mask = graph.masks()[0].tensor;
  const at::Tensor& score = rule->state()[0].tensor;
  EXPECT_TRUE(((score >= 0).logical_and(score < 1)).all().item<bool>());
  EXPECT_TRUE((mask == 1).all().item<bool>());
  bool some_off = false;
  for (int step = 0; step < 60; ++step) {
    const at::Tensor before = mask.clone();
    SetGradients(graph, 0);  // the pull alone: density above 0 falls
    rule->Step();
    EXPECT_TRUE(((mask == 0) == (score <= -0.1).logical_or((before == 0).logical_and(score <= 0.1)))
                    .all()
                    .item<bool>());
    some_off |= (mask == 0).any().item<bool>();
  }
  EXPECT_TRUE(some_off);
  // A gradient that wants the ReLUs back brings them back, but not before the other edge.
  for (int step = 0; step < 400; ++step) {
    SetGradients(graph, -1);
    rule->Step();
  }
  EXPECT_TRUE((mask == 1).all().item<bool>());
}

TEST_F(MaskRulesTest, AtTheTargetNothingPulls) {
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  GraphNetwork graph(network_, MaskMode::kSoft, at::kCPU);
  const auto rule = MakeHysteresisMasks(graph, settings, graph.units(), /*seed=*/4);
  SetGradients(graph, 0);
  const at::Tensor before = rule->state()[0].tensor.clone();
  EXPECT_EQ(rule->Step().item<float>(), 0);
  EXPECT_TRUE(at::equal(rule->state()[0].tensor, before));
}

}  // namespace
}  // namespace reluscape

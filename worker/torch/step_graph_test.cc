#include "worker/torch/step_graph.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "search/network/names.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "worker/torch/descent_step.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/mask_rules.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/step_recorder_test_util.h"
#include "worker/torch/teacher.h"

namespace reluscape {
namespace {

class StepGraphTest : public testing::Test {
 protected:
  // Adds the batch's images to `sum_`; the loss is their sum.
  StepGraph Make(bool with_recorder, FakeRecorder::Fails fails = FakeRecorder::Fails::kNever) {
    const auto step = [this](const StepInput& input) {
      ++steps_;
      sum_ += input.images.sum();
      return StepResult{.loss = input.images.sum(), .logits = input.images * 2};
    };
    return StepGraph(
        step, [this] { ++drops_; },
        with_recorder ? std::make_unique<FakeRecorder>(calls_, fails) : nullptr);
  }
  static StepInput Input(int64_t images, double value) {
    return {.images = torch::full({images, 2}, value),
            .targets = torch::zeros({images}, at::kLong),
            .teacher_logits = {}};
  }

  std::vector<std::string> calls_;
  at::Tensor sum_ = torch::zeros({});
  int steps_ = 0;
  int drops_ = 0;
};

TEST_F(StepGraphTest, WithoutARecorderEveryStepIsTakenAsItIs) {
  StepGraph graph = Make(/*with_recorder=*/false);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(graph.Take(Input(4, 1)).loss.item<float>(), 8);
  EXPECT_EQ(sum_.item<float>(), 48);
  EXPECT_EQ(steps_, 6);
  EXPECT_FALSE(graph.recorded());
}

TEST_F(StepGraphTest, RecordsAfterThreeStepsAndReplaysWithEachInput) {
  StepGraph graph = Make(/*with_recorder=*/true);
  double expected = 0;
  for (int i = 0; i < 6; ++i) {
    expected += 8 * i;
    const StepResult result = graph.Take(Input(4, i));
    EXPECT_EQ(result.loss.item<float>(), 8 * i);
    EXPECT_TRUE(at::equal(result.logits, torch::full({4, 2}, 2.0 * i)));
    // Recording itself takes no step.
    EXPECT_EQ(sum_.item<double>(), expected);
  }
  EXPECT_TRUE(graph.recorded());
  EXPECT_EQ(calls_, (std::vector<std::string>{"warm-up", "warm-up", "warm-up", "record", "replay",
                                              "replay", "replay"}));
}

TEST_F(StepGraphTest, AnotherShapeIsTakenAsItIs) {
  StepGraph graph = Make(/*with_recorder=*/true);
  for (int i = 0; i < 2; ++i) graph.Take(Input(4, 1));
  graph.Take(Input(3, 1));
  StepInput mixed = Input(4, 1);  // of the same images, but with probabilities for targets
  mixed.targets = torch::zeros({4, 2});
  graph.Take(mixed);
  EXPECT_EQ(calls_.size(), 2U);
  for (int i = 0; i < 2; ++i) graph.Take(Input(4, 1));
  EXPECT_TRUE(graph.recorded());
  const size_t calls = calls_.size();
  EXPECT_EQ(graph.Take(Input(3, 5)).loss.item<float>(), 30);
  EXPECT_EQ(calls_.size(), calls);
  EXPECT_EQ(graph.Take(Input(4, 5)).loss.item<float>(), 40);
  EXPECT_EQ(calls_.back(), "replay");
}

// A descent that goes on for more budgets may begin with the last batch of an epoch.
TEST_F(StepGraphTest, ALargerBatchIsRecordedInPlaceOfASmallerOne) {
  StepGraph graph = Make(/*with_recorder=*/true);
  for (int i = 0; i < 2; ++i) graph.Take(Input(3, 1));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(graph.Take(Input(4, i)).loss.item<float>(), 8 * i);
  EXPECT_TRUE(graph.recorded());
  EXPECT_EQ(calls_.back(), "replay");
  const size_t calls = calls_.size();
  graph.Take(Input(3, 1));
  EXPECT_EQ(calls_.size(), calls);
}

TEST_F(StepGraphTest, TeachersLogitsAreCopiedToo) {
  at::Tensor seen;
  std::vector<std::string> calls;
  StepGraph graph(
      [&](const StepInput& input) {
        seen = input.teacher_logits.clone();
        return StepResult{.loss = input.teacher_logits.sum(), .logits = input.images};
      },
      [] {}, std::make_unique<FakeRecorder>(calls));
  for (int i = 0; i < 6; ++i) {
    StepInput input = Input(4, 0);
    input.teacher_logits = torch::full({4, 2}, static_cast<double>(i));
    graph.Take(input);
    EXPECT_TRUE(at::equal(seen, input.teacher_logits));
  }
}

TEST_F(StepGraphTest, WhatCannotBeRecordedIsTakenAsItIs) {
  for (const auto fails : {FakeRecorder::Fails::kByTorch, FakeRecorder::Fails::kByAnother}) {
    calls_.clear();
    sum_.zero_();
    drops_ = 0;
    StepGraph graph = Make(/*with_recorder=*/true, fails);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(graph.Take(Input(4, i)).loss.item<float>(), 8 * i);
    EXPECT_EQ(sum_.item<float>(), 8 * 15);
    EXPECT_EQ(drops_, 1);
    EXPECT_EQ(calls_, (std::vector<std::string>{"warm-up", "warm-up", "warm-up", "record"}));
  }
}

// A descent and a step of SGD with it, on a device and with or without its recorder: the losses and
// what becomes of weights and masks.
struct Trained {
  std::vector<double> losses;
  std::vector<at::Tensor> tensors;
};

Trained TwentySteps(at::Device device, bool recorded,
                    const std::function<void(StepGraph&)>& check) {
  const auto architecture = ParseArchitecture("resnet18@4", /*side=*/32, /*classes=*/10);
  const auto network = BuildNetwork(*architecture);
  GraphNetwork student(*network, MaskMode::kSoft, device);
  student.Initialize(/*seed=*/1);
  GraphNetwork teacher(*network, MaskMode::kNone, device);
  teacher.Initialize(/*seed=*/1);
  teacher.Fold();
  const Teacher targets(teacher);
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  v1::DistillationSpec distillation = Filled<v1::DistillationSpec>();
  AdamOptimizer adam(student.weights(), settings.weight_learning_rate());
  const auto rule = MakeSoftMasks(student, settings);
  const DescentStep descent{targets, student, adam, *rule, distillation};
  SgdOptimizer sgd(student.weights(), {});
  int number = 0;
  StepGraph graph(
      [&](const StepInput& input) {
        const StepResult result = descent.Take(input);
        at::cross_entropy_loss(student.Forward(input.images), input.targets).backward();
        sgd.Step();
        for (const NamedTensor& mask : student.masks()) mask.tensor.mutable_grad().reset();
        return result;
      },
      [&] { student.DropGradients(); }, recorded ? MakeStepRecorder(device) : nullptr);
  Trained run;
  for (; number < 20; ++number) {
    at::manual_seed(static_cast<uint64_t>(number));
    // Both numbers change from step to step, as a schedule has it.
    rule->SetLambda(1e-4 * number);
    sgd.SetLearningRate(0.01 / (1 + number));
    const StepResult result = graph.Take({.images = torch::randn({16, 3, 32, 32}).to(device),
                                          .targets = torch::randint(10, {16}).to(device),
                                          .teacher_logits = {}});
    run.losses.push_back(result.loss.item<double>());
  }
  check(graph);
  for (const auto* list : {&student.weights(), &student.statistics(), &student.masks()}) {
    for (const NamedTensor& one : *list) run.tensors.push_back(one.tensor.detach().cpu());
  }
  return run;
}

TEST(StepGraphCudaTest, TwentyReplayedStepsAreThoseOfTheHost) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "needs a GPU";
  at::globalContext().setDeterministicCuDNN(true);
  const at::Device device(at::kCUDA, 0);
  const Trained plain = TwentySteps(device, /*recorded=*/false,
                                    [](const StepGraph& graph) { EXPECT_FALSE(graph.recorded()); });
  const Trained replayed = TwentySteps(
      device, /*recorded=*/true, [](const StepGraph& graph) { EXPECT_TRUE(graph.recorded()); });
  at::globalContext().setDeterministicCuDNN(false);
  for (size_t i = 0; i < plain.losses.size(); ++i) {
    EXPECT_NEAR(replayed.losses[i] / plain.losses[i], 1, 1e-4) << i;
  }
  for (size_t i = 0; i < plain.tensors.size(); ++i) {
    EXPECT_TRUE(at::allclose(replayed.tensors[i], plain.tensors[i], 1e-3, 1e-4)) << i;
  }
}

}  // namespace
}  // namespace reluscape

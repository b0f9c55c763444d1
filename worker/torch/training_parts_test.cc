// The small parts that the stages are made of: learning rates, optimizers, losses, trimming,
// batches and evaluation.

#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <set>

#include "search/network/names.h"
#include "worker/torch/batches.h"

#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/learning_rate.h"
#include "worker/torch/losses.h"
#include "worker/torch/mixup.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

v1::AugmentationSpec Crops(int64_t padding, bool flip, bool alternating = false) {
  v1::AugmentationSpec settings = Filled<v1::AugmentationSpec>();
  settings.set_crop_padding(padding);
  settings.set_flip(flip);
  settings.set_alternating_flip(alternating);
  return settings;
}

TEST(LearningRateTest, FollowsEachSchedule) {
  v1::SgdSpec settings = Filled<v1::SgdSpec>();
  settings.set_epochs(4);
  settings.set_learning_rate(0.8);
  settings.set_schedule(v1::CONSTANT);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 39, 10), 0.8);

  settings.set_schedule(v1::COSINE);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 0, 10), 0.8);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 20, 10), 0.4);
  EXPECT_NEAR(LearningRateAt(settings, 40, 10), 0, 1e-15);

  settings.set_schedule(v1::COSINE_EPOCHS);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 9, 10), 0.8);
  EXPECT_NEAR(LearningRateAt(settings, 10, 10), 0.4 * (1 + std::cos(std::numbers::pi / 4)), 1e-12);
  EXPECT_NEAR(LearningRateAt(settings, 19, 10), LearningRateAt(settings, 10, 10), 0);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 20, 10), 0.4);

  settings.set_schedule(v1::ONE_CYCLE);
  settings.set_warmup_fraction(0.25);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 0, 10), 0.08);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 9, 10), 0.8);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 25, 10), 0.4);
  EXPECT_NEAR(LearningRateAt(settings, 39, 10), 0.8 / 30, 1e-12);
  settings.set_warmup_fraction(0);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 0, 10), 0.8);

  settings.set_schedule(v1::STEPS);
  SetList(settings.mutable_step_epochs(), {2, 3});
  settings.set_step_factor(0.1);
  EXPECT_DOUBLE_EQ(LearningRateAt(settings, 19, 10), 0.8);
  EXPECT_NEAR(LearningRateAt(settings, 20, 10), 0.08, 1e-15);
  EXPECT_NEAR(LearningRateAt(settings, 30, 10), 0.008, 1e-15);
}

// Gradients of a step: the same sequence for every optimizer.
at::Tensor GradientAt(int step, at::IntArrayRef sizes) {
  at::manual_seed(static_cast<uint64_t>(100 + step));
  return torch::randn(sizes);
}

TEST(SgdOptimizerTest, ADiracNetworkDecaysNoOneDimensionalParameter) {
  v1::SgdSpec settings = Filled<v1::SgdSpec>();
  settings.set_momentum(0);
  settings.set_weight_decay(0.1);
  settings.set_decay_one_dimensional(true);
  const auto after_a_step = [&](const std::vector<std::string>& names) {
    std::vector<NamedTensor> parameters = {{"conv.weight", torch::ones({2, 2})}};
    for (const std::string& name : names) parameters.push_back({name, torch::ones({2})});
    SgdOptimizer optimizer(parameters, settings);
    optimizer.SetLearningRate(1);
    optimizer.Step();  // all gradients are 0
    std::vector<double> values;
    for (const NamedTensor& parameter : parameters) {
      values.push_back(parameter.tensor.flatten()[0].item<double>());
    }
    return values;
  };
  const auto near = [](double value) { return testing::DoubleNear(value, 1e-6); };
  EXPECT_THAT(after_a_step({"bn.weight"}), testing::ElementsAre(near(0.9), near(0.9)));
  EXPECT_THAT(after_a_step({"bn.weight", "conv.dirac_a", "conv.dirac_b"}),
              testing::ElementsAre(near(0.9), near(1), near(1), near(1)));
}

TEST(SgdOptimizerTest, FollowsTheFormula) {
  for (const bool nesterov : {false, true}) {
    v1::SgdSpec settings = Filled<v1::SgdSpec>();
    settings.set_momentum(0.9);
    settings.set_nesterov(nesterov);
    settings.set_weight_decay(0.1);
    settings.set_decay_one_dimensional(false);
    at::manual_seed(1);
    const NamedTensor matrix{"w", torch::randn({3, 4})};
    const NamedTensor vector{"b", torch::randn({4})};
    std::vector<at::Tensor> expected = {matrix.tensor.to(at::kDouble),
                                        vector.tensor.to(at::kDouble)};
    std::vector<at::Tensor> velocity = {at::zeros_like(expected[0]), at::zeros_like(expected[1])};
    SgdOptimizer optimizer({matrix, vector}, settings);
    for (int step = 0; step < 5; ++step) {
      matrix.tensor.mutable_grad() = GradientAt(step, {3, 4});
      vector.tensor.mutable_grad() = GradientAt(step, {4});
      for (size_t i = 0; i < 2; ++i) {
        const at::Tensor raw = GradientAt(step, expected[i].sizes()).to(at::kDouble);
        const at::Tensor g = raw + (i == 0 ? 0.1 : 0.0) * expected[i];
        velocity[i] = 0.9 * velocity[i] + g;
        expected[i] = expected[i] - 0.05 * (nesterov ? g + 0.9 * velocity[i] : velocity[i]);
      }
      optimizer.SetLearningRate(0.05);
      optimizer.Step();
      EXPECT_FALSE(matrix.tensor.grad().defined());
    }
    EXPECT_TRUE(at::allclose(matrix.tensor.to(at::kDouble), expected[0], 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(vector.tensor.to(at::kDouble), expected[1], 1e-5, 1e-6));
    EXPECT_EQ(optimizer.state().size(), 2U);
  }
}

TEST(SgdOptimizerTest, WorksWithoutMomentum) {
  const NamedTensor weight{"w", torch::ones({2, 2})};
  v1::SgdSpec settings = Filled<v1::SgdSpec>();
  settings.set_momentum(0);
  settings.set_weight_decay(0);
  SgdOptimizer optimizer({weight}, settings);
  weight.tensor.mutable_grad() = torch::ones({2, 2});
  optimizer.SetLearningRate(0.25);
  optimizer.Step();
  EXPECT_TRUE(at::equal(weight.tensor, torch::full({2, 2}, 0.75)));
  EXPECT_TRUE(optimizer.state().empty());
}

TEST(AdamOptimizerTest, FollowsTheFormula) {
  at::manual_seed(1);
  const NamedTensor weight{"w", torch::randn({3, 4})};
  at::Tensor expected = weight.tensor.to(at::kDouble);
  at::Tensor mean = at::zeros_like(expected);
  at::Tensor square = at::zeros_like(expected);
  AdamOptimizer optimizer({weight}, 0.01);
  for (int step = 0; step < 6; ++step) {
    weight.tensor.mutable_grad() = GradientAt(step, {3, 4});
    const at::Tensor g = GradientAt(step, {3, 4}).to(at::kDouble);
    mean = 0.9 * mean + 0.1 * g;
    square = 0.999 * square + 0.001 * g * g;
    const double first = 1 - std::pow(0.9, step + 1);
    const double second = 1 - std::pow(0.999, step + 1);
    expected = expected - 0.01 * (mean / first) / ((square / second).sqrt() + 1e-8);
    optimizer.Step();
  }
  EXPECT_TRUE(at::allclose(weight.tensor.to(at::kDouble), expected, 1e-5, 1e-6));
}

TEST(OptimizersTest, GoOnFromARestoredState) {
  at::manual_seed(1);
  const NamedTensor straight{"w", torch::randn({3, 4})};
  const NamedTensor resumed{"w", straight.tensor.clone()};
  AdamOptimizer one({straight}, 0.01);
  for (int step = 0; step < 6; ++step) {
    straight.tensor.mutable_grad() = GradientAt(step, {3, 4});
    one.Step();
    if (step == 2) {
      resumed.tensor.copy_(straight.tensor);
      AdamOptimizer other({resumed}, 0.01);
      for (size_t i = 0; i < other.state().size(); ++i) {
        other.state()[i].tensor.copy_(one.state()[i].tensor);
      }
      for (int later = 3; later < 6; ++later) {
        resumed.tensor.mutable_grad() = GradientAt(later, {3, 4});
        other.Step();
      }
    }
  }
  EXPECT_TRUE(at::equal(straight.tensor, resumed.tensor));
}

TEST(DistillationLossTest, IsTheFormula) {
  at::manual_seed(4);
  const at::Tensor student = torch::randn({5, 3}).requires_grad_();
  const at::Tensor teacher = torch::randn({5, 3}).requires_grad_();
  const at::Tensor labels = torch::tensor({0, 2, 1, 1, 0}, at::kLong);
  v1::DistillationSpec settings = Filled<v1::DistillationSpec>();
  settings.set_temperature(4);
  settings.set_weight(0.7);
  settings.set_cross_entropy_weight(0.3);
  const at::Tensor p = at::softmax(teacher.detach().to(at::kDouble) / 4, 1);
  const at::Tensor q = at::softmax(student.detach().to(at::kDouble) / 4, 1);
  const double divergence = (p * (p / q).log()).sum().item<double>() / 5;
  const double cross_entropy =
      at::cross_entropy_loss(student.detach().to(at::kDouble), labels).item<double>();
  const at::Tensor loss =
      DistillationLoss(at::cross_entropy_loss(student, labels), student, teacher, settings);
  EXPECT_NEAR(loss.item<double>(), 0.3 * cross_entropy + 0.7 * 16 * divergence, 1e-5);
  loss.backward();
  EXPECT_TRUE(student.grad().defined());
  EXPECT_FALSE(teacher.grad().defined());
}

TEST(DistillationLossTest, OfTheTeacherItselfIsCrossEntropy) {
  const at::Tensor logits = torch::tensor({{2.0F, -1.0F}, {0.5F, 0.25F}});
  const at::Tensor labels = torch::tensor({0, 1}, at::kLong);
  const at::Tensor cross_entropy = at::cross_entropy_loss(logits, labels);
  EXPECT_NEAR(DistillationLoss(cross_entropy, logits, logits, Filled<v1::DistillationSpec>())
                  .item<double>(),
              cross_entropy.item<double>(), 1e-6);
}

TEST(TrimMasksTest, KeepsTheLargestAndBreaksTiesByLayerThenIndex) {
  const std::vector<at::Tensor> masks = {torch::tensor({0.5F, 0.2F, 0.5F, -3.0F}).view({2, 2, 1}),
                                         torch::tensor({0.5F, 0.9F, 0.5F}).view({3, 1, 1})};
  const auto expect = [&](int64_t budget, const std::vector<int>& first,
                          const std::vector<int>& second) {
    const auto trimmed = TrimMasks(masks, budget);
    ASSERT_TRUE(trimmed.ok()) << trimmed.status();
    EXPECT_TRUE(at::equal((*trimmed)[0].view(-1), torch::tensor(first).to(at::kFloat))) << budget;
    EXPECT_TRUE(at::equal((*trimmed)[1].view(-1), torch::tensor(second).to(at::kFloat))) << budget;
    EXPECT_EQ((*trimmed)[0].sizes(), masks[0].sizes());
    EXPECT_TRUE(CheckBinary(*trimmed, budget).ok());
    EXPECT_FALSE(CheckBinary(*trimmed, budget + 1).ok());
  };
  expect(0, {0, 0, 0, 0}, {0, 0, 0});
  expect(1, {0, 0, 0, 0}, {0, 1, 0});
  expect(2, {1, 0, 0, 0}, {0, 1, 0});
  expect(3, {1, 0, 1, 0}, {0, 1, 0});
  expect(4, {1, 0, 1, 0}, {1, 1, 0});
  expect(5, {1, 0, 1, 0}, {1, 1, 1});
  expect(7, {1, 1, 1, 1}, {1, 1, 1});
}

TEST(TrimMasksTest, AllEqualValuesStillGiveTheExactNumber) {
  const std::vector<at::Tensor> masks = {torch::ones({4, 8, 8}), torch::ones({8, 4, 4})};
  for (const int64_t budget : {1, 100, 255, 256, 257, 383}) {
    const auto trimmed = TrimMasks(masks, budget);
    ASSERT_TRUE(trimmed.ok());
    EXPECT_TRUE(CheckBinary(*trimmed, budget).ok()) << budget;
    EXPECT_EQ(CountAbove(*trimmed, 0.01), budget);
  }
}

TEST(TrimMasksTest, RefusesWhatHasNoAnswer) {
  EXPECT_EQ(TrimMasks({torch::ones({3})}, 4).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TrimMasks({torch::ones({3})}, -1).status().code(), absl::StatusCode::kInvalidArgument);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(TrimMasks({torch::tensor({1.0F, nan})}, 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CountAboveTest, IsOneSidedAndStrict) {
  EXPECT_EQ(CountAbove({torch::tensor({0.01F, 0.0101F, -5.0F, 2.0F}), torch::tensor({1.0F})},
                       static_cast<double>(0.01F)),
            3);
}

// Masks that blew up must not look as if all budgets were met.
TEST(CountAboveTest, WhatIsNotANumberIsNotRemoved) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(CountAbove({torch::tensor({nan, 0.0F, nan})}, 0.01), 2);
}

TEST(CheckBinaryTest, SeesAMaskThatIsAlmostOne) {
  const absl::Status status = CheckBinary({torch::tensor({1.0F, 0.0F, 0.999F})}, 1);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 other values"));
}

// `count` images of 4 x 4 whose pixels tell image, row and column.
ImageSet Numbered(int64_t count) {
  ImageSet images;
  images.side = 4;
  for (int64_t i = 0; i < count; ++i) {
    images.labels.push_back(static_cast<int32_t>(i));
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 4; ++x) {
        images.pixels.push_back(static_cast<uint8_t>(i + 1));
        images.pixels.push_back(static_cast<uint8_t>(y + 1));
        images.pixels.push_back(static_cast<uint8_t>(x + 1));
      }
    }
  }
  return images;
}

// Gives pixel values back as they are.
Normalization Plain() {
  return {.mean = {0, 0, 0}, .deviation = {1 / 255.0, 1 / 255.0, 1 / 255.0}};
}

TEST(EvaluationImagesTest, NormalisesInPlaceAndOrder) {
  Normalization normalization{.mean = {0.5, 0.25, 0}, .deviation = {0.5, 0.25, 2}};
  const EvaluationImages images(Numbered(3), normalization, at::kCPU);
  const Batch batch = images.Get(1, 2);
  EXPECT_EQ(batch.images.sizes(), (at::IntArrayRef{2, 3, 4, 4}));
  EXPECT_TRUE(at::equal(batch.labels, torch::tensor({1, 2}, at::kLong)));
  EXPECT_NEAR(batch.images[0][0][0][0].item<double>(), (2 / 255.0 - 0.5) / 0.5, 1e-6);
  EXPECT_NEAR(batch.images[1][1][3][0].item<double>(), (4 / 255.0 - 0.25) / 0.25, 1e-6);
  EXPECT_NEAR(batch.images[1][2][0][3].item<double>(), (4 / 255.0) / 2, 1e-6);
}

TEST(TrainingImagesTest, CropsAndFlipsWholeImages) {
  TrainingImages images(Numbered(40), 40, Plain(), Crops(2, /*flip=*/true), at::kCPU);
  images.StartEpoch(/*seed=*/3, /*epoch=*/0);
  std::set<std::string> views;
  for (int64_t step = 0; step < 4; ++step) {
    const Batch batch = images.Get(step, 10);
    for (int64_t i = 0; i < 10; ++i) {
      const at::Tensor image = at::round(batch.images[i]);
      const int64_t label = batch.labels[i].item<int64_t>();
      // The crop's place and direction, read off pixels that are not padding.
      const at::Tensor inside = image[0] == label + 1;
      EXPECT_TRUE((inside | (image[0] == 0)).all().item<bool>());
      int matches = 0;
      std::string view;
      for (int dy = 0; dy <= 4; ++dy) {
        for (int dx = 0; dx <= 4; ++dx) {
          for (const bool flip : {false, true}) {
            bool equal = true;
            for (int y = 0; y < 4 && equal; ++y) {
              for (int x = 0; x < 4 && equal; ++x) {
                const int row = y + dy - 2;
                const int column = (flip ? 3 - x : x) + dx - 2;
                const bool padding = row < 0 || row > 3 || column < 0 || column > 3;
                equal = image[1][y][x].item<int>() == (padding ? 0 : row + 1) &&
                        image[2][y][x].item<int>() == (padding ? 0 : column + 1);
              }
            }
            if (!equal) continue;
            ++matches;
            view = std::to_string(dy) + "," + std::to_string(dx) + (flip ? "f" : "");
          }
        }
      }
      EXPECT_EQ(matches, 1) << "image " << label;
      views.insert(view);
    }
  }
  EXPECT_GT(views.size(), 20U);  // of 50
}

TEST(TrainingImagesTest, AlternatingFlipTurnsEveryImageOverFromEpochToEpoch) {
  TrainingImages images(Numbered(40), 40, Plain(), Crops(0, /*flip=*/true, /*alternating=*/true),
                        at::kCPU);
  std::vector<std::vector<bool>> flipped;  // per epoch, by image
  for (const int64_t epoch : {0, 1, 2, 1}) {
    images.StartEpoch(/*seed=*/3, epoch);
    const Batch batch = images.Get(0, 40);
    std::vector<bool> of_epoch(40);
    for (int64_t i = 0; i < 40; ++i) {
      // The columns of a mirrored image fall from left to right.
      of_epoch[static_cast<size_t>(batch.labels[i].item<int64_t>())] =
          batch.images[i][2][0][0].item<double>() > batch.images[i][2][0][3].item<double>();
    }
    flipped.push_back(of_epoch);
  }
  EXPECT_EQ(flipped[0], flipped[2]);
  EXPECT_EQ(flipped[1], flipped[3]);
  for (size_t i = 0; i < 40; ++i) EXPECT_NE(flipped[0][i], flipped[1][i]) << i;
  const auto first = std::count(flipped[0].begin(), flipped[0].end(), true);
  EXPECT_GT(first, 8);
  EXPECT_LT(first, 32);
}

TEST(TrainingImagesTest, PaddingIsBlackBeforeNormalisation) {
  ImageSet white;
  white.side = 4;
  white.labels.assign(64, 0);
  white.pixels.assign(64 * 48, 255);
  TrainingImages images(white, 1, {.mean = {0.5, 0.5, 0.5}, .deviation = {0.5, 0.5, 0.5}},
                        Crops(4, /*flip=*/false), at::kCPU);
  images.StartEpoch(1, 0);
  const at::Tensor pixels = images.Get(0, 64).images;
  EXPECT_NEAR(pixels.min().item<double>(), -1, 1e-6);
  EXPECT_NEAR(pixels.max().item<double>(), 1, 1e-6);
}

TEST(TrainingImagesTest, EveryImageComesOncePerEpochInANewOrder) {
  TrainingImages images(Numbered(25), 25, Plain(), Crops(0, /*flip=*/false), at::kCPU);
  std::vector<std::vector<int64_t>> orders;
  for (const int64_t epoch : {0, 1, 0}) {
    images.StartEpoch(7, epoch);
    std::vector<int64_t> order;
    for (int64_t step = 0; step < images.StepsPerEpoch(8); ++step) {
      const at::Tensor labels = images.Get(step, 8).labels;
      for (int64_t i = 0; i < labels.size(0); ++i) order.push_back(labels[i].item<int64_t>());
    }
    orders.push_back(order);
  }
  // 25 = 3 * 8 + 1: the image that would be alone is left out.
  EXPECT_EQ(orders[0].size(), 24U);
  EXPECT_EQ(std::set<int64_t>(orders[0].begin(), orders[0].end()).size(), 24U);
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_EQ(orders[0], orders[2]);
  EXPECT_EQ(images.StepsPerEpoch(23), 2);
  EXPECT_EQ(images.StepsPerEpoch(100), 1);
}

TEST(TrainingImagesTest, CutoutBlanksASquareOfEveryImage) {
  v1::AugmentationSpec plain = Filled<v1::AugmentationSpec>();
  plain.set_crop_padding(0);
  plain.set_flip(true);
  v1::AugmentationSpec cut = plain;
  cut.set_cutout(2);
  TrainingImages whole(Numbered(64), 64, Plain(), plain, at::kCPU);
  TrainingImages images(Numbered(64), 64, Plain(), cut, at::kCPU);
  std::set<int64_t> places;
  std::set<int64_t> sizes;
  whole.StartEpoch(5, 2);
  images.StartEpoch(5, 2);
  const Batch before = whole.Get(0, 64);
  const Batch after = images.Get(0, 64);
  EXPECT_TRUE(at::equal(before.labels, after.labels));
  EXPECT_TRUE(at::equal(after.targets, after.labels));
  for (int64_t i = 0; i < 64; ++i) {
    const at::Tensor blank = (after.images[i] == 0).all(0);
    // What is not blank is as it was, and blank is the same in all channels.
    EXPECT_TRUE(at::equal(after.images[i], before.images[i].masked_fill(blank, 0)));
    const at::Tensor at = blank.nonzero();
    ASSERT_GE(at.size(0), 1);
    const at::Tensor extent = at.amax(0) - at.amin(0) + 1;
    EXPECT_EQ(extent.prod().item<int64_t>(), at.size(0));  // a rectangle
    EXPECT_LE(extent.max().item<int64_t>(), 2);
    sizes.insert(at.size(0));
    places.insert(4 * at[0][0].item<int64_t>() + at[0][1].item<int64_t>());
  }
  EXPECT_EQ(sizes, (std::set<int64_t>{1, 2, 4}));  // 1 and 2: partly outside
  EXPECT_GE(places.size(), 8U);
  images.StartEpoch(5, 3);
  const at::Tensor next = images.Get(0, 64).images;
  images.StartEpoch(5, 2);
  EXPECT_TRUE(at::equal(images.Get(0, 64).images, after.images));
  EXPECT_FALSE(at::equal(next, after.images));
}

TEST(TrainingImagesTest, MixupMixesImagesAndTheirTargets) {
  v1::AugmentationSpec plain = Filled<v1::AugmentationSpec>();
  plain.set_crop_padding(0);
  plain.set_flip(false);
  v1::AugmentationSpec mixed = plain;
  mixed.set_mixup(1);
  TrainingImages whole(Numbered(40), 40, Plain(), plain, at::kCPU);
  TrainingImages images(Numbered(40), 40, Plain(), mixed, at::kCPU);
  whole.StartEpoch(5, 2);
  images.StartEpoch(5, 2);
  std::set<double> shares;
  for (int64_t step = 0; step < 4; ++step) {
    const Batch before = whole.Get(step, 10);
    const Batch after = images.Get(step, 10);
    EXPECT_TRUE(at::equal(before.labels, after.labels));
    const double share = MixupShare(1, 5, 2, step);
    shares.insert(share);
    const at::Tensor classes = at::one_hot(before.labels, 40).to(at::kFloat);
    EXPECT_TRUE(
        at::allclose(after.images, share * before.images + (1 - share) * before.images.flip(0)));
    EXPECT_TRUE(at::allclose(after.targets, share * classes + (1 - share) * classes.flip(0)));
    EXPECT_TRUE(at::equal(after.targets.argmax(1), after.labels));
    // The loss against the mixture is the mixture of the losses.
    const at::Tensor logits = at::arange(400, at::kFloat).view({10, 40}).sin();
    EXPECT_NEAR(
        at::cross_entropy_loss(logits, after.targets).item<double>(),
        share * at::cross_entropy_loss(logits, before.labels).item<double>() +
            (1 - share) * at::cross_entropy_loss(logits, before.labels.flip(0)).item<double>(),
        1e-5);
  }
  EXPECT_EQ(shares.size(), 4U);
}

TEST(MixupShareTest, HasTheMomentsOfTheBetaDistribution) {
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double square = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double share = MixupShare(alpha, 9, i / 100, i % 100);
      ASSERT_GE(share, 0.5);
      ASSERT_LE(share, 1);
      square += (share - 0.5) * (share - 0.5) / kDraws;
    }
    // The variance of Beta(alpha, alpha); folding at its mean leaves it as it is.
    EXPECT_NEAR(square, 1 / (4 * (2 * alpha + 1)), 0.004) << alpha;
  }
  EXPECT_EQ(MixupShare(1e-9, 1, 0, 0), 1);
  EXPECT_NEAR(MixupShare(1e8, 1, 0, 0), 0.5, 1e-3);
}

TEST(TrainingImagesTest, EqualViewsAreEqualImages) {
  v1::AugmentationSpec settings = Filled<v1::AugmentationSpec>();
  settings.set_crop_padding(1);
  settings.set_flip(true);
  TrainingImages images(Numbered(5), 5, Plain(), settings, at::kCPU);
  ASSERT_EQ(TrainingImages::ViewsPerImage(settings), 18);
  std::map<int64_t, at::Tensor> seen;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    images.StartEpoch(/*seed=*/3, epoch);
    for (int64_t step = 0; step < images.StepsPerEpoch(3); ++step) {
      const Batch batch = images.Get(step, 3);
      ASSERT_EQ(static_cast<int64_t>(batch.views.size()), batch.images.size(0));
      for (size_t i = 0; i < batch.views.size(); ++i) {
        const at::Tensor image = batch.images[static_cast<int64_t>(i)];
        const auto [found, added] = seen.emplace(batch.views[i], image);
        EXPECT_TRUE(at::equal(found->second, image)) << batch.views[i];
      }
    }
  }
  // 300 draws from 90 views miss few of them.
  EXPECT_GT(seen.size(), 70U);
  EXPECT_GE(seen.begin()->first, 0);
  EXPECT_LT(seen.rbegin()->first, 90);
  for (const auto& [view, image] : seen) {
    for (const auto& [other_view, other] : seen) {
      EXPECT_EQ(at::equal(image, other), view == other_view) << view << " " << other_view;
    }
  }
}

TEST(EvaluateTest, IsTheFractionOfRightAnswersAndCanBeStopped) {
  const auto architecture = ParseArchitecture("resnet20@4", 32, 10);
  ASSERT_TRUE(architecture.ok());
  GraphNetwork network(*BuildNetwork(*architecture), MaskMode::kNone, at::kCPU);
  // With all weights zero but the last bias every image is put into class 3.
  const c10::NoGradGuard no_grad;
  network.weights().back().tensor[3].fill_(1);
  ImageSet images;
  images.side = 32;
  images.pixels.assign(300 * 3072, 7);
  for (int i = 0; i < 300; ++i) images.labels.push_back(i % 4 == 0 ? 3 : 5);
  const EvaluationImages set(images, Plain(), at::kCPU);
  EXPECT_EQ(Evaluate(network, set, {}), 0.25);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(Evaluate(network, set, source.get_token()), std::nullopt);
}

}  // namespace
}  // namespace reluscape

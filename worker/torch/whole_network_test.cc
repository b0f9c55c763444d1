// Pretrains that learn from a teacher, and networks that are Results as they stand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "search/network/names.h"
#include "worker/torch/trainer_test_util.h"

namespace reluscape {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Section 2 of kNetwork alone: 2 * 8 * 16^2 ReLUs.
constexpr char kSection[] = "basic:side=32:classes=10:m=4:blocks=1x1x1:multipliers=2x2:culled=1,3";
constexpr int64_t kSectionUnits = 4096;

class WholeNetworkTest : public TorchTrainerTest {
 protected:
  // As the coordinator describes it once the teacher is done.
  v1::TaskDescription Student() {
    const v1::TaskDescription lesson = Linearize({});  // makes the pretrained network
    v1::TaskDescription task = Pretrain();
    task.set_task(4);
    task.set_network(CanonicalText(ParseCanonicalText(kSection).value()));
    task.set_seed(17);
    task.set_data_hash(lesson.data_hash());
    task.set_split_hash(lesson.split_hash());
    task.set_teacher_network(lesson.network());
    *task.mutable_teacher() = lesson.weights();
    return task;
  }
};

TEST_F(WholeNetworkTest, APretrainLearnsFromItsTeacher) {
  const v1::TaskDescription task = Student();
  Recorder taught;
  const TaskOutcome outcome = Run(task, taught);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  EXPECT_TRUE(IsSet(outcome.weights));
  EXPECT_FALSE(outcome.result);
  ASSERT_THAT(taught.epochs, SizeIs(3));
  EXPECT_EQ(taught.epochs[0].relus(), kSectionUnits);

  Recorder again;
  EXPECT_EQ(Run(task, again).weights, outcome.weights) << "it repeats bit for bit";

  v1::TaskDescription alone = task;
  alone.clear_teacher_network();
  alone.clear_teacher();
  Recorder untaught;
  const TaskOutcome other = Run(alone, untaught);
  ASSERT_FALSE(other.failure) << other.failure->message();
  EXPECT_NE(other.weights, outcome.weights);
  // Both terms are in the loss, of which one is the cross-entropy.
  EXPECT_GT(taught.epochs[0].loss(), untaught.epochs[0].loss());

  // With a distillation weight of 0 the teacher changes nothing but the scale of the loss: none.
  v1::TaskDescription deaf = task;
  deaf.mutable_settings()->mutable_distillation()->set_weight(0);
  Recorder unheard;
  const TaskOutcome same = Run(deaf, unheard);
  EXPECT_EQ(unheard.epochs[0].loss(), untaught.epochs[0].loss());
  EXPECT_EQ(same.weights, other.weights);
}

TEST_F(WholeNetworkTest, ATaughtPretrainResumesBitByBit) {
  const Resumed result = RunInPieces(Student(), 1);
  ASSERT_FALSE(result.resumed.failure) << result.resumed.failure->message();
  EXPECT_GT(result.attempts, 1);
  EXPECT_EQ(result.resumed.weights, result.straight.weights);
}

TEST_F(WholeNetworkTest, ATeacherThatDoesNotFitIsRefusedOrMadeAgain) {
  v1::TaskDescription task = Student();
  task.set_teacher_network(task.network());
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.teacher(), "network: found");
  task = Student();
  task.set_teacher_network("basic:side=32:classes=11:m=4:blocks=1x1x1:multipliers=2x2");
  ExpectFailure(task, v1::Failure::REFUSED, "made for 11 classes");
  task = Student();
  task.set_teacher_network("nonsense");
  ExpectFailure(task, v1::Failure::REFUSED, "");
  task = Student();
  task.set_data_hash(std::string(64, 'a'));
  ExpectFailure(task, v1::Failure::DATA, "data hash");
}

TEST_F(WholeNetworkTest, ANetworkWithABudgetOfAllItsRelusIsAResult) {
  v1::TaskDescription task = Student();
  SetList(task.mutable_budgets(), {kSectionUnits});
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  EXPECT_FALSE(IsSet(outcome.weights));
  ASSERT_TRUE(outcome.result);
  const v1::ResultReport& result = *outcome.result;
  EXPECT_EQ(result.budget(), kSectionUnits);
  EXPECT_EQ(result.relus(), kSectionUnits);
  EXPECT_EQ(result.accuracy_validation(), recorder.epochs.back().validation_accuracy());
  EXPECT_EQ(result.accuracy_soft(), result.accuracy_validation());
  EXPECT_EQ(result.accuracy_trimmed(), result.accuracy_validation());
  EXPECT_GE(outcome.accuracy_test, 0);
  EXPECT_LE(outcome.accuracy_test, 1);
  ASSERT_THAT(result.layers(), SizeIs(2));
  const SafetensorsHeader file = Read(result.artifact());
  EXPECT_EQ(file.header.at("__metadata__").at("kind"), "result");
  EXPECT_EQ(file.header.at("__metadata__").at("network"), task.network());
  for (const v1::LayerRelus& layer : result.layers()) {
    EXPECT_EQ(layer.kept(), layer.units());
    const nlohmann::json& mask = file.header.at(layer.layer() + ".mask");
    EXPECT_EQ(mask.at("dtype"), "U8");
    const auto begin = mask.at("data_offsets")[0].get<size_t>();
    const auto end = mask.at("data_offsets")[1].get<size_t>();
    EXPECT_EQ(file.data.substr(begin, end - begin), std::string(end - begin, '\1'));
    EXPECT_EQ(static_cast<int64_t>(end - begin), layer.units());
  }

  SetList(task.mutable_budgets(), {kSectionUnits - 1});
  ExpectFailure(
      task, v1::Failure::REFUSED,
      "budgets of a pretrain: found 4095; allowed: none, or 4096, the ReLUs of the network");
}

}  // namespace
}  // namespace reluscape

// The three Stages through Trainer::Run, on a small network and the drawn images. Without a Torch
// header: artifacts are read as the JSON header and bytes that they are.

#include "worker/torch/torch_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "base/files.h"
#include "worker/torch/trainer_test_util.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(TorchTrainerTest, DescribesItself) {
  v1::WorkerInfo info;
  TorchTrainerOptions options;
  options.data_sets = {{"cifar10", "/data/cifar"}};
  options.cores = 6;
  Make(options)->Describe(info);
  EXPECT_EQ(info.cores(), 6);
  EXPECT_EQ(info.sharers(), 1);
  EXPECT_EQ(info.machine(), "");
  EXPECT_EQ(info.device(), "cpu");
  // Of the precisions a CPU has instructions for one at most.
  EXPECT_THAT(info.fast_precisions(), testing::AnyOf(SizeIs(0), testing::ElementsAre("bfloat16")));
  EXPECT_THAT(info.torch_version(), testing::MatchesRegex("2\\.[0-9]+\\..*"));
  EXPECT_THAT(info.data_sets(), testing::ElementsAre("cifar10", "synthetic"));
}

TEST_F(TorchTrainerTest, RefusesWrongOptions) {
  const auto code = [&](const std::string& device, int64_t cores, const std::string& data_set) {
    TorchTrainerOptions options;
    options.device = device;
    options.cores = cores;
    options.data_sets = {{data_set, "/x"}};
    return MakeTorchTrainer(options, folder_).status().code();
  };
  EXPECT_EQ(code("tpu", 0, "x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("cuda:-1", 0, "x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("cuda:01", 0, "x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("cuda:99", 0, "x"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code("cpu", -1, "x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("cpu", 0, ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("auto", 1024, "x"), absl::StatusCode::kOk);
}

// cuDNN and LibTorch keep things per thread.
TEST_F(TorchTrainerTest, TasksRunOnOneThreadWhoeverAsks) {
  Recorder first;
  Recorder second;
  std::jthread([&] { Run(Pretrain(), first); }).join();
  std::jthread([&] { Run(Pretrain(), second); }).join();
  EXPECT_NE(first.thread, std::thread::id());
  EXPECT_EQ(first.thread, second.thread);
  EXPECT_NE(first.thread, std::this_thread::get_id());
}

TEST_F(TorchTrainerTest, GoesFromPretrainToAResultOfExactlyTheBudget) {
  Recorder pretrain;
  const TaskOutcome pretrained = Run(Pretrain(), pretrain);
  ASSERT_FALSE(pretrained.failure) << pretrained.failure->message();
  ASSERT_TRUE(IsSet(pretrained.weights));
  EXPECT_GT(pretrained.device_seconds, 0);
  ASSERT_THAT(pretrain.provenances, SizeIs(1));
  const v1::Provenance& provenance = pretrain.provenances[0];
  EXPECT_EQ(provenance.precision(), "float32");
  EXPECT_EQ(provenance.threads(), 1);
  EXPECT_THAT(provenance.data_hash(), SizeIs(64));
  EXPECT_THAT(provenance.split_hash(), SizeIs(64));
  EXPECT_EQ(provenance.train_images(), 80);
  EXPECT_EQ(provenance.validation_images(), 60);
  EXPECT_EQ(provenance.test_images(), 50);
  EXPECT_EQ(pretrain.epochs_planned, 3);
  ASSERT_THAT(pretrain.epochs, SizeIs(3));
  EXPECT_LT(pretrain.epochs[2].loss(), pretrain.epochs[0].loss());
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pretrain.epochs[i].epoch(), static_cast<int64_t>(i));
    EXPECT_EQ(pretrain.epochs[i].relus(), kUnits);
    EXPECT_FALSE(pretrain.epochs[i].has_lambda());
  }

  const std::vector<int64_t> budgets = {12000, 6000, 2500};
  v1::TaskDescription linearize = Linearize(budgets);
  *linearize.mutable_weights() = pretrained.weights;
  Recorder descent;
  const TaskOutcome linearized = Run(linearize, descent);
  ASSERT_FALSE(linearized.failure) << linearized.failure->message();
  EXPECT_FALSE(IsSet(linearized.weights));
  EXPECT_FALSE(linearized.result);
  ASSERT_THAT(descent.snapshots, SizeIs(3));
  EXPECT_LT(descent.epochs.back().relus(), 2500);
  for (size_t i = 0; i < 3; ++i) {
    const v1::Snapshot& snapshot = descent.snapshots[i];
    EXPECT_EQ(snapshot.budget(), budgets[i]);
    EXPECT_GE(snapshot.relus(), budgets[i]);
    // The state of the epoch before the crossing.
    EXPECT_LT(descent.epochs[static_cast<size_t>(snapshot.epoch())].relus(), budgets[i]);
    EXPECT_EQ(snapshot.epoch() == 0
                  ? kUnits
                  : descent.epochs[static_cast<size_t>(snapshot.epoch()) - 1].relus(),
              snapshot.relus());

    v1::TaskDescription fine_tune = linearize;
    fine_tune.set_stage(StageName(Stage::kFineTune));
    fine_tune.set_seed(13);
    SetList(fine_tune.mutable_budgets(), {snapshot.budget()});
    *fine_tune.mutable_snapshot() = snapshot.artifact();
    Recorder tuning;
    const TaskOutcome outcome = Run(fine_tune, tuning);
    ASSERT_FALSE(outcome.failure) << outcome.failure->message();
    ASSERT_TRUE(outcome.result);
    const v1::ResultReport& result = *outcome.result;
    EXPECT_EQ(result.budget(), budgets[i]);
    EXPECT_EQ(result.relus(), budgets[i]);
    EXPECT_EQ(
        result.accuracy_soft(),
        snapshot.epoch() == 0
            ? result.accuracy_soft()
            : descent.epochs[static_cast<size_t>(snapshot.epoch()) - 1].validation_accuracy());
    EXPECT_EQ(result.accuracy_validation(), tuning.epochs.back().validation_accuracy());
    EXPECT_THAT((std::vector<double>{result.accuracy_soft(), result.accuracy_trimmed(),
                                     result.accuracy_validation(), outcome.accuracy_test}),
                Each(AllOf(testing::Ge(0), testing::Le(1))));

    // The masks in the file are bytes 0 and 1, as many as the layers say.
    ASSERT_THAT(result.layers(), SizeIs(6));
    const SafetensorsHeader file = Read(result.artifact());
    int64_t units = 0;
    int64_t kept = 0;
    for (const v1::LayerRelus& layer : result.layers()) {
      const nlohmann::json& mask = file.header.at(layer.layer() + ".mask");
      EXPECT_EQ(mask.at("dtype"), "U8");
      const std::string bytes = file.data.substr(
          mask.at("data_offsets")[0].get<size_t>(),
          mask.at("data_offsets")[1].get<size_t>() - mask.at("data_offsets")[0].get<size_t>());
      EXPECT_EQ(static_cast<int64_t>(bytes.size()), layer.units());
      EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\1'), layer.kept());
      EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\0'), layer.units() - layer.kept());
      units += layer.units();
      kept += layer.kept();
    }
    EXPECT_EQ(units, kUnits);
    EXPECT_EQ(kept, budgets[i]);
    EXPECT_EQ(file.header.at("__metadata__").at("kind"), "result");
    EXPECT_EQ(file.header.at("__metadata__").at("network"), kNetwork);
    EXPECT_EQ(file.header.at("__metadata__").at("relus"), std::to_string(budgets[i]));
  }
}

TEST_F(TorchTrainerTest, RepeatsBitByBitAndFollowsItsSeed) {
  v1::TaskDescription task = Pretrain();
  Recorder first;
  Recorder second;
  const v1::Artifact weights = Run(task, first).weights;
  EXPECT_EQ(Run(task, second).weights, weights);
  ExpectEqualCurves(first.epochs, second.epochs);
  task.set_seed(99);
  Recorder other;
  EXPECT_NE(Run(task, other).weights, weights);
}

TEST_F(TorchTrainerTest, PretrainResumesBitByBit) {
  v1::TaskDescription task = Pretrain();
  task.mutable_settings()->mutable_pretrain()->set_epochs(5);
  const Resumed result = RunInPieces(task, /*epochs=*/2);
  EXPECT_GE(result.attempts, 3);
  ASSERT_TRUE(IsSet(result.straight.weights));
  EXPECT_EQ(result.resumed.weights, result.straight.weights);
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
}

TEST_F(TorchTrainerTest, LinearizeResumesBitByBit) {
  v1::TaskDescription task = Linearize({12000, 4000});
  task.mutable_settings()->mutable_linearize()->set_lambda_patience(1);
  const Resumed result = RunInPieces(task, /*epochs=*/7);
  EXPECT_GE(result.attempts, 3);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message();
  ASSERT_FALSE(result.resumed.failure) << result.resumed.failure->message();
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(result.snapshots[i].artifact(), result.straight_recorder.snapshots[i].artifact());
    EXPECT_EQ(result.snapshots[i].relus(), result.straight_recorder.snapshots[i].relus());
    EXPECT_EQ(result.snapshots[i].epoch(), result.straight_recorder.snapshots[i].epoch());
  }
}

TEST_F(TorchTrainerTest, LinearizeReportsEarlierSnapshotsAgainWhenItResumes) {
  const v1::TaskDescription task = Linearize({13000, 4000});
  Recorder first;
  std::stop_source source;
  first.on_checkpoint = [&] {
    if (!first.snapshots.empty()) source.request_stop();
  };
  ASSERT_TRUE(trainer_->Run(task, first, source.get_token()).stopped);
  ASSERT_THAT(first.snapshots, SizeIs(1));
  v1::TaskDescription again = task;
  *again.mutable_checkpoint() = first.checkpoints.back();
  Recorder second;
  ASSERT_FALSE(Run(again, second).failure);
  ASSERT_THAT(second.snapshots, SizeIs(2));
  EXPECT_EQ(second.snapshots[0], first.snapshots[0]);
}

TEST_F(TorchTrainerTest, FineTuneResumesBitByBit) {
  v1::TaskDescription task = FineTune(6000);
  task.mutable_settings()->mutable_fine_tune()->set_epochs(5);
  const Resumed result = RunInPieces(task, /*epochs=*/2);
  EXPECT_GE(result.attempts, 3);
  ASSERT_TRUE(result.straight.result);
  ASSERT_TRUE(result.resumed.result);
  EXPECT_TRUE(*result.resumed.result == *result.straight.result);
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
}

TEST_F(TorchTrainerTest, AnUnusableCheckpointStartsTheStageAnew) {
  v1::TaskDescription task = Pretrain();
  Recorder straight;
  const v1::Artifact weights = Run(task, straight).weights;
  const auto expect_anew = [&](const v1::Artifact& checkpoint) {
    v1::TaskDescription resumed = task;
    *resumed.mutable_checkpoint() = checkpoint;
    Recorder recorder;
    EXPECT_EQ(Run(resumed, recorder).weights, weights);
    EXPECT_THAT(recorder.epochs, SizeIs(3));
  };
  expect_anew(*folder_.Put("not a checkpoint"));
  expect_anew(MakeArtifact(std::string(64, '0'), 4));
  expect_anew(weights);  // of another kind
  // Of another seed.
  v1::TaskDescription other = task;
  other.set_seed(99);
  Recorder of_other;
  Run(other, of_other);
  expect_anew(of_other.checkpoints.front());
}

TEST_F(TorchTrainerTest, LambdaFollowsThePublishedRule) {
  v1::TaskDescription task = Linearize({100});
  v1::LinearizeSpec& settings = *task.mutable_settings()->mutable_linearize();
  settings.set_max_epochs(12);
  settings.set_mask_learning_rate(
      0.004);  // too slow to cross: most epochs find no new lowest count
  settings.set_lambda(1e-5);
  settings.set_lambda_growth(1.5);
  settings.set_lambda_patience(3);
  settings.set_lambda_growth_per_epoch(1.25);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::INFEASIBLE);
  EXPECT_EQ(outcome.failure->epoch(), 11);
  EXPECT_THAT(outcome.failure->message(), HasSubstr("above the budgets 100"));
  ASSERT_THAT(recorder.epochs, SizeIs(12));
  double lambda = 1e-5;
  int64_t lowest = kUnits;
  int raises = 0;
  for (const v1::Epoch& epoch : recorder.epochs) {
    EXPECT_DOUBLE_EQ(epoch.lambda(), lambda);
    if (epoch.relus() < lowest) {
      lowest = epoch.relus();
    } else if (epoch.epoch() >= 3) {
      lambda *= 1.5;
      ++raises;
    }
    lambda *= 1.25;
  }
  EXPECT_GT(raises, 0);
}

TEST_F(TorchTrainerTest, BudgetsPassedTogetherShareASnapshot) {
  v1::TaskDescription task = Linearize({9000, 8000, 7000});
  // With this pull every mask falls in step, so that one epoch crosses all of them.
  task.mutable_settings()->mutable_linearize()->set_lambda(10);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  ASSERT_THAT(recorder.snapshots, SizeIs(3));
  EXPECT_EQ(recorder.snapshots[0].artifact(), recorder.snapshots[2].artifact());
  EXPECT_EQ(recorder.snapshots[0].relus(), recorder.snapshots[2].relus());
}

TEST_F(TorchTrainerTest, FinerComparisonsFindASnapshotCloserToTheBudget) {
  v1::TaskDescription task = Linearize({7000});
  Recorder coarse;
  ASSERT_FALSE(Run(task, coarse).failure);
  task.mutable_settings()->mutable_linearize()->set_check_interval_steps(1);
  Recorder fine;
  const TaskOutcome outcome = Run(task, fine);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  ASSERT_THAT(fine.snapshots, SizeIs(1));
  EXPECT_GE(fine.snapshots[0].relus(), 7000);
  EXPECT_LE(fine.snapshots[0].relus(), coarse.snapshots.at(0).relus());
  EXPECT_LT(fine.epochs.back().relus(), 7000);
}

TEST_F(TorchTrainerTest, ABudgetOfNoReluAtAllIsMet) {
  v1::TaskDescription task = Linearize({0});
  task.mutable_settings()->mutable_linearize()->set_lambda(10);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  ASSERT_THAT(recorder.snapshots, SizeIs(1));
  EXPECT_EQ(recorder.snapshots[0].relus(), 0);
  task.set_stage(StageName(Stage::kFineTune));
  *task.mutable_snapshot() = recorder.snapshots[0].artifact();
  Recorder tuning;
  const TaskOutcome tuned = Run(task, tuning);
  ASSERT_TRUE(tuned.result);
  EXPECT_EQ(tuned.result->relus(), 0);
}

TEST_F(TorchTrainerTest, ABudgetAboveTheNetworkIsRefused) {
  ExpectFailure(Linearize({kUnits + 1, 100}), v1::Failure::REFUSED, "allowed: 0 to 14336");
  ExpectFailure(Linearize({}), v1::Failure::REFUSED, "budgets");
}

TEST_F(TorchTrainerTest, AWrongTaskIsRefusedWithItsReason) {
  v1::TaskDescription task = Pretrain();
  task.set_network("resnet18@4");
  ExpectFailure(task, v1::Failure::REFUSED, "");
  task = Pretrain();
  task.set_network("basic:side=32:classes=100:m=4:blocks=1x1x1:multipliers=2x2:stem-relu=no");
  ExpectFailure(task, v1::Failure::REFUSED, "made for 100 classes");
  task = Pretrain();
  task.mutable_settings()->mutable_pretrain()->set_batch(0);
  ExpectFailure(task, v1::Failure::REFUSED, "found batch 0");
  task = Pretrain();
  task.mutable_data()->set_train_images(1);
  ExpectFailure(task, v1::Failure::REFUSED, "found 1 training images");
}

TEST_F(TorchTrainerTest, DataThatCannotBeUsedAreThisWorkersAffair) {
  v1::TaskDescription task = Pretrain();
  task.mutable_data()->set_set("imagenet");
  ExpectFailure(task, v1::Failure::DATA,
                "'imagenet' is not configured on this worker; it has synthetic");
  task = Pretrain();
  task.mutable_data()->set_train_images(1'000'000'000);
  ExpectFailure(task, v1::Failure::DATA, "train_images");
}

TEST_F(TorchTrainerTest, OpensImagesAndKeepsThemForTheTask) {
  const std::filesystem::path path = root_ / "images";
  TorchTrainerOptions options;
  options.data_sets["mine"] = path.string();
  trainer_ = Make(options);
  v1::DataRequest request = DataRequestOf(Pretrain());
  const v1::DataState synthetic = trainer_->OpenData(request, {});
  EXPECT_EQ(synthetic.request(), request);
  EXPECT_EQ(synthetic.problem(), "");
  EXPECT_THAT(synthetic.data_hash(), SizeIs(64));
  EXPECT_THAT(synthetic.split_hash(), SizeIs(64));
  // The hash by which the Job goes is not what is looked for.
  v1::TaskDescription task = Pretrain();
  task.mutable_data()->set_hash(synthetic.data_hash());
  task.set_data_hash(synthetic.data_hash());
  task.set_split_hash(synthetic.split_hash());
  EXPECT_EQ(DataRequestOf(task), request);
  Recorder recorder;
  ASSERT_FALSE(Run(task, recorder).failure);
  EXPECT_EQ(recorder.provenances.at(0).data_hash(), synthetic.data_hash());
  EXPECT_EQ(recorder.provenances.at(0).split_hash(), synthetic.split_hash());

  request.set_split_seed(6);
  EXPECT_NE(trainer_->OpenData(request, {}).split_hash(), synthetic.split_hash());
  request.mutable_data()->set_set("mine");
  const v1::DataState missing = trainer_->OpenData(request, {});
  EXPECT_THAT(missing.problem(), HasSubstr(path.string()));
  EXPECT_TRUE(missing.data_hash().empty());
  EXPECT_TRUE(missing.split_hash().empty());
  request.mutable_data()->set_set("imagenet");
  EXPECT_THAT(trainer_->OpenData(request, {}).problem(), HasSubstr("it has mine, synthetic"));
  *request.mutable_data() = Pretrain().data();
  request.mutable_data()->set_classes(11);
  EXPECT_THAT(trainer_->OpenData(request, {}).problem(), HasSubstr("data.classes"));
}

TEST_F(TorchTrainerTest, AnOpeningThatIsStoppedHasFoundNothing) {
  std::stop_source source;
  source.request_stop();
  const v1::DataRequest request = DataRequestOf(Pretrain());
  v1::DataState nothing;
  *nothing.mutable_request() = request;
  EXPECT_EQ(trainer_->OpenData(request, source.get_token()), nothing);
  EXPECT_THAT(trainer_->OpenData(request, {}).data_hash(), SizeIs(64));
}

TEST_F(TorchTrainerTest, AnotherCopyOfTheDataIsTheWorkersWithBothHashes) {
  v1::TaskDescription task = Linearize({7000});
  const std::string found = task.data_hash();
  task.set_data_hash(std::string(64, 'a'));
  ExpectFailure(task, v1::Failure::DATA, "found " + found);
  ExpectFailure(task, v1::Failure::DATA, std::string(64, 'a'));
  task.set_data_hash(found);
  task.set_split_seed(6);
  ExpectFailure(task, v1::Failure::DATA, "hash of data set 'synthetic'");
}

TEST_F(TorchTrainerTest, ArtifactsThatCannotBeReadAreThisWorkersAffair) {
  v1::TaskDescription task = Linearize({7000});
  const v1::Artifact weights = task.weights();
  *task.mutable_weights() = MakeArtifact(std::string(64, '0'), 4);
  ExpectArtifactFailure(task, v1::Failure::STORAGE, task.weights(), std::string(64, '0'));
  // Damaged: of another size, of another content.
  *task.mutable_weights() = weights;
  task.mutable_weights()->set_bytes(task.weights().bytes() + 1);
  ExpectArtifactFailure(task, v1::Failure::STORAGE, task.weights(), weights.sha256());
  Overwrite(weights);
  *task.mutable_weights() = weights;
  ExpectArtifactFailure(task, v1::Failure::STORAGE, weights, "is damaged");
}

TEST_F(TorchTrainerTest, APretrainedFileThatCanBeReadIsTheJobs) {
  v1::TaskDescription task = Pretrain();
  task.set_pretrained_file("mine.safetensors");
  *task.mutable_pretrained() = MakeArtifact(std::string(64, '0'), 4);
  ExpectArtifactFailure(task, v1::Failure::STORAGE, task.pretrained(), std::string(64, '0'));
  *task.mutable_pretrained() = *folder_.Put("no tensors");
  ExpectFailure(task, v1::Failure::REFUSED, "pretrained file mine.safetensors");
}

TEST_F(TorchTrainerTest, ArtifactsOfWrongContentAreNamedToBeMadeAgain) {
  v1::TaskDescription task = Linearize({7000});
  *task.mutable_weights() = *folder_.Put("not safetensors at all");
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.weights(), task.weights().sha256());
  // Weights of another network.
  task = Linearize({100});
  task.set_network("basic:side=32:classes=10:m=4:blocks=1x1x2:multipliers=2x2:stem-relu=no");
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.weights(),
                        std::string("network: found '") + kNetwork);
  // A snapshot where weights belong, and the other way round.
  task = FineTune(7000);
  task.mutable_weights()->Swap(task.mutable_snapshot());
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.weights(), "kind: found 'snapshot'");
  *task.mutable_weights() = task.snapshot();
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.snapshot(), "kind: found 'weights'");
  // None at all is the Task's.
  task.clear_weights();
  ExpectFailure(task, v1::Failure::REFUSED, "no artifact");
}

TEST_F(TorchTrainerTest, ASnapshotBelowTheBudgetIsMadeAgain) {
  v1::TaskDescription task = FineTune(9000);
  SetList(task.mutable_budgets(), {kUnits});
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.snapshot(), "needs at least 14336");
}

TEST_F(TorchTrainerTest, ACheckpointThatIsLostCostsTheWorkAndOneOutOfReachDoesNot) {
  v1::TaskDescription task = Pretrain();
  Recorder first;
  std::stop_source source;
  first.on_checkpoint = [&] { source.request_stop(); };
  ASSERT_TRUE(trainer_->Run(task, first, source.get_token()).stopped);
  *task.mutable_checkpoint() = first.checkpoints.at(0);

  // Neither the file nor the folder's marker can be seen: the file system is away.
  const std::filesystem::path elsewhere = root_.string() + "-elsewhere";
  std::filesystem::rename(root_, elsewhere);
  ExpectArtifactFailure(task, v1::Failure::STORAGE, task.checkpoint(), task.checkpoint().sha256());
  std::filesystem::remove_all(root_);
  std::filesystem::rename(elsewhere, root_);
  Recorder resumed;
  EXPECT_TRUE(IsSet(Run(task, resumed).weights));
  EXPECT_EQ(resumed.epochs.at(0).epoch(), 1);

  // Something in its place that cannot be read: nobody knows what is behind it.
  const std::filesystem::path path = folder_.PathOf(task.checkpoint());
  std::filesystem::rename(path, elsewhere);
  std::filesystem::create_symlink(path, path);
  ExpectArtifactFailure(task, v1::Failure::STORAGE, task.checkpoint(), task.checkpoint().sha256());
  std::filesystem::remove(path);

  Recorder lost;
  EXPECT_TRUE(IsSet(Run(task, lost).weights));
  EXPECT_EQ(lost.epochs.at(0).epoch(), 0) << "it is not there";
  std::filesystem::rename(elsewhere, path);
  Overwrite(task.checkpoint());
  Recorder damaged;
  EXPECT_TRUE(IsSet(Run(task, damaged).weights));
  EXPECT_EQ(damaged.epochs.at(0).epoch(), 0);
}

TEST_F(TorchTrainerTest, ALossThatIsNotFiniteHasDiverged) {
  v1::TaskDescription task = Pretrain();
  task.mutable_settings()->mutable_pretrain()->set_learning_rate(1e30);
  task.mutable_settings()->mutable_pretrain()->set_schedule(v1::CONSTANT);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::DIVERGED);
  EXPECT_EQ(outcome.failure->epoch(), 0);
  EXPECT_THAT(outcome.failure->message(), HasSubstr("pretrain diverged"));
  EXPECT_TRUE(recorder.epochs.empty());
}

TEST_F(TorchTrainerTest, ADescentThatDivergesLeavesNoSnapshot) {
  v1::TaskDescription task = Linearize({7000, 100});
  task.mutable_settings()->mutable_linearize()->set_weight_learning_rate(1e30);
  task.mutable_settings()->mutable_linearize()->set_check_interval_steps(1);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::DIVERGED);
  EXPECT_TRUE(recorder.snapshots.empty());
}

TEST_F(TorchTrainerTest, AFolderThatTakesNoFileIsThisWorkersAffair) {
  std::filesystem::remove_all(root_);
  std::ofstream(root_) << "a file where the folder was";
  Recorder recorder;
  const TaskOutcome outcome = Run(Pretrain(), recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::STORAGE);
  EXPECT_THAT(outcome.failure->message(), HasSubstr("cannot store an artifact"));
  EXPECT_FALSE(outcome.failure->has_artifact()) << "none that could be read by others";
  EXPECT_GT(outcome.unstored_bytes, 10'000);
}

TEST_F(TorchTrainerTest, AStopEndsTheTaskWithinAStep) {
  std::stop_source source;
  source.request_stop();
  for (const v1::TaskDescription& task : {Pretrain(), Linearize({100})}) {
    Recorder recorder;
    const TaskOutcome outcome = trainer_->Run(task, recorder, source.get_token());
    EXPECT_TRUE(outcome.stopped);
    EXPECT_FALSE(outcome.failure);
    EXPECT_TRUE(recorder.epochs.empty());
  }
}

TEST_F(TorchTrainerTest, CheckpointsKeepTheirInterval) {
  TorchTrainerOptions options;
  options.checkpoint_interval = std::chrono::hours(1);
  trainer_ = Make(options);
  Recorder recorder;
  ASSERT_FALSE(Run(Pretrain(), recorder).failure);
  EXPECT_TRUE(recorder.checkpoints.empty());
}

}  // namespace
}  // namespace reluscape

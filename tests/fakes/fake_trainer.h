#pragma once

// A Trainer that plays curves instead of training: for tests of processes, messages, rows and
// pages, which need no LibTorch. Real about everything around the numbers: it takes time, stops
// when asked, writes artifacts (valid safetensors files with a mask per ReLU) and resumes from its
// checkpoints. The numbers are a function of network, seed, Budget and epoch alone, so that a
// resumed Attempt continues the same curve; a Result's accuracies are whole numbers of images, as
// its classes say. On request it is wrong in the ways in which a Worker can be. Thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/network/accounting.h"
#include "search/network/network.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/trainer.h"

namespace reluscape {

// A success that is none.
enum class Forgery {
  kNone,
  kResult,    // a Result without ReLUs, all of whose images are right
  kAccuracy,  // a Result of accuracy 1, which its classes do not bear out
  kArtifact,  // the file that the Task leaves has its size and another content
};

struct FakeTrainerOptions {
  std::vector<std::string> data_sets = {"synthetic"};
  std::string device = "scripted";
  Milliseconds epoch_time{200};
  // Epochs of a stage; 0 = as the recipe says (linearize: 8, for its recipe has only a cap).
  std::map<Stage, int64_t> epochs;
  // The least time between two checkpoints; 0 = after every epoch.
  Milliseconds checkpoint_interval{15'000};
  // Fails in this epoch of this stage, if set; every Attempt that comes that far does.
  std::optional<Stage> fail_stage;
  int64_t fail_epoch = 0;
  v1::Failure::Kind fail_kind = v1::Failure::REFUSED;
  // Fails every Task of `fail_stage`, or of all stages where that is not set, before its first
  // epoch.
  bool fail_every = false;
  // Why no images can be used, in OpenData and at the start of a Task. "@FILE": only while FILE
  // exists, and says so.
  std::string data_problem;
  // Another text makes another copy of every data set.
  std::string data_salt;
  // "@FILE": artifacts can neither be read nor written while FILE exists. Empty: they can.
  std::string storage_problem;
  Forgery forgery = Forgery::kNone;
  int64_t protocol = kProtocolNumber;
  int64_t behaviour = kBehaviourNumber;
};

class FakeTrainer final : public Trainer {
 public:
  // `artifacts` must outlive the trainer.
  FakeTrainer(FakeTrainerOptions options, const ArtifactFolder& artifacts);

  void Describe(v1::WorkerInfo& info) const override;
  v1::DataState OpenData(const v1::DataRequest& request, std::stop_token stop) override;
  TaskOutcome Run(const v1::TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override;
  // Whether artifacts can be read and written at present.
  absl::Status CheckStorage() const;

 private:
  struct Script;  // what one Task plays

  // Why images, or artifacts, cannot be used at present; empty where they can.
  std::string DataProblem(const v1::DataSpec& data) const;
  std::string DataHash(const v1::DataSpec& data) const;
  absl::StatusOr<v1::Artifact> Put(const std::string& content) const;
  absl::StatusOr<std::string> Get(const v1::Artifact& artifact) const;
  absl::Status GoOnFrom(const v1::Artifact& checkpoint, Script& script) const;
  v1::Failure ScriptedFailure(const v1::TaskDescription& task, int64_t epoch) const;
  void Forge(TaskOutcome& outcome) const;
  absl::StatusOr<Script> Prepare(const v1::TaskDescription& task) const;
  absl::Status Play(const v1::TaskDescription& task, const Script& script, TaskListener& listener,
                    const std::stop_token& stop, TaskOutcome& outcome) const;
  absl::Status Finish(const v1::TaskDescription& task, const Script& script,
                      TaskOutcome& outcome) const;

  const FakeTrainerOptions options_;
  const ArtifactFolder& artifacts_;
};

}  // namespace reluscape

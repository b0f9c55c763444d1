#pragma once

// A Trainer that plays curves instead of training: for tests of processes, messages, rows and
// pages, which need no LibTorch. Real about everything around the numbers: it takes time, stops
// when asked, writes artifacts (valid safetensors files with a mask per ReLU) and resumes from its
// checkpoints. The numbers are a function of network, seed, Budget and epoch alone, so that a
// resumed Attempt continues the same curve. Thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "search/network/accounting.h"
#include "search/network/network.h"
#include "worker/trainer.h"

namespace reluscape {

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
  FailureKind fail_kind = FailureKind::kBadInput;
};

class FakeTrainer final : public Trainer {
 public:
  // `artifacts` must outlive the trainer.
  FakeTrainer(FakeTrainerOptions options, const ArtifactFolder& artifacts);

  void Describe(WorkerInfo& info) const override;
  TaskOutcome Run(const TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override;

 private:
  struct Script;  // what one Task plays

  absl::StatusOr<Script> Prepare(const TaskDescription& task) const;
  absl::Status Play(const TaskDescription& task, const Script& script, TaskListener& listener,
                    const std::stop_token& stop, TaskOutcome& outcome) const;
  absl::Status Finish(const TaskDescription& task, const Script& script,
                      TaskOutcome& outcome) const;

  const FakeTrainerOptions options_;
  const ArtifactFolder& artifacts_;
};

}  // namespace reluscape

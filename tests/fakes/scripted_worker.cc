// A worker process like reluscape-worker (same agent, same gRPC link, same flags) whose trainer
// plays curves instead of using LibTorch, and which is wrong in such ways as its flags say. For
// tests of faults, of the dashboard and of whole installations.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "storage/artifacts/artifact_folder.h"
#include "tests/fakes/fake_trainer.h"
#include "worker/coordinator_link.h"
#include "worker/rpc/run_worker.h"

namespace reluscape {
namespace {

// Says that it is another Worker.
class PretendingLink final : public CoordinatorLink {
 public:
  PretendingLink(std::unique_ptr<CoordinatorLink> link, std::string id)
      : link_(std::move(link)), id_(std::move(id)) {}

  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                      Milliseconds timeout,
                                                      std::stop_token cancel) override {
    v1::SynchronizeRequest pretended = request;
    pretended.mutable_worker()->set_id(id_);
    return link_->Synchronize(pretended, timeout, std::move(cancel));
  }

 private:
  const std::unique_ptr<CoordinatorLink> link_;
  const std::string id_;
};

// Makes every recipe look as if this build understood another one.
class MisreadingLink final : public CoordinatorLink {
 public:
  explicit MisreadingLink(std::unique_ptr<CoordinatorLink> link) : link_(std::move(link)) {}

  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                      Milliseconds timeout,
                                                      std::stop_token cancel) override {
    absl::StatusOr<v1::SynchronizeResponse> response =
        link_->Synchronize(request, timeout, std::move(cancel));
    if (!response.ok()) return response;
    for (v1::Lease& lease : *response->mutable_leases()) {
      lease.mutable_description()->set_recipe(Sha256Hex("misread"));
    }
    return response;
  }

 private:
  const std::unique_ptr<CoordinatorLink> link_;
};

int Main(int argc, char** argv) {
  const SignalWatch signals;
  CLI::App app("A worker that plays scripted curves.", "scripted_worker");
  AddConfigOption(app);
  app.option_defaults()->always_capture_default();
  RunWorkerOptions run;
  std::string artifact_dir;
  std::string log_level = "info";
  double checkpoint_seconds = 15;
  app.add_option("--server", run.server, "HOST:PORT of the coordinator");
  app.add_option("--artifact-dir", artifact_dir, "the coordinator's artifact folder")->required();
  app.add_option("--id", run.id, "what listings call this worker");
  app.add_option("--checkpoint-seconds", checkpoint_seconds, "least time between checkpoints")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--log-level", log_level, "debug, info, warning or error");
  // Taken so that both programs can be started alike.
  std::vector<std::string> data;
  std::string device = "auto";
  int threads = 0;
  app.add_option("--data", data, "NAME=PATH: the name is offered, the path is not looked at");
  app.add_option("--device", device, "no effect");
  app.add_option("--threads", threads, "no effect");

  FakeTrainerOptions script;
  int64_t epoch_ms = script.epoch_time.count();
  int64_t fail_epoch = 0;
  app.add_option("--epoch-ms", epoch_ms, "time of an epoch")->check(CLI::Range(0, 3'600'000));
  std::map<Stage, int64_t>& epochs = script.epochs;
  app.add_option("--pretrain-epochs", epochs[Stage::kPretrain], "0 = as the recipe says");
  app.add_option("--linearize-epochs", epochs[Stage::kLinearize], "0 = 8");
  app.add_option("--fine-tune-epochs", epochs[Stage::kFineTune], "0 = as the recipe says");
  std::vector<std::string> data_sets = {"synthetic", "cifar10", "cifar100"};
  app.add_option("--data-set", data_sets, "offered data sets");
  const std::map<std::string, Stage> stages = {{"pretrain", Stage::kPretrain},
                                               {"linearize", Stage::kLinearize},
                                               {"fine-tune", Stage::kFineTune}};
  const std::map<std::string, v1::Failure::Kind> kinds = {
      {"transient", v1::Failure::TRANSIENT},  {"data", v1::Failure::DATA},
      {"storage", v1::Failure::STORAGE},      {"artifact", v1::Failure::ARTIFACT},
      {"refused", v1::Failure::REFUSED},      {"diverged", v1::Failure::DIVERGED},
      {"infeasible", v1::Failure::INFEASIBLE}};
  std::string fail_stage;
  std::string fail_kind = "refused";
  app.add_option("--fail-stage", fail_stage, "stage that fails")->check(CLI::IsMember(stages));
  app.add_option("--fail-epoch", fail_epoch, "epoch in which it fails, 0-based");
  app.add_option("--fail-kind", fail_kind, "how")->check(CLI::IsMember(kinds));
  app.add_flag("--fail-every", script.fail_every,
               "fail before the first epoch, every task of --fail-stage or of all stages");
  app.add_option("--data-problem", script.data_problem,
                 "why no images can be used; @FILE = only while FILE exists");
  app.add_option("--data-salt", script.data_salt, "another text is another copy of the images");
  app.add_option("--storage-problem", script.storage_problem,
                 "@FILE: artifacts can neither be read nor written while FILE exists")
      ->check(CLI::Validator(
          [](std::string& text) { return text.starts_with('@') ? "" : "must begin with @"; },
          "@FILE"));
  const std::map<std::string, Forgery> forgeries = {{"result", Forgery::kResult},
                                                    {"accuracy", Forgery::kAccuracy},
                                                    {"artifact", Forgery::kArtifact}};
  std::string forgery;
  app.add_option("--forge", forgery, "report a success that is none")
      ->check(CLI::IsMember(forgeries));
  app.add_option("--protocol", script.protocol, "number that it says it is of");
  app.add_option("--behaviour", script.behaviour, "number that it says it is of");
  bool misreads = false;
  std::string pretended_id;
  app.add_option("--pretend-id", pretended_id, "say that it is that worker, started anew");
  app.add_flag("--misread-recipe", misreads, "understand another recipe than is given out");
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;

  script.epoch_time = Milliseconds(epoch_ms);
  script.checkpoint_interval =
      Milliseconds(static_cast<int64_t>(std::llround(checkpoint_seconds * 1000)));
  script.data_sets = data_sets;
  for (const std::string& entry : data) {
    const std::string name = entry.substr(0, entry.find('='));
    if (std::find(data_sets.begin(), data_sets.end(), name) == data_sets.end()) {
      script.data_sets.push_back(name);
    }
  }
  if (!fail_stage.empty()) script.fail_stage = stages.at(fail_stage);
  script.fail_epoch = fail_epoch;
  script.fail_kind = kinds.at(fail_kind);
  if (!forgery.empty()) script.forgery = forgeries.at(forgery);
  if (!pretended_id.empty()) {
    run.wrap_link = [&pretended_id](std::unique_ptr<CoordinatorLink> link) {
      return std::make_unique<PretendingLink>(std::move(link), pretended_id);
    };
  }
  if (misreads) {
    run.wrap_link = [](std::unique_ptr<CoordinatorLink> link) {
      return std::make_unique<MisreadingLink>(std::move(link));
    };
  }

  absl::Status status = StartLog("worker", log_level);
  if (status.ok()) {
    const ArtifactFolder artifacts(artifact_dir);
    FakeTrainer trainer(script, artifacts);
    run.check_storage = [&](int64_t bytes) -> absl::Status {
      RETURN_IF_ERROR(trainer.CheckStorage());
      return bytes > 0 ? artifacts.Probe(bytes) : artifacts.ReadId().status();
    };
    status = RunWorker(run, artifacts, trainer, signals.token());
  }
  if (!status.ok()) std::cerr << "scripted_worker: " << status.message() << "\n";
  return static_cast<int>(ServiceExitCodeOf(status));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }

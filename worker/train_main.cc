// reluscape-train: all candidates of a job in one process, without a coordinator. Flags, wiring,
// signals.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/exit_codes.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "client/front_table.h"
#include "search/artifact_folder.h"
#include "worker/standalone/documents.h"
#include "worker/standalone/result_costs.h"
#include "worker/standalone/train_folder.h"
#include "worker/standalone/train_job.h"
#include "worker/standalone/train_plan.h"
#include "worker/torch/torch_trainer.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxJobFileBytes = 4 << 20;  // as the coordinator's (job_service.proto)
// The Trainer promises to return within 2 s of a stop.
constexpr std::chrono::milliseconds kPatience{4'000};

struct Options {
  std::string job;
  std::string out;
  std::vector<std::string> data;
  std::string data_cache;
  std::string device = "auto";
  int threads = 0;
  double checkpoint_seconds = 15;
  int64_t teacher_cache_mib = 2048;
  bool no_cuda_graphs = false;
  bool unseal = false;
  std::string log_level = "info";
};

void AddOptions(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  app.add_option("job", options.job, "the job file (docs/job-file.md)")->required();
  app.add_option("--out", options.out,
                 "the job's folder, made where it is missing; the same command goes on with what "
                 "was begun in it")
      ->required();
  app.add_option("--data", options.data,
                 "a data set as NAME=PATH, where the job says NAME (repeatable); synthetic is "
                 "always there");
  app.add_option("--data-cache", options.data_cache,
                 "folder for decoded images of image folders and TinyImageNet, which are then "
                 "decoded once; empty = at every start");
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N");
  app.add_option("--threads", options.threads, "CPU threads; 0 = one per core")
      ->check(CLI::Range(0, 1024));
  app.add_option("--checkpoint-seconds", options.checkpoint_seconds,
                 "least time between two checkpoints, which are made at ends of epochs")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--teacher-cache-mib", options.teacher_cache_mib,
                 "the most memory, on the device, for a teacher's logits where a job keeps them")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_flag("--no-cuda-graphs", options.no_cuda_graphs,
               "launch every kernel of a step anew, rather than replay a recorded step");
  app.add_flag("--unseal", options.unseal,
               "show test accuracies from now on; recorded with its time, cannot be undone");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error");
}

// What the process leaves with, and what it says on stderr before.
struct End {
  ExitCode status = ExitCode::kOk;
  std::string message;
};

// docs/cli.md
ExitCode StatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kFailedPrecondition;
    default:
      return ExitCode::kOther;
  }
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const Options& options, const TrainPlan& plan,
                                                     const ArtifactFolder& artifacts,
                                                     TrainSettings& settings) {
  TorchTrainerOptions trainer_options;
  trainer_options.device = options.device;
  trainer_options.threads = options.threads;
  trainer_options.checkpoint_interval =
      Milliseconds(static_cast<int64_t>(std::llround(options.checkpoint_seconds * 1000)));
  trainer_options.teacher_cache_bytes = options.teacher_cache_mib << 20;
  trainer_options.cuda_graphs = !options.no_cuda_graphs;
  ASSIGN_OR_RETURN(trainer_options.data_sets, ParseNamedPaths("--data", options.data));
  trainer_options.data_cache = options.data_cache;
  ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, MakeTorchTrainer(trainer_options, artifacts));
  WorkerInfo info;
  trainer->Describe(info);
  bool found = false;
  for (const std::string& name : info.data_sets) found = found || name == plan.spec.data.set;
  if (!found) {
    return absl::InvalidArgumentError(absl::StrCat("--data: found no path for ", plan.spec.data.set,
                                                   ", the job's data set; allowed: --data ",
                                                   plan.spec.data.set, "=PATH"));
  }
  settings = {info.device, options.threads, info.torch_version, BuildCommit()};
  return trainer;
}

void PrintFront(const TrainPlan& plan, const TrainState& state) {
  ResultCosts costs(plan);
  const v1::TrainResults document = ResultsDocument(plan, state, costs);
  v1::Front front;
  *front.mutable_objectives() = document.objectives();
  *front.mutable_cost_limits() = document.cost_limits();
  *front.mutable_results() = document.results();
  std::cout << FrontText(document.summary(), front) << std::flush;
}

absl::StatusOr<JobState> Train(const Options& options, TrainPlan& plan,
                               const std::vector<std::string>& files, const std::stop_token& stop) {
  const SystemClock clock;
  const std::filesystem::path out = options.out;
  const ArtifactFolder artifacts(out / "artifacts");
  TrainSettings settings;
  ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                   MakeTrainer(options, plan, artifacts, settings));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainFolder> folder,
                   TrainFolder::Open(out, plan, settings, clock));
  for (const std::string& file : files) RETURN_IF_ERROR(artifacts.Put(file).status());
  if (options.unseal && !folder->state().unsealed_at) {
    folder->state().unsealed_at = clock.Now();
    RETURN_IF_ERROR(folder->Save());
  }
  LogInfo(folder->resumed() ? "goes on with " : "begins ", plan.candidates.size(), " candidates, ",
          plan.tasks.size(), " tasks on ", settings.device, " in ", out.string());
  for (const std::string& note : plan.notes) LogInfo("note: ", note);
  TrainJob job(plan, *folder, artifacts, *trainer, clock);
  ASSIGN_OR_RETURN(const JobState state, job.Run(stop));
  if (state != JobState::kRunning) PrintFront(plan, folder->state());
  return state;
}

End Work(const Options& options, const std::stop_token& stop) {
  const absl::StatusOr<std::string> text = ReadFile(options.job, kMaxJobFileBytes);
  if (!text.ok()) return {StatusOf(text.status()), std::string(text.status().message())};
  const auto invalid = [&](const absl::Status& status) -> End {
    return {ExitCode::kInvalid,
            absl::StrCat(options.job, " is not a valid job:\n", std::string(status.message()))};
  };
  const std::filesystem::path folder = std::filesystem::path(options.job).parent_path();
  absl::StatusOr<PlanWithFiles> plan = PlanTrainingWithFiles(*text, folder);
  if (absl::IsInvalidArgument(plan.status())) return invalid(plan.status());
  if (!plan.ok()) return {StatusOf(plan.status()), std::string(plan.status().message())};
  const absl::StatusOr<JobState> state = Train(options, plan->plan, plan->files, stop);
  if (!state.ok()) return {StatusOf(state.status()), std::string(state.status().message())};
  switch (*state) {
    case JobState::kFinished:
      return {};
    case JobState::kRunning:
      return {ExitCode::kInterrupted, "stopped; the same command goes on"};
    case JobState::kFailed:
    case JobState::kCancelled:
      break;
  }
  return {ExitCode::kJobFailed, absl::StrCat("a task failed; results of the others stand: ",
                                             options.out, "/results.json says which")};
}

// Ends the process where the Trainer breaks its promise: the folder can be gone on with at any
// moment.
void EndInTime(const std::stop_token& end, const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kInterval{50};
  std::chrono::milliseconds waited{0};
  while (!end.stop_requested() && waited < kPatience) {
    std::this_thread::sleep_for(kInterval);
    if (stop.stop_requested()) waited += kInterval;
  }
  if (!end.stop_requested()) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
}

int Main(int argc, char** argv) {
  const SignalWatch signals;
  Options options;
  CLI::App app(
      "Trains, linearizes and fine-tunes all candidates of a job in one process, without a "
      "coordinator. It may be killed at any moment: the same command goes on.",
      "reluscape-train");
  AddConfigOption(app);
  AddOptions(app, options);
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  if (const absl::Status log = StartLog("train", options.log_level); !log.ok()) {
    std::cerr << "reluscape-train: " << log.message() << "\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  const std::jthread watchdog(
      [stop = signals.token()](const std::stop_token& end) { EndInTime(end, stop); });
  const End end = Work(options, signals.token());
  if (!end.message.empty()) std::cerr << "reluscape-train: " << end.message << "\n";
  return static_cast<int>(end.status);
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }

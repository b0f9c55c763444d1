// reluscape-train: a coordinator, its store and a worker in one process, for one job. Flags,
// wiring, signals.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "client/listings.h"
#include "client/progress.h"
#include "client/results_table.h"
#include "search/vocabulary/messages.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/torch/torch_trainer.h"
#include "worker/torch/trainer_flags.h"
#include "worker/train/data_folder.h"
#include "worker/train/job_choice.h"
#include "worker/train/run_job.h"
#include "worker/train/worker_count.h"

namespace reluscape {
namespace {

constexpr int64_t kMostWorkers = 1024;

// The Trainer promises to return within 2 s of a stop.
constexpr std::chrono::milliseconds kPatience{4'000};

struct Options {
  std::string job;
  std::string out;
  TrainerFlags trainer;
  int64_t workers = 0;
  bool unseal = false;
  std::string log_level = "info";
};

void AddOptions(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  app.add_option("job", options.job, "the job file (docs/job-file.md)")->required();
  app.add_option(
         "--out", options.out,
         "the data folder, made where it is missing; the same command goes on with what was "
         "begun in it")
      ->required();
  AddTrainerFlags(app, options.trainer);
  app.add_option(
         "--workers", options.workers,
         "on a CPU: tasks that are worked on beside each other; 0 = as the job's tasks, the "
         "cores and the memory allow")
      ->check(CLI::Range(int64_t{0}, kMostWorkers));
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

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const Options& options,
                                                     const std::string& data_set,
                                                     const ArtifactFolder& artifacts,
                                                     std::shared_ptr<SharedData> shared_data) {
  ASSIGN_OR_RETURN(TorchTrainerOptions trainer_options, TrainerOptionsOf(options.trainer));
  trainer_options.shared_data = std::move(shared_data);
  ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, MakeTorchTrainer(trainer_options, artifacts));
  v1::WorkerInfo info;
  trainer->Describe(info);
  const auto& names = info.data_sets();
  if (std::find(names.begin(), names.end(), data_set) == names.end()) {
    return absl::InvalidArgumentError(absl::StrCat("--data: found no path for ", data_set,
                                                   ", the job's data set; allowed: --data ",
                                                   data_set, "=PATH"));
  }
  return trainer;
}

using Trainers = std::vector<std::unique_ptr<Trainer>>;

// As many as the Job is worked on with; says so.
absl::StatusOr<Trainers> MakeTrainers(
    JobId job, DataFolder& folder, std::unique_ptr<Trainer> first,
    const std::function<absl::StatusOr<std::unique_ptr<Trainer>>()>& make_trainer, int64_t asked) {
  v1::WorkerInfo info;
  first->Describe(info);
  ASSIGN_OR_RETURN(const v1::JobDetail detail, folder.reader().GetJob(job));
  ASSIGN_OR_RETURN(const int64_t workers, CountWorkers(detail, info.cores(), asked));
  Trainers trainers;
  trainers.push_back(std::move(first));
  while (std::ssize(trainers) < workers) {
    ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, make_trainer());
    trainers.push_back(std::move(trainer));
  }
  LogInfo("works with ", Counted(workers, "worker"), " on ", info.device(),
          info.cores() > 0 ? absl::StrCat(", ", info.cores(), " threads at most") : std::string());
  return trainers;
}

// The table of the front, or what a job of kind criticality measured.
absl::Status PrintOutcome(JobId job, DataFolder& folder) {
  ASSIGN_OR_RETURN(const v1::JobDetail detail, folder.reader().GetJob(job));
  ASSIGN_OR_RETURN(const v1::ResultList list, folder.reader().ListResults(job));
  std::cout << (detail.job().kind() == NameOf(v1::JobSpec::CRITICALITY)
                    ? JobText(detail)
                    : ResultsText(detail.job(), list, "--unseal"))
            << std::flush;
  return absl::OkStatus();
}

End EndOf(const absl::Status& status) { return {StatusOf(status), std::string(status.message())}; }

absl::StatusOr<End> Train(JobId job, DataFolder& folder, const Trainers& trainers,
                          const Options& options, const std::stop_token& stop) {
  RETURN_IF_ERROR(RetryFailures(job, folder));
  if (options.unseal) RETURN_IF_ERROR(folder.coordinator().Unseal(job));
  ProgressLines progress(/*epochs=*/true);
  RunJobOptions run_options;
  run_options.on_look = [&progress](const v1::JobDetail& detail) {
    for (const std::string& line : progress.Update(detail)) LogInfo(line);
  };
  ASSIGN_OR_RETURN(const JobState state, RunJob(job, folder, trainers, run_options, stop));
  if (state == JobState::kRunning) {
    return End{ExitCode::kInterrupted, "stopped; the same command goes on"};
  }
  RETURN_IF_ERROR(PrintOutcome(job, folder));
  if (state == JobState::kFinished) return End();
  return End{ExitCode::kJobFailed,
             absl::StrCat("job ", job.value, " ended ", JobStateName(state),
                          "; results of tasks that succeeded stand: ", options.out, "/job-",
                          job.value, ".json says which failed")};
}

End Work(const Options& options, const std::stop_token& stop) {
  const auto invalid = [&](const absl::Status& status) -> End {
    return {ExitCode::kInvalid,
            absl::StrCat(options.job, " is not a valid job:\n", std::string(status.message()))};
  };
  const absl::StatusOr<JobFile> job_file = ReadJobFile(options.job);
  if (absl::IsInvalidArgument(job_file.status())) return invalid(job_file.status());
  if (!job_file.ok()) return EndOf(job_file.status());
  if (!DataFolder::IsBegun(options.out)) {
    // So that nothing is written for it.
    if (const absl::Status check = CheckJob(*job_file); !check.ok()) return invalid(check);
  }
  const ArtifactFolder artifacts(DataFolder::ArtifactsIn(options.out));
  const auto shared_data = std::make_shared<SharedData>();
  const auto make_trainer = [&] {
    return MakeTrainer(options, job_file->spec->data().set(), artifacts, shared_data);
  };
  absl::StatusOr<std::unique_ptr<Trainer>> first = make_trainer();
  if (!first.ok()) return EndOf(first.status());
  v1::WorkerInfo info;
  (*first)->Describe(info);
  const absl::StatusOr<int64_t> allowed =
      CountWorkers(v1::JobDetail(), info.cores(), options.workers);
  if (!allowed.ok()) return EndOf(allowed.status());
  const SystemClock clock;
  const absl::StatusOr<std::unique_ptr<DataFolder>> folder = DataFolder::Open(options.out, clock);
  if (!folder.ok()) return EndOf(folder.status());
  const absl::StatusOr<JobId> job = ChooseJob(*job_file, **folder);
  if (absl::IsInvalidArgument(job.status())) return invalid(job.status());
  if (!job.ok()) return EndOf(job.status());
  const absl::StatusOr<Trainers> trainers =
      MakeTrainers(*job, **folder, *std::move(first), make_trainer, options.workers);
  if (!trainers.ok()) return EndOf(trainers.status());
  const absl::StatusOr<End> end = Train(*job, **folder, *trainers, options, stop);
  return end.ok() ? *end : EndOf(end.status());
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
      "Trains, linearizes and fine-tunes all candidates of a job in one process: coordinator, "
      "database and worker. It may be killed at any moment: the same command goes on.",
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

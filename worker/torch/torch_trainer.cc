#include "worker/torch/torch_trainer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/version.h>

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/data/data_set.h"
#include "worker/task_error.h"
#include "worker/torch/deterministic.h"
#include "worker/torch/device.h"
#include "worker/torch/finetune_stage.h"
#include "worker/torch/linearize_stage.h"
#include "worker/torch/precision.h"
#include "worker/torch/pretrain_stage.h"
#include "worker/torch/stage_context.h"
#include "worker/torch/task_thread.h"

namespace reluscape {
namespace {

constexpr int64_t kMostCores = 1 << 20;  // as report.proto allows
constexpr char kSynthetic[] = "synthetic";
// A teacher's logits get one in so many bytes of the device's free memory.
constexpr int64_t kTeacherCacheShare = 8;

absl::Status CheckHash(const char* what, const std::string& set, const std::string& found,
                       const char* whose, const std::string& expected) {
  if (expected.empty() || found == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, " of data set '", set, "': found ", found,
                                                    "; ", whose, " ", expected,
                                                    ": this worker's copy of the data differs"));
}

class TorchTrainer final : public Trainer {
 public:
  TorchTrainer(TorchTrainerOptions options, at::Device device, const ArtifactFolder& artifacts)
      : options_(std::move(options)), device_(device), artifacts_(artifacts) {}

  void Describe(v1::WorkerInfo& info) const override {
    info.set_device(DeviceName(device_));
    info.clear_fast_precisions();
    for (const v1::StagesSpec::Precision precision : FastPrecisions(device_)) {
      info.add_fast_precisions(NameOf(precision));
    }
    info.set_torch_version(TORCH_VERSION);
    info.clear_data_sets();
    for (const auto& [name, path] : options_.data_sets) info.add_data_sets(name);
    if (!device_.is_cpu()) return;
    info.set_cores(options_.cores > 0 ? options_.cores : UsableCores());
    info.set_sharers(options_.sharers);
    if (options_.sharers > 1) info.set_machine(MachineName());
  }

  v1::DataState OpenData(const v1::DataRequest& request, std::stop_token stop) override {
    v1::DataState state;
    *state.mutable_request() = request;
    std::string problem;
    try {
      // Read again: whoever asks wants to know how the files are now.
      const absl::Status loaded = LoadData(request, stop);
      if (loaded.ok()) {
        state.set_data_hash(data_->data_hash);
        state.set_split_hash(data_->split_hash);
        return state;
      }
      if (absl::IsCancelled(loaded) && stop.stop_requested()) return state;
      problem = std::string(loaded.message());
    } catch (const std::bad_alloc&) {
      problem = absl::StrCat("not enough memory for the data set ", request.data().set());
    } catch (const std::exception& error) {
      problem = absl::StrCat("data set ", request.data().set(), ": ", error.what());
    }
    if (problem.empty()) {
      problem = absl::StrCat("data set ", request.data().set(), " cannot be opened");
    }
    state.set_problem(problem);
    return state;
  }

  TaskOutcome Run(const v1::TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override {
    const Stopwatch stopwatch;
    TaskOutcome outcome;
    thread_.Do([&] { outcome = RunGuarded(task, listener, stop); });
    if (outcome.failure && outcome.device_seconds == 0) {
      outcome.device_seconds = stopwatch.Seconds();
    }
    return outcome;
  }

 private:
  // Everything that is thrown is another Attempt's to try, on this device or another: memory may be
  // free again, and an error that stays ends with the Task's cap on Attempts.
  TaskOutcome RunGuarded(const v1::TaskDescription& task, TaskListener& listener,
                         const std::stop_token& stop) {
    const auto thrown = [&](const std::string& what) {
      return FailedOutcome(v1::Failure::TRANSIENT,
                           absl::StrCat(task.stage(), " on ", DeviceName(device_), ": ", what),
                           /*epoch=*/-1);
    };
    try {
      absl::StatusOr<TaskOutcome> outcome = RunStage(task, listener, stop);
      if (outcome.ok()) return *std::move(outcome);
      if (absl::IsCancelled(outcome.status()) && stop.stop_requested()) {
        TaskOutcome stopped;
        stopped.stopped = true;
        return stopped;
      }
      return FailureOf(outcome.status());
    } catch (const c10::OutOfMemoryError& error) {
      return thrown(absl::StrCat("out of memory (a smaller batch needs less): ",
                                 error.what_without_backtrace()));
    } catch (const c10::Error& error) {
      return thrown(error.what_without_backtrace());
    } catch (const std::bad_alloc&) {
      return thrown("out of memory (a smaller batch needs less)");
    } catch (const std::exception& error) {
      return thrown(error.what());
    }
  }

  absl::StatusOr<TaskOutcome> RunStage(const v1::TaskDescription& task, TaskListener& listener,
                                       const std::stop_token& stop) {
    // What goes by the thread's current device, at first the first one, would make a context there.
    const c10::DeviceGuard guard(device_);
    // The number of threads belongs to the calling thread.
    at::set_num_threads(static_cast<int>(std::max<int64_t>(task.threads(), 1)));
    const bool deterministic = task.settings().deterministic() && device_.is_cuda();
    // Of this process' environment, where another Worker's may be right: no fault of the Job.
    if (deterministic) RETURN_IF_ERROR(CheckCublasWorkspace());
    const DeterministicKernels kernels(deterministic);
    const v1::StagesSpec::Precision precision = PrecisionOf(task);
    // On a CPU they mean nothing, and Tasks run beside each other in one process there.
    std::optional<Tf32Products> products;
    if (device_.is_cuda()) products.emplace(precision == v1::StagesSpec::TF32);
    const TaskFault refused{.kind = v1::Failure::REFUSED};
    const TaskFault of_data{.kind = v1::Failure::DATA};
    ASSIGN_OR_RETURN(const Network network, WithFault(ParseNetwork(task), refused));
    RETURN_IF_ERROR(WithFault(CheckSettings(task), refused));
    if (const v1::DataRequest request = DataRequestOf(task); loaded_ != request) {
      RETURN_IF_ERROR(WithFault(LoadData(request, stop), of_data));
    }
    const DataSet& data = *data_;
    RETURN_IF_ERROR(WithFault(
        CheckHash("data hash", data.name, data.data_hash, "the job goes by", task.data_hash()),
        of_data));
    RETURN_IF_ERROR(WithFault(CheckHash("split hash", data.name, data.split_hash,
                                        "the candidate's pretrain had", task.split_hash()),
                              of_data));
    if (data.train.count() < 2) {
      // Every copy of them is as small.
      return TaskError(refused, absl::StrCat("data: found ", data.train.count(),
                                             " training images; allowed: at least 2"));
    }

    const v1::StagesSpec& settings = task.settings();
    const int64_t epochs =
        StageOf(task) == Stage::kPretrain
            ? (IsSet(task.pretrained()) ? 1 : settings.pretrain().epochs())
        : StageOf(task) == Stage::kLinearize
            ? LinearizeEpochs(settings.linearize(), static_cast<int64_t>(task.budgets().size()))
            : settings.fine_tune().epochs();
    v1::Provenance provenance;
    provenance.set_build_commit(BuildCommit());
    provenance.set_torch_version(TORCH_VERSION);
    provenance.set_device(DeviceName(device_));
    provenance.set_precision(NameOf(precision));
    provenance.set_threads(at::get_num_threads());
    provenance.set_data_hash(data.data_hash);
    provenance.set_split_hash(data.split_hash);
    provenance.set_train_images(data.train.count());
    provenance.set_validation_images(data.validation.count());
    provenance.set_test_images(data.test.count());
    listener.OnProvenance(provenance, epochs);
    if (precision == v1::StagesSpec::BFLOAT16 && !HasBfloat16(device_)) {
      LogWarning("precision bfloat16: ", DeviceName(device_),
                 " has no instructions for it; results are right, but slower than with float32");
    }
    const StageContext context{.task = task,
                               .network = network,
                               .data = data,
                               .device = device_,
                               .artifacts = artifacts_,
                               .listener = listener,
                               .stop = stop,
                               .checkpoint_interval = options_.checkpoint_interval,
                               .teacher_cache = TeacherCache(task),
                               .cuda_graphs = options_.cuda_graphs};
    switch (StageOf(task)) {
      case Stage::kPretrain:
        return RunPretrain(context);
      case Stage::kLinearize:
        return RunLinearize(context);
      case Stage::kFineTune:
        return RunFineTune(context);
    }
    return TaskError(refused, "the task has no known stage");
  }

  static absl::StatusOr<Network> ParseNetwork(const v1::TaskDescription& task) {
    ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(task.network()));
    if (architecture.side != task.data().side() || architecture.classes != task.data().classes()) {
      return absl::InvalidArgumentError(
          absl::StrCat("network: made for ", architecture.classes, " classes and images of side ",
                       architecture.side, "; the data set has ", task.data().classes(), " and ",
                       task.data().side()));
    }
    return BuildNetwork(architecture);
  }

  // The coordinator has checked the job; this keeps a wrong message from dividing by zero.
  static absl::Status CheckSettings(const v1::TaskDescription& task) {
    const v1::StagesSpec& settings = task.settings();
    const int64_t batch = StageOf(task) == Stage::kPretrain    ? settings.pretrain().batch()
                          : StageOf(task) == Stage::kLinearize ? settings.linearize().batch()
                                                               : settings.fine_tune().batch();
    const int64_t epochs = StageOf(task) == Stage::kPretrain    ? settings.pretrain().epochs()
                           : StageOf(task) == Stage::kLinearize ? settings.linearize().max_epochs()
                                                                : settings.fine_tune().epochs();
    const int64_t padding = settings.augmentation().crop_padding();
    if (batch < 2 || epochs < 1 || padding < 0 || padding > 64) {
      return absl::InvalidArgumentError(
          absl::StrCat("settings: found batch ", batch, ", epochs ", epochs, ", crop_padding ",
                       padding, "; allowed: batch from 2, epochs from 1, crop_padding 0 to 64"));
    }
    const v1::AugmentationSpec& augmentation = settings.augmentation();
    if (settings.cache_teacher_logits() &&
        (augmentation.cutout() != 0 || augmentation.mixup() != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("settings: cache_teacher_logits: found true with cutout ",
                       augmentation.cutout(), " and mixup ", augmentation.mixup(),
                       "; allowed: false, since their views are too many to keep"));
    }
    return absl::OkStatus();
  }

  v1::StagesSpec::Precision PrecisionOf(const v1::TaskDescription& task) const {
    return UsedPrecision(task.settings().precision(), HasTf32(device_));
  }

  // The Tasks of one Job use the same images: the last set stays in memory.
  absl::Status LoadData(const v1::DataRequest& request, const std::stop_token& stop) {
    loaded_.reset();
    data_.reset();  // two sets at a time may be too much
    const auto found = options_.data_sets.find(request.data().set());
    if (found == options_.data_sets.end()) {
      std::string names;
      for (const auto& [name, path] : options_.data_sets) {
        absl::StrAppend(&names, names.empty() ? "" : ", ", name);
      }
      return absl::NotFoundError(absl::StrCat("data set '", request.data().set(),
                                              "' is not configured on this worker; it has ",
                                              names));
    }
    auto data = options_.shared_data->Load(request, found->second, options_.data_cache, stop);
    if (!data.ok()) return data.status();
    data_ = *std::move(data);
    loaded_ = request;
    return absl::OkStatus();
  }

  // The descent of a Candidate and its fine-tunes have the same teacher: the last one's cache stays
  // in memory. Null where the Task keeps no logits or has no teacher.
  LogitCache* TeacherCache(const v1::TaskDescription& task) {
    const v1::AugmentationSpec& augmentation = task.settings().augmentation();
    const v1::Artifact& teacher =
        StageOf(task) == Stage::kPretrain ? task.teacher() : task.weights();
    if (!task.settings().cache_teacher_logits() || !IsSet(teacher)) return nullptr;
    LogitCacheKey key{.teacher = teacher.sha256(),
                      .data_hash = data_->data_hash,
                      .split_hash = data_->split_hash,
                      .crop_padding = augmentation.crop_padding(),
                      .flip = augmentation.flip(),
                      .precision = PrecisionOf(task),
                      .deterministic = task.settings().deterministic()};
    if (!teacher_cache_ || teacher_cache_key_ != key) {
      teacher_cache_.reset();  // two at a time may be too much
      const int64_t views = TrainingImages::ViewsPerImage(augmentation);
      teacher_cache_.emplace(data_->train.count(), views, task.data().classes(),
                             TeacherCacheBytes(), device_);
      LogInfo("room for the teacher's logits: ", teacher_cache_->bytes() >> 20, " MiB");
      teacher_cache_key_ = std::move(key);
    }
    return &*teacher_cache_;
  }

  int64_t TeacherCacheBytes() const {
    if (options_.teacher_cache_bytes) return *options_.teacher_cache_bytes;
    return FreeMemory(device_) / kTeacherCacheShare;
  }

  const TorchTrainerOptions options_;  // with "synthetic"
  const at::Device device_;
  const ArtifactFolder& artifacts_;
  std::optional<v1::DataRequest> loaded_;  // what data_ is
  std::shared_ptr<const DataSet> data_;
  std::optional<LogitCache> teacher_cache_;
  LogitCacheKey teacher_cache_key_;
  TaskThread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> MakeTorchTrainer(const TorchTrainerOptions& options,
                                                          const ArtifactFolder& artifacts) {
  if (options.cores < 0 || options.cores > kMostCores || options.sharers < 1 ||
      options.sharers > kMostCores) {
    return absl::InvalidArgumentError(absl::StrCat("cores and sharers: found ", options.cores,
                                                   " and ", options.sharers, "; allowed: 0 to ",
                                                   kMostCores, " and 1 to ", kMostCores));
  }
  if (options.teacher_cache_bytes.value_or(0) < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "teacher_cache_bytes: found ", *options.teacher_cache_bytes, "; allowed: 0 or more"));
  }
  if (options.data_sets.contains("")) {
    return absl::InvalidArgumentError("data sets: found an empty name; allowed: name=path");
  }
  try {
    ASSIGN_OR_RETURN(const at::Device device, ParseDevice(options.device));
    if (device.is_cpu()) {
      KeepFreedMemory();
    } else {
      at::globalContext().setBenchmarkCuDNN(true);
      FixCublasWorkspace();
    }
    if (HasBfloat16(device)) {
      LogInfo("`precision: bfloat16` pays here: ", DeviceName(device), " has instructions for it");
    }
    TorchTrainerOptions complete = options;
    complete.data_sets.emplace(kSynthetic, "");
    if (complete.shared_data == nullptr) complete.shared_data = std::make_shared<SharedData>();
    return std::make_unique<TorchTrainer>(std::move(complete), device, artifacts);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("device '", options.device, "' cannot be used: ", error.what()));
  }
}

}  // namespace reluscape

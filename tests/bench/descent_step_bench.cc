// The worker's descent step, for descent_step_bench.py to time beside plain PyTorch:
//
//   python3 tests/bench/descent_step_bench.py build/tests/tests_bench_descent_step
//
// Alone: tests_bench_descent_step FOLDER NETWORK BATCH THREADS float32|tf32|bfloat16 network|cache
// cpu|cuda, where `cache` has the teacher's logits from a cache, warm from the second step on.
// Writes the initial weights and one batch to FOLDER/start.safetensors, prints a line and then
// answers every line "STEPS" on stdin with one on stdout: seconds of that many steps, seconds of
// processor time that they took, the loss of the last one, and the peak memory in KiB so far: of
// this process on a CPU, of the tensors on a GPU, where the step is a CUDA graph from the fourth
// on. Ends at the end of its input, 2 for wrong arguments.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>
#include <torch/cuda.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/data/data_set.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/batches.h"
#include "worker/torch/descent_step.h"
#include "worker/torch/device.h"
#include "worker/torch/precision.h"
#include "worker/torch/step_graph.h"
#include "worker/torch/step_recorder.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxSteps = 1'000'000;
constexpr int64_t kSide = 32;
constexpr int64_t kClasses = 10;  // of the drawn images

struct Options {
  std::filesystem::path folder;
  std::string network;
  int64_t batch = 0;
  int threads = 0;
  v1::StagesSpec::Precision precision = v1::StagesSpec::FLOAT32;
  bool cache = false;
  at::Device device = at::kCPU;
};

rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double ProcessorSeconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  if (argc == 8) {
    options.folder = argv[1];
    options.network = argv[2];
    const std::string precision = argv[5];
    const std::string source = argv[6];
    ASSIGN_OR_RETURN(options.device, ParseDevice(argv[7]));
    if (absl::SimpleAtoi(argv[3], &options.batch) && absl::SimpleAtoi(argv[4], &options.threads) &&
        options.batch >= 2 && options.batch <= 65536 && options.threads >= 1 &&
        options.threads <= 1024 &&
        v1::StagesSpec::Precision_Parse(absl::AsciiStrToUpper(precision), &options.precision) &&
        (source == "network" || source == "cache")) {
      options.cache = source == "cache";
      return options;
    }
  }
  return absl::InvalidArgumentError(
      "usage: tests_bench_descent_step FOLDER NETWORK BATCH THREADS float32|tf32|bfloat16 "
      "network|cache cpu|cuda; BATCH 2 to 65536, THREADS 1 to 1024");
}

int64_t PeakKib(at::Device device, const rusage& usage) {
  if (device.is_cpu()) return usage.ru_maxrss;
  constexpr size_t kAllPools = 0;
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return stats.allocated_bytes[kAllPools].peak >> 10;
}

absl::Status WriteStart(const Options& options, const GraphNetwork& network, const Batch& batch) {
  SafetensorsFile file;
  AddTensors(network.weights(), file.tensors);
  AddTensors(network.statistics(), file.tensors);
  file.tensors["batch.images"] = batch.images.contiguous().cpu();
  file.tensors["batch.labels"] = batch.labels.cpu();
  return WriteFileAtomically(options.folder / "start.safetensors", WriteSafetensors(file));
}

absl::Status Run(const Options& options) {
  at::set_num_threads(options.threads);
  if (options.device.is_cpu()) {
    KeepFreedMemory();
  } else {
    at::globalContext().setBenchmarkCuDNN(true);  // as the worker has it
  }
  const Tf32Products products(options.precision == v1::StagesSpec::TF32);
  ASSIGN_OR_RETURN(const Architecture architecture,
                   ParseArchitecture(options.network, kSide, kClasses));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  v1::DataSpec spec = Filled<v1::DataSpec>();
  spec.set_set("synthetic");
  spec.set_classes(kClasses);
  spec.set_side(kSide);
  spec.set_train_images(options.batch);
  spec.set_validation_images(2);
  spec.set_test_images(2);
  ASSIGN_OR_RETURN(const DataSet data, LoadDataSet(spec, /*split_seed=*/1, "", {}));
  v1::StagesSpec settings = Filled<v1::StagesSpec>();
  TrainingImages images(data.train, kClasses, {.mean = data.mean, .deviation = data.deviation},
                        settings.augmentation(), options.device);
  images.StartEpoch(/*seed=*/2, /*epoch=*/0);
  const Batch batch = images.Get(/*step=*/0, options.batch);

  GraphNetwork student(network, MaskMode::kSoft, options.device, v1::LinearizeSpec::PIXEL,
                       v1::LinearizeSpec::IDENTITY, options.precision);
  student.Initialize(/*seed=*/3);
  GraphNetwork teacher(network, MaskMode::kNone, options.device, v1::LinearizeSpec::PIXEL,
                       v1::LinearizeSpec::IDENTITY, options.precision);
  teacher.Initialize(/*seed=*/3);
  RETURN_IF_ERROR(WriteStart(options, teacher, batch));
  teacher.Fold();
  LogitCache cache(options.batch, TrainingImages::ViewsPerImage(settings.augmentation()), kClasses,
                   /*limit_bytes=*/int64_t{1} << 30, options.device);
  const Teacher targets(teacher, options.cache ? &cache : nullptr);
  AdamOptimizer weights(student.weights(), settings.linearize().weight_learning_rate());
  const std::unique_ptr<MaskRule> rule = MakeSoftMasks(student, settings.linearize());
  const DescentStep step{targets, student, weights, *rule, settings.distillation()};
  rule->SetLambda(settings.linearize().lambda());
  StepGraph graph([&](const StepInput& input) { return step.Take(input); },
                  [&] { student.DropGradients(); }, MakeStepRecorder(options.device));

  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    int64_t steps = 0;
    if (!absl::SimpleAtoi(line, &steps) || steps < 1 || steps > kMaxSteps) {
      return absl::InvalidArgumentError(
          absl::StrCat("steps: found '", line, "'; allowed: 1 to ", kMaxSteps));
    }
    const double processor_start = ProcessorSeconds(Usage());
    const auto start = std::chrono::steady_clock::now();
    at::Tensor loss;
    for (int64_t i = 0; i < steps; ++i) {
      loss = graph
                 .Take({.images = batch.images,
                        .targets = batch.targets,
                        .teacher_logits = targets.Kept(batch)})
                 .loss;
    }
    if (options.device.is_cuda()) torch::cuda::synchronize(options.device.index());
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const rusage usage = Usage();
    std::cout << std::setprecision(9) << taken.count() << " "
              << ProcessorSeconds(usage) - processor_start << " " << loss.item<double>() << " "
              << PeakKib(options.device, usage) << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) {
  const absl::StatusOr<reluscape::Options> options = reluscape::ParseOptions(argc, argv);
  const absl::Status status = options.ok() ? reluscape::Run(*options) : options.status();
  if (status.ok()) return 0;
  std::cerr << "tests_bench_descent_step: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

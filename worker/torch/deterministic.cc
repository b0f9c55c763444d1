#include "worker/torch/deterministic.h"

#include <ATen/Context.h>

#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

constexpr char kWorkspace[] = "CUBLAS_WORKSPACE_CONFIG";

}  // namespace

DeterministicKernels::DeterministicKernels(bool on)
    : on_(on),
      algorithms_(at::globalContext().deterministicAlgorithms()),
      warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
      fill_memory_(at::globalContext().deterministicFillUninitializedMemory()),
      cudnn_(at::globalContext().deterministicCuDNN()),
      benchmark_(at::globalContext().benchmarkCuDNN()) {
  if (!on_) return;
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // No kernel reads memory that nobody wrote: filling it would only cost a pass.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

DeterministicKernels::~DeterministicKernels() {
  if (!on_) return;
  at::globalContext().setDeterministicAlgorithms(algorithms_, warn_only_);
  at::globalContext().setDeterministicFillUninitializedMemory(fill_memory_);
  at::globalContext().setDeterministicCuDNN(cudnn_);
  at::globalContext().setBenchmarkCuDNN(benchmark_);
}

void FixCublasWorkspace() { setenv(kWorkspace, ":4096:8", /*overwrite=*/0); }

absl::Status CheckCublasWorkspace() {
  const char* const found = std::getenv(kWorkspace);
  const std::string_view value = found != nullptr ? found : "";
  if (value == ":4096:8" || value == ":16:8") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("deterministic: ", kWorkspace, " of this worker's environment: found '",
                   std::string(value.substr(0, 60)), "'; allowed: :4096:8, :16:8, or not set"));
}

}  // namespace reluscape

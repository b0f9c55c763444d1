#pragma once

// The setting `deterministic`: the same bits in every run on the same CUDA device.

#include <string>

#include "absl/status/status.h"

namespace reluscape {

// While it lives and is `on`, LibTorch takes deterministic kernels only: those of its own, and of
// cuDNN without trying which one is fastest. An operation that has none throws c10::Error, which
// names it. Restores what was set before; with `on` false it changes nothing.
//
// The flags belong to the process, not to a thread: one Task at a time. CPU kernels need none of
// this: with equal numbers of threads they always give the same bits.
class DeterministicKernels {
 public:
  explicit DeterministicKernels(bool on);
  ~DeterministicKernels();
  DeterministicKernels(const DeterministicKernels&) = delete;
  DeterministicKernels& operator=(const DeterministicKernels&) = delete;

 private:
  const bool on_;
  const bool algorithms_;
  const bool warn_only_;
  const bool fill_memory_;
  const bool cudnn_;
  const bool benchmark_;
};

// cuBLAS repeats its bits only with a fixed workspace, which it reads from the environment
// (cuBLAS documentation, "Results Reproducibility"): sets CUBLAS_WORKSPACE_CONFIG to :4096:8, eight
// buffers of 4 MiB, unless it is set. Call it before the first thread and the first use of CUDA.
void FixCublasWorkspace();

// FAILED_PRECONDITION where CUBLAS_WORKSPACE_CONFIG was set to something under which LibTorch
// refuses deterministic kernels; the message says what is allowed.
absl::Status CheckCublasWorkspace();

}  // namespace reluscape

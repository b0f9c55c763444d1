#include "worker/torch/device.h"

#include <malloc.h>
#include <torch/cuda.h>

#ifdef RELUSCAPE_WITH_CUDA
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <cuda_runtime_api.h>
#endif

#include <cstdlib>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/machine.h"

namespace reluscape {

absl::StatusOr<at::Device> ParseDevice(const std::string& text) {
  if (text == "cpu") return at::Device(at::kCPU);
  if (text == "auto") {
    if (torch::cuda::is_available()) return at::Device(at::kCUDA, 0);
    return at::Device(at::kCPU);
  }
  constexpr char kPrefix[] = "cuda:";
  int index = 0;
  const bool numbered = text.rfind(kPrefix, 0) == 0;
  if (text != "cuda" &&
      (!numbered || text.size() > 8 || !absl::SimpleAtoi(text.substr(5), &index) || index < 0 ||
       text != absl::StrCat(kPrefix, index))) {
    return absl::InvalidArgumentError(absl::StrCat("device: found '", text.substr(0, 60),
                                                   "'; allowed: auto, cpu, cuda or cuda:<index>"));
  }
  // DeviceIndex is a signed char and never negative here.
  const int devices = static_cast<unsigned char>(torch::cuda::device_count());
  if (index < devices) return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  return absl::FailedPreconditionError(
      absl::StrCat("device: found '", text, "', but LibTorch sees ", devices,
                   devices == 0 ? " CUDA devices (a build for the CPU, or no driver)"
                                : " CUDA devices, numbered from 0"));
}

std::string DeviceName(at::Device device) {
#ifdef RELUSCAPE_WITH_CUDA
  // By the runtime itself: LibTorch's own header for it needs cuSPARSE's and cuBLAS's headers.
  cudaDeviceProp properties;
  if (device.is_cuda() && cudaGetDeviceProperties(&properties, device.index()) == cudaSuccess) {
    return properties.name;
  }
#endif
  return device.str();
}

namespace {

// From Ampere on: compute capability 8.0.
bool HasNarrowTensorCores([[maybe_unused]] at::Device device) {
#ifdef RELUSCAPE_WITH_CUDA
  int major = 0;
  return device.is_cuda() &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device.index()) ==
             cudaSuccess &&
         major >= 8;
#else
  return false;
#endif
}

}  // namespace

bool HasTf32(at::Device device) {
  const char* const override = std::getenv("NVIDIA_TF32_OVERRIDE");
  const bool forbidden = override != nullptr && std::string_view(override) == "0";
  return !forbidden && HasNarrowTensorCores(device);
}

bool HasBfloat16(at::Device device) {
  if (HasNarrowTensorCores(device)) return true;
#ifdef __x86_64__
  return device.is_cpu() && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

int64_t FreeMemory(at::Device device) {
#ifdef RELUSCAPE_WITH_CUDA
  if (device.is_cuda()) {
    const at::DeviceGuard guard(device);
    c10::cuda::CUDACachingAllocator::emptyCache();
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    return static_cast<int64_t>(free);
  }
#endif
  TORCH_CHECK(device.is_cpu(), "free memory: found device ", device, "; allowed: cpu");
  return UsableMemoryBytes();
}

void KeepFreedMemory() {
  constexpr int kKeptBytes = 1 << 30;
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  mallopt(M_TOP_PAD, 64 << 20);
}

}  // namespace reluscape

#pragma once

// Which device a Worker computes on.

#include <ATen/ATen.h>

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:<index>".
// INVALID_ARGUMENT for another text, FAILED_PRECONDITION where that CUDA device is not there: no
// restart of the process cures it.
absl::StatusOr<at::Device> ParseDevice(const std::string& text);

// "cpu", or the GPU's name as its driver gives it.
std::string DeviceName(at::Device device);

// Whether its products of float32 numbers can be rounded to TF32: GPUs from compute capability 8.0
// (Ampere) on, unless NVIDIA_TF32_OVERRIDE is 0 in the environment, by which NVIDIA's libraries go
// whatever a program asks for.
bool HasTf32(at::Device device);

// Whether it has instructions for bfloat16: GPUs from compute capability 8.0 (Ampere) on, x86-64
// processors with AVX512-BF16 (which those with AMX have too). Elsewhere bfloat16 is computed all
// the same, by way of float32 and slower than it.
bool HasBfloat16(at::Device device);

// Bytes that this process may still take there: on a GPU what is free, with what LibTorch's
// allocator holds and nobody uses, which it gives back for this; on the CPU UsableMemoryBytes's
// answer (base/machine.h). Throws c10::Error where the device cannot say.
int64_t FreeMemory(at::Device device);

// For a process that trains on the CPU: activations are allocated and freed at every step, and
// glibc by default gives such memory back to the system each time and pays for fresh pages. From
// here on up to 1 GiB of freed memory stays, and blocks of up to 1 GiB come from it; the step of a
// small network takes up to a quarter less time. All threads share one arena, since those of other
// threads than the first hold no block of 64 MiB; call it before the thread that trains begins. The
// same for another program: MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ of 1073741824,
// MALLOC_TOP_PAD_ of 67108864, MALLOC_ARENA_MAX of 1.
void KeepFreedMemory();

}  // namespace reluscape

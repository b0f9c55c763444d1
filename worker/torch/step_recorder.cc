#include "worker/torch/step_recorder.h"

#ifdef RELUSCAPE_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/Exception.h>
#include <cuda_runtime_api.h>

#include <optional>
#endif

namespace reluscape {

#ifdef RELUSCAPE_WITH_CUDA
namespace {

class CudaRecorder final : public StepRecorder {
 public:
  // A graph cannot be recorded on the default stream.
  explicit CudaRecorder(c10::DeviceIndex device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)) {}

  void WarmUp(const std::function<void()>& work) override {
    const c10::cuda::CUDAStream current = c10::cuda::getCurrentCUDAStream(stream_.device_index());
    Follow(current, stream_);
    {
      const c10::cuda::CUDAStreamGuard guard(stream_);
      work();
    }
    Follow(stream_, current);
  }

  void Record(const std::function<void()>& work) override {
    // The memory of the steps so far goes back, since the graph takes its own.
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    const c10::cuda::CUDAStreamGuard guard(stream_);
    graph_.emplace();
    graph_->capture_begin();
    try {
      work();
    } catch (...) {
      GiveUp();
      throw;
    }
    graph_->capture_end();
  }

  void Replay() override { graph_->replay(); }

 private:
  // What is handed to `second` from now on waits for what was handed to `first`.
  static void Follow(const c10::cuda::CUDAStream& first, const c10::cuda::CUDAStream& second) {
    c10::Event event(c10::DeviceType::CUDA);
    event.record(first);
    event.block(second);
  }

  void GiveUp() {
    try {
      graph_->capture_end();
    } catch (const c10::Error&) {
      // The recording is void, as its caller is being told.
    }
    (void)cudaGetLastError();  // which would be taken for one of the next kernel
    graph_.reset();
  }

  const c10::cuda::CUDAStream stream_;
  std::optional<at::cuda::CUDAGraph> graph_;
};

}  // namespace
#endif

std::unique_ptr<StepRecorder> MakeStepRecorder([[maybe_unused]] c10::Device device) {
#ifdef RELUSCAPE_WITH_CUDA
  if (device.is_cuda()) return std::make_unique<CudaRecorder>(device.index());
#endif
  return nullptr;
}

}  // namespace reluscape

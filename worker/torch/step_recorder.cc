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

#include <exception>
#include <map>
#include <vector>
#endif

namespace reluscape {

#ifdef RELUSCAPE_WITH_CUDA
namespace {

using PoolId = decltype(at::cuda::graph_pool_handle());

// What a process has once for all its recorders, of which one works at a time.
class Shared {
 public:
  static Shared& Get() {
    static auto* const shared = new Shared();  // never destroyed: CUDA may be gone before it
    return *shared;
  }

  // A graph cannot be recorded on the default stream. Always the same one per device: LibTorch
  // keeps cuBLAS workspaces, of up to 32 MiB each, for every stream that was ever used.
  c10::cuda::CUDAStream StreamOf(c10::DeviceIndex device) {
    const auto found = streams_.find(device);
    if (found != streams_.end()) return found->second;
    return streams_.emplace(device, c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device))
        .first->second;
  }

  // Keeps a graph that could not end its recording: LibTorch may still refer to it.
  void Bury(std::unique_ptr<at::cuda::CUDAGraph> graph) { buried_.push_back(std::move(graph)); }

  // A recording could not be ended: its stream takes no other one.
  void SetStuck() { stuck_ = true; }
  bool stuck() const { return stuck_; }

 private:
  std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams_;
  std::vector<std::unique_ptr<at::cuda::CUDAGraph>> buried_;
  bool stuck_ = false;
};

// What is handed to `second` from now on waits for what was handed to `first`.
void Follow(const c10::cuda::CUDAStream& first, const c10::cuda::CUDAStream& second) {
  c10::Event event(c10::DeviceType::CUDA);
  event.record(first);
  event.block(second);
}

// For its lifetime work goes to `stream`, behind what was handed to the current one before; work
// that is handed to that one afterwards waits for it.
class Detour {
 public:
  explicit Detour(const c10::cuda::CUDAStream& stream)
      : stream_(stream), current_(c10::cuda::getCurrentCUDAStream(stream.device_index())) {
    Follow(current_, stream_);
    guard_.reset_stream(stream_);
  }
  ~Detour() {
    try {
      Follow(stream_, current_);
    } catch (const c10::Error&) {
      // The device is lost; the next call on it will say so.
    }
  }
  Detour(const Detour&) = delete;
  Detour& operator=(const Detour&) = delete;

 private:
  const c10::cuda::CUDAStream stream_;
  const c10::cuda::CUDAStream current_;
  c10::cuda::OptionalCUDAStreamGuard guard_;
};

class CudaRecorder final : public StepRecorder {
 public:
  explicit CudaRecorder(c10::DeviceIndex device) : stream_(Shared::Get().StreamOf(device)) {}

  void WarmUp(const std::function<void()>& work) override {
    const Detour detour(stream_);
    work();
  }

  void Record(const std::function<void()>& work) override {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    // The memory of the steps so far goes back, since the graph takes its own.
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    graph_ = std::make_unique<at::cuda::CUDAGraph>();
    // Named here, so that GiveUp can end what the graph does not.
    const PoolId pool = at::cuda::graph_pool_handle();
    try {
      graph_->capture_begin(pool);
      work();
      graph_->capture_end();
    } catch (...) {
      GiveUp(pool);
      throw;
    }
  }

  void Replay() override { graph_->replay(); }

 private:
  bool IsRecording() const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    return cudaStreamIsCapturing(stream_, &status) != cudaSuccess ||
           status != cudaStreamCaptureStatusNone;
  }

  // After a failure anywhere between the beginning and the end. Where the stream is in order again
  // the next Task can record; the steps of this one are not recorded.
  void GiveUp(const PoolId& pool) {
    try {
      if (IsRecording()) graph_->capture_end();
    } catch (const std::exception&) {
      // As of a recording that something in it has made invalid. CUDA has ended it all the same;
      // the allocator has not.
    }
    if (IsRecording()) {
      cudaGraph_t rest = nullptr;
      (void)cudaStreamEndCapture(stream_, &rest);
      if (rest != nullptr) (void)cudaGraphDestroy(rest);
      if (IsRecording()) Shared::Get().SetStuck();
    }
    if (EndPool(pool)) Shared::Get().Bury(std::move(graph_));
    graph_.reset();
    (void)cudaGetLastError();  // which would be taken for one of the next kernel
  }

  // Lets the allocator go on as outside a recording: while it takes one to be under way it gives no
  // memory back to the device, not even where it has run out. False where it did not take it so:
  // the graph has ended this itself, or never begun it.
  bool EndPool(const PoolId& pool) const {
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(stream_.device_index(), pool);
      c10::cuda::CUDACachingAllocator::releasePool(stream_.device_index(), pool);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  const c10::cuda::CUDAStream stream_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

}  // namespace
#endif

std::unique_ptr<StepRecorder> MakeStepRecorder([[maybe_unused]] c10::Device device) {
#ifdef RELUSCAPE_WITH_CUDA
  if (device.is_cuda() && !Shared::Get().stuck()) {
    return std::make_unique<CudaRecorder>(device.index());
  }
#endif
  return nullptr;
}

}  // namespace reluscape

#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace reluscape {

// Records what is handed to a device and repeats it. Not thread-safe.
class StepRecorder {
 public:
  virtual ~StepRecorder() = default;

  // Carries out `work` where it would be recorded.
  virtual void WarmUp(const std::function<void()>& work) = 0;

  // Records what `work` hands to the device; nothing of it is carried out, and memory that it
  // allocates stays its own. Throws where something in it cannot be recorded, and then has recorded
  // nothing.
  virtual void Record(const std::function<void()>& work) = 0;

  // Carries out what was recorded.
  virtual void Replay() = 0;
};

// CUDA graphs of `device`; null where it is no GPU, the program was built without CUDA, or a
// recording of this process could not be ended in order. Not thread-safe.
std::unique_ptr<StepRecorder> MakeStepRecorder(c10::Device device);

}  // namespace reluscape

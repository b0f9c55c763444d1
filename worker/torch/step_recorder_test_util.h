#pragma once

#include <c10/util/Exception.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "worker/torch/step_recorder.h"

namespace reluscape {

// A recorder on the host: "replay" calls what was recorded, which reads and writes the same tensors
// again.
class FakeRecorder final : public StepRecorder {
 public:
  enum class Fails { kNever, kByTorch, kByAnother };
  explicit FakeRecorder(std::vector<std::string>& calls, Fails fails = Fails::kNever)
      : calls_(calls), fails_(fails) {}
  void WarmUp(const std::function<void()>& work) override {
    calls_.push_back("warm-up");
    work();
  }
  void Record(const std::function<void()>& work) override {
    calls_.push_back("record");
    TORCH_CHECK(fails_ != Fails::kByTorch, "this cannot be recorded");
    if (fails_ == Fails::kByAnother) throw std::runtime_error("nor this");
    work_ = work;
  }
  void Replay() override {
    calls_.push_back("replay");
    work_();
  }

 private:
  std::vector<std::string>& calls_;
  const Fails fails_;
  std::function<void()> work_;
};

}  // namespace reluscape

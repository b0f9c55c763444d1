#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

namespace reluscape {

// The one thread that all Tasks of a process run on. What LibTorch, cuDNN and cuBLAS keep per
// thread (the number of threads, the algorithms that were found fastest, handles and workspaces) is
// made once, and not again with every Task. Callers may be of any thread, one at a time.
class TaskThread {
 public:
  TaskThread() : thread_([this](const std::stop_token& stop) { Loop(stop); }) {}
  ~TaskThread() {
    const std::function<void()> nothing = [] {};
    thread_.request_stop();
    work_ = &nothing;
    work_.notify_one();
    thread_.join();
  }
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  // Returns when `work`, which throws nothing, has returned.
  void Do(const std::function<void()>& work) {
    work_ = &work;
    work_.notify_one();
    work_.wait(&work);
  }

 private:
  void Loop(const std::stop_token& stop) {
    while (true) {
      work_.wait(nullptr);
      if (stop.stop_requested()) return;
      (*work_.load())();
      work_ = nullptr;
      work_.notify_one();
    }
  }

  std::atomic<const std::function<void()>*> work_ = nullptr;
  std::jthread thread_;
};

}  // namespace reluscape

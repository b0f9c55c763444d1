#pragma once

// SIGINT and SIGTERM as a stop token: the first one asks the process to end in good order, the
// second one ends it at once.

#include <stop_token>
#include <thread>

namespace reluscape {

class SignalWatch {
 public:
  // Blocks both signals in this thread and in every thread that it starts from now on: make it
  // first thing in main. SIGPIPE is ignored from now on: a peer that went away is an error of one
  // call.
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // Stops at the first signal. The second one ends the process with status 128 + its number.
  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace reluscape

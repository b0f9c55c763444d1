#include "base/signals.h"

#include <csignal>
#include <cstdlib>
#include <ctime>

namespace reluscape {
namespace {

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void Watch(const std::stop_token& end, std::stop_source stop) {
  const sigset_t signals = EndingSignals();
  // How long the destructor may have to wait.
  const timespec interval = {.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!end.stop_requested()) {
    const int signal = sigtimedwait(&signals, nullptr, &interval);
    if (signal <= 0) continue;
    if (stop.stop_requested()) std::_Exit(128 + signal);
    stop.request_stop();
  }
}

}  // namespace

SignalWatch::SignalWatch() {
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::jthread([stop = stop_](const std::stop_token& end) { Watch(end, stop); });
}

SignalWatch::~SignalWatch() = default;

}  // namespace reluscape

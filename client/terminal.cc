#include "client/terminal.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

namespace reluscape {
namespace {

sigset_t LeavingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

bool OutputIsTerminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string(kind) != "dumb";
}

bool CanAsk() { return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }

std::pair<int64_t, int64_t> TerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20 || size.ws_row < 4) {
    return {80, 24};
  }
  return {size.ws_col, size.ws_row};
}

void HoldSignals() {
  const sigset_t signals = LeavingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool WaitOrSignal(Milliseconds duration) {
  const sigset_t signals = LeavingSignals();
  const auto end = std::chrono::steady_clock::now() + duration;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::nanoseconds>(end - std::chrono::steady_clock::now())
            .count();
    if (left <= 0) return true;
    const timespec time{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    if (sigtimedwait(&signals, nullptr, &time) > 0) return false;
    if (errno == EAGAIN) return true;
  }
}

}  // namespace reluscape

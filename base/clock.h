#pragma once

// Time as a dependency: decisions take a Clock, so that no test sleeps.

#include <chrono>
#include <cstdint>

namespace reluscape {

// Wall-clock time in whole milliseconds since 1970-01-01 UTC, as the database stores it.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using Milliseconds = std::chrono::milliseconds;

inline Time TimeFromUnixMs(int64_t unix_ms) { return Time(Milliseconds(unix_ms)); }
inline int64_t ToUnixMs(Time time) { return time.time_since_epoch().count(); }

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  // Begins with the wall clock and goes on by a clock that nobody steps: for all that waits or ends
  // after a while. Compared within one process only.
  virtual Time Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time Now() const override {
    return std::chrono::time_point_cast<Milliseconds>(std::chrono::system_clock::now());
  }
  Time Steady() const override {
    return begin_ + std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() -
                                                             steady_begin_);
  }

 private:
  const Time begin_ = Now();
  const std::chrono::steady_clock::time_point steady_begin_ = std::chrono::steady_clock::now();
};

}  // namespace reluscape

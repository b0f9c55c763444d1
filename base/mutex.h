#pragma once

// A mutex with clang thread-safety annotations. Thread-safe. The only place that includes <mutex>:
// absl::Mutex of the distributions shows false races under ThreadSanitizer, and -Wthread-safety
// does not understand a bare std::mutex.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

// Some versions of abseil define these names too, in a header that most of its others include.
#undef CAPABILITY
#undef SCOPED_CAPABILITY
#undef GUARDED_BY
#undef REQUIRES
#undef EXCLUDES
#undef ACQUIRE
#undef RELEASE
#undef NO_THREAD_SAFETY_ANALYSIS

#if defined(__clang__)
#define RELUSCAPE_ANNOTATE(x) __attribute__((x))
#else
#define RELUSCAPE_ANNOTATE(x)
#endif

#define CAPABILITY(x) RELUSCAPE_ANNOTATE(capability(x))
#define SCOPED_CAPABILITY RELUSCAPE_ANNOTATE(scoped_lockable)
#define GUARDED_BY(x) RELUSCAPE_ANNOTATE(guarded_by(x))
#define REQUIRES(...) RELUSCAPE_ANNOTATE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) RELUSCAPE_ANNOTATE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) RELUSCAPE_ANNOTATE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) RELUSCAPE_ANNOTATE(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS RELUSCAPE_ANNOTATE(no_thread_safety_analysis)

namespace reluscape {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable for Mutex. The caller holds the mutex and re-checks its condition.
class CondVar {
 public:
  void NotifyAll() { condition_.notify_all(); }
  // Returns after a notification, spuriously, or when `timeout` has passed.
  void WaitFor(Mutex& mutex, std::chrono::milliseconds timeout) REQUIRES(mutex) {
    condition_.wait_for(mutex, timeout);
  }

 private:
  std::condition_variable_any condition_;
};

}  // namespace reluscape

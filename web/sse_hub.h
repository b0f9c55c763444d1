#pragma once

// Brings new events to every open stream. One thread reads the events table for all listeners and
// keeps the newest events in a window that they share; a listener holds nothing but its place in
// it. A slow listener therefore blocks nobody and costs no memory: what has left the window it
// reads from the database itself, in pages.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "storage/result_reader.h"

namespace reluscape {

// An event as text/event-stream has it: id, event and data lines, then an empty line.
std::string EventFrame(const v1::Event& event);

struct SseHubOptions {
  int max_listeners = 32;
  // A result is shown at most this long after its commit, and the time to write it.
  Milliseconds poll_interval{200};
  // Events in the shared window, and the most that one Next answers.
  int64_t window = 2000;
};

class SseHub {
 public:
  using OpenReader = std::function<absl::StatusOr<std::unique_ptr<ResultReader>>()>;

  // One open stream, used by one thread at a time; its place is taken until it is destroyed. The
  // hub must outlive it.
  class Listener {
   public:
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // The frames of the next events, in order, none twice; empty where none came within `wait`.
    // CANCELLED once the hub stops; the reader's error where old events could not be read.
    absl::StatusOr<std::string> Next(Milliseconds wait);

   private:
    friend class SseHub;
    Listener(SseHub& hub, JobId job, int64_t cursor) : hub_(hub), job_(job), cursor_(cursor) {}

    SseHub& hub_;
    const JobId job_;
    int64_t cursor_;  // events up to this id are sent
  };

  // `open_reader` is called on any thread, at any time until the hub is destroyed. Returns its
  // error where the database cannot be read now.
  static absl::StatusOr<std::unique_ptr<SseHub>> Start(const SseHubOptions& options,
                                                       OpenReader open_reader);
  ~SseHub();
  SseHub(const SseHub&) = delete;
  SseHub& operator=(const SseHub&) = delete;

  // A stream of the events of `job` (0: of all) with ids above `after`; without it, of those that
  // are still to come. An `after` that no event has yet is one of another database and counts as
  // the newest. RESOURCE_EXHAUSTED where max_listeners are open.
  absl::StatusOr<std::unique_ptr<Listener>> Listen(JobId job, std::optional<int64_t> after)
      EXCLUDES(mutex_);

  // Wakes every listener; their Next returns CANCELLED from now on.
  void Stop() EXCLUDES(mutex_);

 private:
  struct WindowEvent {
    int64_t id = 0;
    JobId job;
    std::string frame;
  };

  SseHub(const SseHubOptions& options, OpenReader open_reader, int64_t newest);

  void Poll(const std::stop_token& stop);
  absl::Status ReadNewEvents(ResultReader& reader) EXCLUDES(mutex_);

  const SseHubOptions options_;
  const OpenReader open_reader_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<WindowEvent> window_ GUARDED_BY(mutex_);
  int64_t oldest_ GUARDED_BY(mutex_);  // the window holds every event with an id above it
  int64_t newest_ GUARDED_BY(mutex_);
  int listeners_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace reluscape

#include "web/sse_hub.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

// How long to leave a database alone that could not be read.
constexpr Milliseconds kRetryInterval{1000};

absl::StatusOr<bool> HasEventsAbove(ResultReader& reader, int64_t id) {
  ASSIGN_OR_RETURN(const v1::EventList list, reader.ListEvents(JobId{}, id, /*limit=*/1));
  return !list.events().empty();
}

// The newest event's id, 0 without events. Ids only grow, so "there is an event above x" is true
// below the answer and false from it on: a search needs a few dozen reads of one row, however
// many events there are.
absl::StatusOr<int64_t> NewestEvent(ResultReader& reader) {
  int64_t low = 0;  // the answer is at least this
  int64_t high = 1;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, HasEventsAbove(reader, high));
    if (!more) break;
    low = high;
    high = high > std::numeric_limits<int64_t>::max() / 2 ? std::numeric_limits<int64_t>::max()
                                                          : high * 2;
  }
  ASSIGN_OR_RETURN(const bool any, HasEventsAbove(reader, low));
  if (!any) return low;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const bool more, HasEventsAbove(reader, middle));
    (more ? low : high) = middle;
  }
  return high;
}

}  // namespace

std::string EventFrame(const v1::Event& event) {
  // A line break inside a kind would start another field.
  std::string kind = event.kind();
  std::replace_if(kind.begin(), kind.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return absl::StrCat("id: ", event.event(), "\nevent: ", kind,
                      "\ndata: ", MessageToJson(event, /*compact=*/true), "\n\n");
}

absl::StatusOr<std::unique_ptr<SseHub>> SseHub::Start(const SseHubOptions& options,
                                                      OpenReader open_reader) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ResultReader> reader, open_reader());
  ASSIGN_OR_RETURN(const int64_t newest, NewestEvent(*reader));
  return std::unique_ptr<SseHub>(new SseHub(options, std::move(open_reader), newest));
}

SseHub::SseHub(const SseHubOptions& options, OpenReader open_reader, int64_t newest)
    : options_(options),
      open_reader_(std::move(open_reader)),
      oldest_(newest),
      newest_(newest),
      thread_([this](const std::stop_token& stop) { Poll(stop); }) {}

SseHub::~SseHub() { Stop(); }

void SseHub::Stop() {
  thread_.request_stop();
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

void SseHub::Poll(const std::stop_token& stop) {
  std::unique_ptr<ResultReader> reader;
  bool failing = false;
  while (!stop.stop_requested()) {
    absl::Status status;
    if (reader == nullptr) {
      absl::StatusOr<std::unique_ptr<ResultReader>> opened = open_reader_();
      status = opened.status();
      if (opened.ok()) reader = *std::move(opened);
    }
    if (reader != nullptr) status = ReadNewEvents(*reader);
    if (!status.ok()) {
      reader.reset();  // a fresh connection may do better
      if (!failing) LogWarning("events cannot be read, trying again: ", status.ToString());
    }
    failing = !status.ok();
    const MutexLock lock(mutex_);
    if (!stopped_) changed_.WaitFor(mutex_, failing ? kRetryInterval : options_.poll_interval);
  }
}

absl::Status SseHub::ReadNewEvents(ResultReader& reader) {
  int64_t after = 0;
  {
    const MutexLock lock(mutex_);
    after = newest_;
  }
  while (true) {
    ASSIGN_OR_RETURN(const v1::EventList list, reader.ListEvents(JobId{}, after, options_.window));
    const auto& events = list.events();
    if (events.empty()) return absl::OkStatus();
    std::vector<WindowEvent> fresh;
    for (const v1::Event& event : events) {
      fresh.push_back({event.event(), JobId{event.job()}, EventFrame(event)});
      after = event.event();
    }
    const MutexLock lock(mutex_);
    for (WindowEvent& event : fresh) window_.push_back(std::move(event));
    while (static_cast<int64_t>(window_.size()) > options_.window) {
      oldest_ = window_.front().id;
      window_.pop_front();
    }
    newest_ = after;
    changed_.NotifyAll();
    if (stopped_ || events.size() < options_.window) return absl::OkStatus();
  }
}

absl::StatusOr<std::unique_ptr<SseHub::Listener>> SseHub::Listen(JobId job,
                                                                 std::optional<int64_t> after) {
  const MutexLock lock(mutex_);
  if (listeners_ >= options_.max_listeners) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "all ", options_.max_listeners, " event streams are in use; close one and try again"));
  }
  ++listeners_;
  return std::unique_ptr<Listener>(
      new Listener(*this, job, std::min(after.value_or(newest_), newest_)));
}

SseHub::Listener::~Listener() {
  const MutexLock lock(hub_.mutex_);
  --hub_.listeners_;
}

absl::StatusOr<std::string> SseHub::Listener::Next(Milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::string frames;
  int64_t oldest = 0;
  {
    const MutexLock lock(hub_.mutex_);
    oldest = hub_.oldest_;
  }
  if (cursor_ < oldest) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ResultReader> reader, hub_.open_reader_());
    ASSIGN_OR_RETURN(const v1::EventList list,
                     reader->ListEvents(job_, cursor_, hub_.options_.window));
    for (const v1::Event& event : list.events()) {
      frames += EventFrame(event);
      cursor_ = event.event();
    }
    // A page that is not full shows that nothing of this job is left up to where the window began.
    if (list.events_size() < hub_.options_.window) cursor_ = std::max(cursor_, oldest);
    if (!frames.empty()) return frames;
  }
  const MutexLock lock(hub_.mutex_);
  while (true) {
    if (hub_.stopped_) return absl::CancelledError("the server stops");
    if (cursor_ < hub_.oldest_) {
      return frames;  // the window moved on meanwhile: the next call reads the database
    }
    const auto first =
        std::upper_bound(hub_.window_.begin(), hub_.window_.end(), cursor_,
                         [](int64_t id, const WindowEvent& event) { return id < event.id; });
    for (auto event = first; event != hub_.window_.end(); ++event) {
      if (!job_ || event->job == job_) frames += event->frame;
    }
    cursor_ = std::max(cursor_, hub_.newest_);
    const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!frames.empty() || left.count() <= 0) return frames;
    hub_.changed_.WaitFor(hub_.mutex_, left);
  }
}

}  // namespace reluscape

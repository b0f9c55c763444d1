#pragma once

// Works for a coordinator: asks for Leases, has their Tasks worked on by a Trainer, one at a time,
// and reports what comes of it until the coordinator has stored it. search/sync.h states the rules
// of the exchange.
//
// Two threads: the one that calls Run (or RunOnce) talks, a second one trains. The coordinator may
// be away for as long as it likes: training goes on and what it leaves is kept.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "search/sync.h"
#include "worker/coordinator_link.h"
#include "worker/trainer.h"

namespace reluscape {

struct AgentOptions {
  // id, incarnation, host, pid and build_commit; the Trainer adds what it knows.
  WorkerInfo worker;
  std::string artifact_folder_id;
  // How long a call may take.
  Milliseconds call_timeout{10'000};
  // The wait after a first failed call; it doubles with each further one, up to the lesser of
  // `longest_backoff` and five times what the coordinator last asked to be called at: so a
  // coordinator that comes back hears of the Worker before its Leases end.
  Milliseconds first_backoff{200};
  Milliseconds longest_backoff{10'000};
  // From the request to stop to the end of Run, at most.
  Milliseconds shutdown_time{3'500};
  // Epochs in one report; what is left follows in the next call.
  int64_t epochs_per_report = 200;
};

class Agent {
 public:
  // The references must outlive the agent.
  Agent(AgentOptions options, CoordinatorLink& link, Trainer& trainer);
  // Waits for the Trainer to return.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Works until `stop` is requested; then stops the Trainer, hands back what it worked on (or
  // reports it, if it ended just then) and returns OK within `shutdown_time`, whether the
  // coordinator answers or not. The Trainer may still be busy if it breaks its promise to return
  // within 2 s. Another status: the coordinator refused this Worker for good (FAILED_PRECONDITION:
  // a foreign artifact folder, or a call that it finds malformed; UNIMPLEMENTED, PERMISSION_DENIED:
  // it is not of this version; never INVALID_ARGUMENT).
  absl::Status Run(const std::stop_token& stop);

  // One exchange: reports, takes over the answer, starts and stops work. The time until the next
  // call at the latest; an error only where Run would return it.
  absl::StatusOr<Milliseconds> RunOnce(const std::stop_token& cancel = {});

  // One exchange of the shutdown: takes no work and hands back what is not finished. Whether
  // nothing is left to hand back.
  bool HandBackOnce(Milliseconds timeout);

  // Whether no Task is being worked on. False after Run: the Trainer has broken its promise, and
  // the destructor would wait for it.
  bool TrainerReturned() const;

  // Waits until the Trainer has left something that is not yet reported. False after `timeout`.
  bool WaitForNews(Milliseconds timeout) EXCLUDES(mutex_);

 private:
  class Work;

  SyncRequest MakeRequest(bool shutting_down);
  void Apply(const SyncRequest& request, const SyncResponse& response);
  void StartNext();
  void Notify() EXCLUDES(mutex_);
  Milliseconds LongestBackoff() const;

  const AgentOptions options_;
  CoordinatorLink& link_;
  Trainer& trainer_;
  WorkerInfo info_;

  // Used by the talking thread only.
  std::vector<std::shared_ptr<Work>> held_;  // one per Lease, in the coordinator's order
  std::shared_ptr<Work> running_;            // what thread_ works on; perhaps no longer held
  Milliseconds next_call_{1'000};            // as the coordinator last asked
  int64_t failures_ = 0;                     // calls in a row
  bool call_again_ = false;                  // there is more to say or to ask for

  Mutex mutex_;
  CondVar changed_;
  bool news_ GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

}  // namespace reluscape

#pragma once

// Works for a coordinator: asks for Leases, has their Tasks worked on by a Trainer, one at a time,
// and reports what comes of it until the coordinator has stored it. worker_service.proto states
// the rules of the exchange.
//
// It also says what is wrong here, so that the coordinator gives no Task that would fail:
//  * images: it opens what the coordinator asks for while it has no Task, and says what it found.
//    A Task that could not use its images takes that back. What could not be used, or is another
//    copy than the one by which a Job goes, is opened again after growing pauses;
//  * the artifact folder: after a Task that failed over it no Task is taken until the folder works
//    again, which is tried after growing pauses;
//  * failures in a row that nothing but this process explains: it takes no Task any more and ends;
//  * a recipe of which this build understands something else: likewise.
//
// Two threads: the one that calls Run (or RunOnce) talks, a second one trains, opens images and
// tries the artifact folder, one at a time. The coordinator may be away for as long as it likes:
// training goes on and what it leaves is kept.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "search/vocabulary/synchronize.h"
#include "worker/coordinator_link.h"
#include "worker/growing_pause.h"
#include "worker/trainer.h"

namespace reluscape {

struct AgentOptions {
  // id, incarnation, host, pid and build_commit; the Trainer adds what it knows.
  v1::WorkerInfo worker;
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
  // Whether the artifact folder can be used, called from the training thread: with 0 whether it is
  // there, which is asked where a Task has ended with a success; else whether it also takes a file
  // of that many bytes, which is asked after a Task that failed over it. Null: taken as usable.
  std::function<absl::Status(int64_t bytes)> check_storage;
  // Between two looks at images or at an artifact folder that cannot be used.
  Milliseconds first_pause{1'000};
  Milliseconds longest_pause{300'000};
  // Tasks in a row that may fail here as kTransient before the Worker takes itself for sick.
  int64_t most_failures = 3;
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
  // within 2 s.
  //
  // Another status: no call will cure it.
  //  * FAILED_PRECONDITION: the coordinator refuses this Worker (a foreign artifact folder, another
  //    protocol or behaviour number, an id that another process has taken over, a call that it
  //    finds malformed), or this build understands another recipe than the coordinator gave out:
  //    what it had is handed back first;
  //  * UNIMPLEMENTED, PERMISSION_DENIED: the coordinator is not of this version;
  //  * ABORTED: `most_failures` Tasks in a row have failed here. The coordinator has taken the last
  //    report, or has not answered within `shutdown_time`. Or it keeps this process out for what it
  //    has reported.
  // Never INVALID_ARGUMENT.
  absl::Status Run(const std::stop_token& stop);

  // One exchange: reports, takes over the answer, starts and stops work. The time until the next
  // call at the latest; an error only where the coordinator refuses this Worker.
  absl::StatusOr<Milliseconds> RunOnce(const std::stop_token& cancel = {});

  // One exchange of the shutdown: takes no work and hands back what is not finished. Whether
  // nothing is left to hand back.
  bool HandBackOnce(Milliseconds timeout);

  // Whether the second thread does nothing. False after Run: the Trainer has broken its promise, or
  // the artifact folder hangs, and the destructor would wait for it.
  bool TrainerReturned() const;

  // Waits until the Trainer has left something that is not yet reported. False after `timeout`.
  bool WaitForNews(Milliseconds timeout) EXCLUDES(mutex_);

 private:
  class Work;
  class Look;

  // Images that were opened, or could not be.
  struct Opened {
    v1::DataState state;
    GrowingPause pause;
    // They could be opened, and the coordinator asks for them all the same: it goes by another
    // copy.
    bool is_other_copy = false;

    bool IsLookedAtAgain() const { return !state.problem().empty() || is_other_copy; }
  };

  v1::SynchronizeRequest MakeRequest(bool shutting_down);
  void Apply(const v1::SynchronizeRequest& request, const v1::SynchronizeResponse& response);
  // Has the second thread do what is due, a Task before anything else.
  void StartNext();
  // Takes over what the second thread has come to, if it has.
  void Collect();
  void Judge(const Work& work);
  void JudgeFailure(const v1::TaskDescription& task, const TaskOutcome& outcome);
  void TakeOver(const Look& look);
  void TakeOver(v1::DataState state);
  void TakeOverStorage(const std::string& problem);
  // What the coordinator asks for although `told` says that it was opened.
  void NoteOtherCopies(const std::vector<v1::DataState>& told);
  // What to look at now, if anything, and when something is due next while there is no Task.
  std::shared_ptr<Look> DueLook(GrowingPause::TimePoint now) const;
  GrowingPause::TimePoint NextLookDue() const;
  // In opened_; its size where they are not known.
  size_t IndexOf(const v1::DataRequest& request) const;
  // Why no Task can be taken; empty where one can.
  std::string Problem() const;
  void StopTrainer();
  void WaitForTrainer(GrowingPause::TimePoint deadline) EXCLUDES(mutex_);
  void Notify() EXCLUDES(mutex_);
  Milliseconds LongestBackoff() const;

  const AgentOptions options_;
  CoordinatorLink& link_;
  Trainer& trainer_;
  v1::WorkerInfo info_;  // but for data and problem

  // Used by the talking thread only.
  std::vector<std::shared_ptr<Work>> held_;  // one per Lease, in the coordinator's order
  std::shared_ptr<Work> running_;            // what thread_ works on; perhaps no longer held
  std::shared_ptr<Look> looking_;            // what else thread_ does
  std::vector<v1::DataRequest> open_;        // as the coordinator last asked
  std::vector<Opened> opened_;               // oldest first, kMostDataStates at most
  std::string storage_problem_;              // empty: none is known
  int64_t storage_bytes_ = 0;                // what the artifact folder is tried with
  GrowingPause storage_pause_;
  int64_t failures_in_a_row_ = 0;  // Tasks
  absl::Status ending_;            // what Run is to end with
  Milliseconds next_call_{1'000};  // as the coordinator last asked
  int64_t failures_ = 0;           // calls in a row
  bool call_again_ = false;        // there is more to say or to ask for

  Mutex mutex_;
  CondVar changed_;
  bool news_ GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

}  // namespace reluscape

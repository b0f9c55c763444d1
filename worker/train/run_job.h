#pragma once

// Works on one Job of a data folder in this process: its coordinator, and an Agent with a Trainer
// for each of the Tasks that are worked on beside each other.

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/states.h"
#include "worker/train/data_folder.h"
#include "worker/trainer.h"

namespace reluscape {

// What listings call this process's first Worker; the others have "-2", "-3", ... behind it.
inline constexpr char kTrainWorker[] = "reluscape-train";

struct RunJobOptions {
  // Called with the Job as it is now, after changes: of many in a short time with the last, so that
  // it takes little of the time. May be null.
  std::function<void(const v1::JobDetail&)> on_look;
  // How long nothing may be worked on while the coordinator waits for something to pass: longer
  // than the pause after a lost Attempt and than the time in which lost files are waited for.
  Milliseconds longest_wait{900'000};
};

// Until the Job has ended (its state; where Tasks fail the others go on) or `stop` is requested
// (kRunning: what was worked on is handed back). What the rows hold is exported along
// (worker/train/job_export.h); its errors end the run, too.
//
// FAILED_PRECONDITION: the Job cannot go on without its user, with what listings say about it:
// images or the artifact folder cannot be used, Tasks failed one after the other, a copy of the
// data set is to be chosen. What was worked on is handed back.
//
// Returns after the Trainers: where one breaks its promise to return within 2 s of a stop, late.
absl::StatusOr<JobState> RunJob(JobId job, DataFolder& folder,
                                const std::vector<std::unique_ptr<Trainer>>& trainers,
                                const RunJobOptions& options, const std::stop_token& stop);

}  // namespace reluscape

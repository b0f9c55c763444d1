#pragma once

// Whether what a Worker reports can be true. A report that cannot fails its Task with the message:
// the same Worker would only send it again. Pure functions; INVALID_ARGUMENT says what is wrong.

#include "absl/status/status.h"
#include "search/sync.h"
#include "storage/store.h"

namespace reluscape {

absl::Status CheckWorker(const WorkerInfo& worker);

absl::Status CheckEpoch(const EpochReport& epoch);

// Against what the Candidate's pretrain found (empty before).
absl::Status CheckMeasurement(const Measurement& measurement, const CandidateRow& candidate,
                              const std::string& data_set);

absl::Status CheckSnapshot(const SnapshotReport& snapshot, const CandidateRow& candidate);

// `task` is the fine-tune, or the pretrain of a Candidate of role kWhole.
absl::Status CheckResult(const ResultReport& result, const TaskRow& task,
                         const CandidateRow& candidate);

}  // namespace reluscape

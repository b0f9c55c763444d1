#pragma once

// Whether what a Worker reports can be true of the Task that it reports of; what can be told from
// the report alone has been checked (search/vocabulary/synchronize.h). A report that cannot is
// refused and costs its Worker an Attempt. Pure functions; INVALID_ARGUMENT says which field, what
// was found, what is allowed.

#include "absl/status/status.h"
#include "search/vocabulary/synchronize.h"
#include "storage/store.h"

namespace reluscape {

absl::Status CheckEpoch(const v1::Epoch& epoch, const CandidateRow& candidate);

// Why a Worker of another build is refused, naming both; OK for one of this build's numbers.
absl::Status CheckNumbers(const v1::WorkerInfo& worker);

// Against what the Candidate's pretrain found (empty before) and the Job's data hash (empty where
// it goes by what Workers find). An error is no lie of the Worker: its copy of the data differs.
absl::Status CheckProvenance(const v1::Provenance& provenance, const CandidateRow& candidate,
                             const JobRow& job);

absl::Status CheckSnapshot(const v1::Snapshot& snapshot, const CandidateRow& candidate);

// `task` is the fine-tune, or the pretrain of a Candidate of role kWhole; `provenance` is that of
// the Attempt.
absl::Status CheckResult(const v1::ResultReport& result, const TaskRow& task,
                         const CandidateRow& candidate, const JobRow& job,
                         const v1::Provenance& provenance);

}  // namespace reluscape

#pragma once

// A Job, its Candidates and its Results as they are within a unit of work. Only for storage/*.cc:
// throws SQLite::Exception. NOT_FOUND for an unknown id, naming it.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "reluscape/v1/views.pb.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// What ReadEpoch reads, of stage_progress p.
#define EPOCH_COLUMNS                                                                    \
  "p.epoch, p.loss, p.train_accuracy, p.validation_accuracy, p.learning_rate, p.lambda," \
  " p.relus, p.seconds"
void ReadEpoch(Query& row, v1::Epoch& epoch);

// Job and spec of `detail`.
absl::Status ReadJob(SqliteDb& db, JobId id, v1::JobDetail& detail);
absl::Status ReadCandidate(SqliteDb& db, CandidateId id, v1::Candidate& candidate);
// As ResultReader::ListResults.
absl::StatusOr<v1::ResultList> ReadResults(SqliteDb& db, JobId job);

}  // namespace reluscape

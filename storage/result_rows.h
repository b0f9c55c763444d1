#pragma once

// The Results of a Job as they are within a unit of work. Only for storage/*.cc: throws
// SQLite::Exception.

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "reluscape/v1/views.pb.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// As ResultReader::ListResults.
absl::StatusOr<v1::ResultList> ReadResults(SqliteDb& db, JobId job);

}  // namespace reluscape

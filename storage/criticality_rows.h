#pragma once

// Rows of criticality: how much accuracy the ReLUs of each section are worth. Only for
// storage/*.cc: throws SQLite::Exception.

#include <vector>

#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/job.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// The next two columns of `row`: exponent and baseline.
v1::CriticalitySpec ReadCriticalitySettings(Query& row);

// Of the networks of `job` that have scores, by Candidate.
std::vector<v1::Criticality> ReadCriticality(SqliteDb& db, JobId job);

}  // namespace reluscape

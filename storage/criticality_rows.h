#pragma once

// Rows of criticality: how much accuracy the ReLUs of each stage are worth. Only for storage/*.cc:
// throws SQLite::Exception.

#include <vector>

#include "search/job.h"
#include "search/views.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// The next two columns of `row`: exponent and baseline.
CriticalitySettings ReadCriticalitySettings(Query& row);

// Of the networks of `job` that have scores, by Candidate.
std::vector<CriticalityView> ReadCriticality(SqliteDb& db, JobId job);

}  // namespace reluscape

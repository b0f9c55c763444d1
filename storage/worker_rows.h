#pragma once

// Rows about Workers that both the coordinator and listings read. Throw SQLite::Exception.

#include <string>
#include <vector>

#include "storage/sqlite_db.h"

namespace reluscape {

// Columns of the table workers in the order in which ReadWorkerInfo takes them.
#define WORKER_INFO_COLUMNS                                                                \
  "worker, incarnation, host, pid, device, torch_version, build_commit, slots, protocol, " \
  "behaviour, problem"

// What a Worker says of itself, without its data.
WorkerInfo ReadWorkerInfo(Query& row);

// What a Worker has opened, by data set.
std::vector<DataState> ReadDataStates(SqliteDb& db, const std::string& worker);

// The copies of a Job's data set, by hash.
std::vector<DataCopy> ReadDataCopies(SqliteDb& db, JobId job);

}  // namespace reluscape

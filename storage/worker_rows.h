#pragma once

// Rows about Workers that both the coordinator and listings read. Throw SQLite::Exception.

#include <string>
#include <vector>

#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/synchronize.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// Columns of the table workers in the order in which ReadWorkerInfo takes them.
#define WORKER_INFO_COLUMNS                                                         \
  "worker, incarnation, host, pid, device, torch_version, build_commit, protocol, " \
  "behaviour, machine, cores, sharers, problem, fast_precisions"

// What a Worker says of itself, without its data.
v1::WorkerInfo ReadWorkerInfo(Query& row);

// The names in the column fast_precisions.
std::vector<std::string> PrecisionsIn(const std::string& text);

// What a Worker has opened, by data set.
std::vector<v1::DataState> ReadDataStates(SqliteDb& db, const std::string& worker);

// The copies of a Job's data set, by hash.
std::vector<v1::DataCopy> ReadDataCopies(SqliteDb& db, JobId job);

}  // namespace reluscape

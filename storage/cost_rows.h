#pragma once

// Rows of costs and their limits that both the writing and the reading connection need. Only for
// storage/*.cc; throws SQLite::Exception.

#include <map>
#include <string>
#include <vector>

#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/objective.h"
#include "storage/sqlite_db.h"

namespace reluscape {

// Hard limits of a Job, in its own order.
std::vector<CostLimit> ReadCostLimits(SqliteDb& db, JobId job);

// Costs of the Results of a Job, by Result and metric; those without a value are left out.
std::map<ResultId, google::protobuf::Map<std::string, v1::Cost>> ReadCosts(SqliteDb& db, JobId job);

}  // namespace reluscape

#pragma once

// The schema as a list of steps. Version n of a database is what the first n steps make; a step
// that was released is never changed, a new version adds storage/schema/000n_*.sql.

#include <string>
#include <vector>

namespace reluscape {

struct Migration {
  const char* name;  // file name, for messages
  const char* sql;
};

// Embedded by storage/embed_schema.cmake, oldest first. They make no view.
const std::vector<Migration>& Migrations();

// The script that makes all views (storage/schema/views.sql), of the newest version.
const char* Views();

}  // namespace reluscape

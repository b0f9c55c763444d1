#pragma once

// Reads what listings show, as the messages of views.proto, through a connection of its own that
// changes nothing. Used by the HTTP gateway and by the coordinator's listing RPCs. One object per
// thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "reluscape/v1/views.pb.h"

namespace reluscape {

class SqliteDb;

class ResultReader {
 public:
  // Opens the database of a coordinator read-only. UNAVAILABLE or INTERNAL with the path.
  static absl::StatusOr<std::unique_ptr<ResultReader>> Open(const std::filesystem::path& database);
  ~ResultReader();

  // All return NOT_FOUND for an unknown id, naming it.
  absl::StatusOr<v1::JobList> ListJobs();  // newest first
  absl::StatusOr<v1::JobDetail> GetJob(JobId job);
  absl::StatusOr<v1::ResultList> ListResults(JobId job);
  // The learning curves of a Job, by Task, then epoch.
  absl::StatusOr<std::vector<v1::CurvePoint>> ListCurves(JobId job);
  absl::StatusOr<v1::CandidateDetail> GetCandidate(CandidateId candidate);
  absl::StatusOr<v1::WorkerList> ListWorkers();
  // Events with an id above `after`, oldest first, of one Job or (job 0) of all.
  absl::StatusOr<v1::EventList> ListEvents(JobId job, int64_t after, int64_t limit);

 private:
  explicit ResultReader(std::unique_ptr<SqliteDb> db);

  const std::unique_ptr<SqliteDb> db_;
};

}  // namespace reluscape

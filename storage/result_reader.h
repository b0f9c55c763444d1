#pragma once

// Reads what listings show, through a connection of its own that changes nothing. Used by the HTTP
// gateway and by the coordinator's listing RPCs. One object per thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/views.h"

namespace reluscape {

class ResultReader {
 public:
  // Opens the database of a coordinator read-only. UNAVAILABLE or INTERNAL with the path.
  static absl::StatusOr<std::unique_ptr<ResultReader>> Open(const std::filesystem::path& database);
  virtual ~ResultReader() = default;

  // All return NOT_FOUND for an unknown id, naming it.
  virtual absl::StatusOr<std::vector<JobView>> ListJobs() = 0;  // newest first
  virtual absl::StatusOr<JobDetailView> GetJob(JobId job) = 0;
  virtual absl::StatusOr<FrontView> GetFront(JobId job) = 0;
  // The learning curves of a Job, by Task, then epoch.
  virtual absl::StatusOr<std::vector<CurvePoint>> ListCurves(JobId job) = 0;
  virtual absl::StatusOr<CandidateDetailView> GetCandidate(CandidateId candidate) = 0;
  virtual absl::StatusOr<std::vector<WorkerView>> ListWorkers() = 0;
  // Events with an id above `after`, oldest first, of one Job or (job 0) of all.
  virtual absl::StatusOr<std::vector<EventView>> ListEvents(JobId job, int64_t after,
                                                            int64_t limit) = 0;
};

}  // namespace reluscape

#pragma once

// What people take from a data folder without asking a database, written along from its rows:
//   job-1.json                    Job 1 as `reluscape show 1 --json` prints it
//   results-1.json                its Results as `reluscape results 1 --json` prints them
//   results/003-NAME-r0-15360/    Result 3 (of replicate 0, for a Budget of 15360 ReLUs) as
//                                 `reluscape export` writes it
//   epochs.csv                    the learning curves of all Jobs: RFC 4180 with a header, one row
//                                 per epoch, numbers unrounded; budget of fine-tunes and lambda of
//                                 linearize only
// Every file is replaced atomically. Not thread-safe.

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/states.h"
#include "worker/train/data_folder.h"

namespace reluscape {

class JobExport {
 public:
  // `folder` must outlive it.
  explicit JobExport(DataFolder& folder) : folder_(folder) {}

  // Writes what has changed of the Job since the last call, job-N.json last. The first call removes
  // what an earlier process left unfinished. DATA_LOSS or NOT_FOUND
  // where the artifact of a Result is damaged or missing. UNAVAILABLE, RESOURCE_EXHAUSTED and
  // INTERNAL for what cannot be written.
  absl::Status Write(const v1::JobDetail& detail);

 private:
  void RemoveUnfinishedFiles();
  absl::Status WriteResult(const v1::Result& result, int64_t replicate);
  absl::Status WriteCurves(const v1::JobDetail& detail);

  DataFolder& folder_;
  std::string written_job_;                 // job-N.json
  std::map<int64_t, std::string> written_;  // result.json by the Result's number
  std::map<int64_t, std::string> curves_;   // rows by Job; other Jobs' do not change
};

}  // namespace reluscape

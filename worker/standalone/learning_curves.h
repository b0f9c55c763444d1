#pragma once

// epochs.csv: one row per finished epoch, in the order in which they ended. RFC 4180 with a header;
// numbers unrounded; lambda is empty outside of linearize. Not thread-safe.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "search/sync.h"

namespace reluscape {

// Whose epoch it is.
struct CurveOwner {
  TaskId task;
  CandidateId candidate;
  std::string name;
  int64_t replicate = 0;
  Stage stage = Stage::kPretrain;
  int64_t budget = 0;  // fine-tune only
  int64_t attempt = 0;
};

class LearningCurves {
 public:
  // Reads `path`, or begins it. A last row that a crash cut off is dropped. DATA_LOSS names the row
  // that is none of such a file.
  static absl::StatusOr<LearningCurves> Open(const std::filesystem::path& path);

  // Adds a row; a row of the same epoch or a later one of the Task, of an Attempt before, goes.
  absl::Status Append(const CurveOwner& owner, const EpochReport& epoch);
  // Forgets the rows of `task` from epoch `first` on: what an Attempt did beyond its checkpoint.
  absl::Status DropFrom(TaskId task, int64_t first);
  // What was appended is on the disk when this returns.
  absl::Status Flush();

  size_t rows() const { return rows_.size(); }

 private:
  struct Row {
    int64_t task = 0;
    int64_t epoch = 0;
    std::string text;  // the whole record with its line end
  };

  explicit LearningCurves(std::filesystem::path path) : path_(std::move(path)) {}
  absl::Status Rewrite();

  std::filesystem::path path_;
  std::vector<Row> rows_;
};

}  // namespace reluscape

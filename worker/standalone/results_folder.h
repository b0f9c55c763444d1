#pragma once

// What people take from the folder of a Job without a coordinator:
//   results.json                  train.proto's TrainResults
//   results/003-NAME-r0-15360/    of Result 3, replicate 0, a Budget of 15360 ReLUs
//     weights.safetensors         weights and masks: the artifact
//     architecture.json           the operations, see search/export/architecture_json.h
//     result.json                 the Result's own part of results.json
// Not thread-safe.

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "reluscape/v1/train.pb.h"
#include "search/artifact_folder.h"

namespace reluscape {

class ResultsFolder {
 public:
  // `artifacts` must outlive it.
  ResultsFolder(std::filesystem::path path, const ArtifactFolder& artifacts)
      : path_(std::move(path)), artifacts_(artifacts) {}

  // Writes what has changed since the last call, results.json last; every file atomically.
  // DATA_LOSS or NOT_FOUND where the artifact of a Result is damaged or missing.
  absl::Status Write(const v1::TrainResults& document);

 private:
  absl::Status WriteResult(const v1::Result& result, int64_t replicate);

  const std::filesystem::path path_;
  const ArtifactFolder& artifacts_;
  std::map<int64_t, std::string> written_;  // result.json by the Result's number
};

}  // namespace reluscape

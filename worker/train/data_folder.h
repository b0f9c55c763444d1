#pragma once

// The data folder of an installation with the coordinator inside this process: what
// reluscape-server has in --data-dir, and nobody else's as long as this lives. Thread-safe but for
// reader().

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/coordinator.h"
#include "storage/artifacts/artifact_folder.h"
#include "storage/result_reader.h"
#include "storage/store.h"

namespace reluscape {

class DataFolder {
 public:
  // Creates `path` or goes on with it. The processes that worked in it before have ended: what they
  // held is free at once, see Coordinator::DismissEarlierWorkers. `clock` must outlive it.
  //
  // FAILED_PRECONDITION: another process works in it, it holds something else, it cannot be made,
  // or its database is of a newer version. DATA_LOSS: the database is damaged.
  static absl::StatusOr<std::unique_ptr<DataFolder>> Open(const std::filesystem::path& path,
                                                          const Clock& clock);
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  // Whether `path` has a database already.
  static bool IsBegun(const std::filesystem::path& path);
  static std::filesystem::path ArtifactsIn(const std::filesystem::path& path) {
    return path / "artifacts";
  }

  const std::filesystem::path& path() const { return path_; }
  const ArtifactFolder& artifacts() const { return artifacts_; }
  const Clock& clock() const { return clock_; }
  Coordinator& coordinator() { return *coordinator_; }
  ResultReader& reader() { return *reader_; }

 private:
  DataFolder(std::filesystem::path path, const Clock& clock);

  const std::filesystem::path path_;
  const ArtifactFolder artifacts_;
  const Clock& clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<ResultReader> reader_;
};

}  // namespace reluscape

#pragma once

// Files in the artifact folder that somebody needs and that the coordinator itself does not find,
// or finds damaged, or cannot read. For the time of a Lease they may come back (a network file
// system that is away for a moment), ten times as long where they only cannot be read. Then they
// are gone for good: the Tasks that left them make them again, checkpoints are done without, and a
// pretrained file is waited for. Not thread-safe.

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "server/artifact_looks.h"
#include "server/task_book.h"
#include "storage/artifacts/artifact_folder.h"
#include "storage/store.h"

namespace reluscape {

class LostFiles {
 public:
  // `folder` and `looks` must outlive this; `folder_id` is what the folder's marker holds.
  LostFiles(const ArtifactFolder& folder, ArtifactLooks& looks, std::string folder_id)
      : folder_(folder), looks_(looks), folder_id_(std::move(folder_id)) {}

  // Whether the folder as a whole can be reached. While it cannot, no file counts as gone.
  bool FolderIsThere() const;

  // `look` is what was found instead of a sound file.
  void Note(const v1::Artifact& artifact, const absl::Status& look, Time steady_now);
  // Why a Task cannot start from `artifact`, which is noted where it is not there; empty = it can.
  // Looks at name and size alone.
  std::string WhyNot(const v1::Artifact& artifact, Time steady_now);

  // Looks again. Files that have come back are forgotten; what has been away for `patience` is made
  // again, or, where it is a checkpoint, done without.
  absl::Status Review(Transaction& transaction, TaskBook& book, Time steady_now,
                      Milliseconds patience);

 private:
  struct Lost {
    v1::Artifact artifact;
    Time since;
    bool is_missing = false;
    std::string found;
  };

  const ArtifactFolder& folder_;
  ArtifactLooks& looks_;
  const std::string folder_id_;
  std::map<std::string, Lost> lost_;  // by SHA-256
};

}  // namespace reluscape

#pragma once

// A job file with the pretrained files that it names (candidates.pretrained), for the programs that
// read job files. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/vocabulary/artifact.h"

namespace reluscape {

struct PretrainedFile {
  v1::Artifact artifact;
  std::string content;
};

struct PretrainedJob {
  std::string json;  // the job file with sha256 and bytes of every pretrained file filled in
  std::vector<PretrainedFile> files;
};

// Reads the pretrained files of the job file `text`, relative ones from `folder`. A text that names
// none, or that has errors of syntax or unknown fields, comes back as it is: whoever reads it next
// tells every error. NOT_FOUND and RESOURCE_EXHAUSTED (above kMaxPretrainedFileBytes) for the file;
// INVALID_ARGUMENT where it is not the one whose sha256 or bytes the job file gives, or where
// CheckPretrained, which is asked only for jobs that are valid otherwise, refuses it. Messages name
// the field.
absl::StatusOr<PretrainedJob> ReadPretrainedFiles(const std::string& text,
                                                  const std::filesystem::path& folder);

}  // namespace reluscape

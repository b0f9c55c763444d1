#pragma once

// The files that a job file brings (candidates.pretrained), for the programs that read job files.
// Thread-safe.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/artifact.h"

namespace reluscape {

struct BroughtFile {
  v1::Artifact artifact;
  std::string content;
};

struct BroughtJob {
  std::string json;  // the job file with sha256 and bytes of every file filled in
  std::vector<BroughtFile> files;
};

// Whether a file holds the weights of a network (name or canonical text) for images of `side` and
// that many classes: CheckPretrained of search/export.
using BroughtCheck = std::function<absl::Status(const std::string& network, int64_t side,
                                                int64_t classes, std::string_view bytes)>;

// Reads the files of the job file `text`, relative ones from `folder`. A text that brings none, or
// that has errors of syntax or unknown fields, comes back as it is: whoever reads it next tells
// every error. NOT_FOUND and RESOURCE_EXHAUSTED (above kMaxBroughtBytes) for the file;
// INVALID_ARGUMENT where it is not the one whose sha256 or bytes the job file gives, or where
// `check`, which is asked only for jobs that are valid otherwise, refuses it. Messages name the
// field.
absl::StatusOr<BroughtJob> BringFiles(const std::string& text, const std::filesystem::path& folder,
                                      const BroughtCheck& check);

}  // namespace reluscape

#pragma once

// Which format a folder holds, told by the names in it. Thread-safe.

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

enum class DataFormat { kCifar10, kCifar100, kTinyImageNet, kImageFolder };

struct DataLayout {
  DataFormat format = DataFormat::kImageFolder;
  std::string path;  // the folder that holds it: the one given, or the one folder inside it
};

// Looks at the names in `path`:
//   data_batch_1.bin .. 5, test_batch.bin  CIFAR-10, official binary format
//   train.bin, test.bin                    CIFAR-100, official binary format
//   train, wnids.txt, and within val either
//   val_annotations.txt or images          TinyImageNet-200 as it is distributed
//   else the folder train                  an image folder
// Where none of these is there and `path` holds exactly one folder, that folder is looked at: what
// unpacking an archive leaves. One file of a format is enough to choose it, so that a missing one
// is named when it is opened.
// An error of FileError (worker/data/folder.h) where `path` cannot be listed; INVALID_ARGUMENT,
// with what is allowed, where it holds none of the formats, or more than one.
absl::StatusOr<DataLayout> DetectLayout(const std::string& path);

}  // namespace reluscape

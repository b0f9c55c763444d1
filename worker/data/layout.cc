#include "worker/data/layout.h"

#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "worker/data/folder.h"

namespace reluscape {
namespace {

// A data set's own folder has a handful of entries; a folder of images given by mistake has more,
// and listing a hundred thousand of them is still quick.
constexpr int64_t kMaxEntries = 1'000'000;

constexpr const char* kAllowed =
    "allowed: data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10, binary), "
    "train.bin and test.bin (CIFAR-100, binary), train, wnids.txt and val (TinyImageNet-200), or "
    "the "
    "folders train and test (or val) with one folder of JPEG or PNG images per class; or one "
    "folder "
    "that holds one of these";

absl::StatusOr<std::optional<DataFormat>> FormatOf(const std::string& path,
                                                   const std::vector<FolderEntry>& entries) {
  bool cifar10 = false;
  bool cifar100 = false;
  bool folders = false;
  bool wnids = false;
  for (const FolderEntry& entry : entries) {
    const std::string& name = entry.name;
    cifar10 |= !entry.is_folder && (name == "test_batch.bin" ||
                                    (name.starts_with("data_batch_") && name.ends_with(".bin")));
    cifar100 |= !entry.is_folder && (name == "train.bin" || name == "test.bin");
    folders |= entry.is_folder && name == "train";
    wnids |= !entry.is_folder && name == "wnids.txt";
  }
  if (cifar10 + cifar100 + folders > 1) {
    std::vector<std::string> found;
    if (cifar10) found.emplace_back("CIFAR-10 files (*_batch*.bin)");
    if (cifar100) found.emplace_back("CIFAR-100 files (train.bin, test.bin)");
    if (folders) found.emplace_back("the folder train");
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds more than one data set: ", absl::StrJoin(found, " and "),
                     "; allowed: one of them"));
  }
  if (cifar10) return DataFormat::kCifar10;
  if (cifar100) return DataFormat::kCifar100;
  // A copy whose images of val have been sorted into folders of classes is an image folder.
  if (folders && wnids) {
    ASSIGN_OR_RETURN(const bool listed, Exists(path + "/val/val_annotations.txt"));
    ASSIGN_OR_RETURN(const bool in_one_folder, Exists(path + "/val/images"));
    if (listed || in_one_folder) return DataFormat::kTinyImageNet;
  }
  if (folders) return DataFormat::kImageFolder;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<DataLayout> DetectLayout(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, ListFolder(path, kMaxEntries));
  ASSIGN_OR_RETURN(const std::optional<DataFormat> format, FormatOf(path, entries));
  if (format.has_value()) return DataLayout{*format, path};
  std::vector<std::string> folders;
  for (const FolderEntry& entry : entries) {
    if (entry.is_folder) folders.push_back(entry.name);
  }
  if (folders.size() == 1) {
    const std::string inner = path + "/" + folders[0];
    ASSIGN_OR_RETURN(const std::vector<FolderEntry> inner_entries, ListFolder(inner, kMaxEntries));
    ASSIGN_OR_RETURN(const std::optional<DataFormat> inner_format, FormatOf(inner, inner_entries));
    if (inner_format.has_value()) return DataLayout{*inner_format, inner};
  }
  if (entries.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the folder is empty; ", kAllowed));
  }
  std::vector<std::string> shown;
  for (const FolderEntry& entry : entries) {
    if (shown.size() == 5) {
      shown.emplace_back("...");
      break;
    }
    shown.push_back(entry.name + (entry.is_folder ? "/" : ""));
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": no data set is recognised in it; found: ",
                                                 absl::StrJoin(shown, ", "), "; ", kAllowed));
}

}  // namespace reluscape

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "worker/data/decode.h"
#include "worker/data/folder.h"
#include "worker/data/limits.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

bool IsImageName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower.ends_with(".jpg") || lower.ends_with(".jpeg") || lower.ends_with(".png");
}

class FolderPart final : public SourcePart {
 public:
  explicit FolderPart(int64_t side) : side_(side) {}

  // Adds the images of class `label` below `folder`: directly in it, or in its folder "images".
  absl::Status Append(const std::string& folder, int32_t label) {
    std::string holder = folder;
    ASSIGN_OR_RETURN(std::vector<FolderEntry> entries, ListFolder(folder, kMaxImages));
    const auto is_images = [](const FolderEntry& e) { return e.is_folder && e.name == "images"; };
    if (std::any_of(entries.begin(), entries.end(), is_images)) {
      // TinyImageNet keeps a list of boxes beside the folder of images.
      for (const FolderEntry& entry : entries) {
        if (!entry.is_folder && IsImageName(entry.name)) {
          return absl::InvalidArgumentError(
              absl::StrCat(folder, " holds images beside its folder images, as ", entry.name,
                           "; allowed: all images in one of the two places"));
        }
      }
      holder = folder + "/images";
      ASSIGN_OR_RETURN(entries, ListFolder(holder, kMaxImages));
    }
    const size_t before = labels_.size();
    const auto holder_index = static_cast<uint32_t>(holders_.size());
    for (FolderEntry& entry : entries) {
      if (entry.is_folder) {
        return absl::InvalidArgumentError(
            absl::StrCat(holder, "/", entry.name,
                         " is a folder within a class; allowed: images only, or all of them in ",
                         folder, "/images"));
      }
      if (!IsImageName(entry.name)) {
        continue;
      }
      labels_.push_back(label);
      files_.push_back({holder_index, std::move(entry.name)});
    }
    if (labels_.size() == before) {
      return absl::DataLossError(absl::StrCat(
          holder, " holds no image; allowed: at least one file *.jpg, *.jpeg or *.png"));
    }
    if (static_cast<int64_t>(labels_.size()) > kMaxImages) {
      return absl::ResourceExhaustedError(absl::StrCat(
          holder, ": more than ", kMaxImages, " images up to this folder; allowed: ", kMaxImages));
    }
    holders_.push_back(std::move(holder));
    return absl::OkStatus();
  }

  const std::vector<int32_t>& labels() const override { return labels_; }

  absl::Status Read(int64_t index, std::span<uint8_t> pixels) const override {
    const File& file = files_[static_cast<size_t>(index)];
    const std::string path = holders_[file.holder] + "/" + file.name;
    ASSIGN_OR_RETURN(const std::string bytes, ReadRegularFile(path, kMaxImageFileBytes));
    return DecodeImage(path, bytes, side_, pixels);
  }

 private:
  struct File {
    uint32_t holder = 0;  // index in holders_
    std::string name;
  };

  int64_t side_;
  std::vector<std::string> holders_;  // folders with images
  std::vector<File> files_;
  std::vector<int32_t> labels_;
};

// The names of the class folders in `path`, sorted. Other files (word lists) are allowed.
absl::StatusOr<std::vector<std::string>> ClassFolders(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, ListFolder(path, kMaxClasses + 1000));
  std::vector<std::string> names;
  for (const FolderEntry& entry : entries) {
    if (entry.is_folder) {
      names.push_back(entry.name);
    } else if (IsImageName(entry.name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, "/", entry.name, " is an image outside of a class; allowed: one folder per class"));
    }
  }
  if (names.size() < 2 || static_cast<int64_t>(names.size()) > kMaxClasses) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds ", names.size(), " class folders; allowed: 2 to ", kMaxClasses));
  }
  return names;
}

// The folder beside train with the test images.
absl::StatusOr<std::string> TestFolder(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, ListFolder(path, kMaxClasses));
  bool test = false;
  bool val = false;
  for (const FolderEntry& entry : entries) {
    test |= entry.is_folder && entry.name == "test";
    val |= entry.is_folder && entry.name == "val";
  }
  if (test && val) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " holds both test and val; allowed: one of them, used as test images "
                     "(validation images are taken from train)"));
  }
  if (!test && !val) {
    return absl::NotFoundError(
        absl::StrCat(path, " holds train but neither test nor val; allowed: one of them"));
  }
  return path + (test ? "/test" : "/val");
}

}  // namespace

absl::StatusOr<Source> OpenImageFolder(const std::string& path, int64_t side) {
  Source source;
  source.side = side;
  const std::string train_path = path + "/train";
  ASSIGN_OR_RETURN(const std::string test_path, TestFolder(path));
  ASSIGN_OR_RETURN(source.class_names, ClassFolders(train_path));
  ASSIGN_OR_RETURN(const std::vector<std::string> test_names, ClassFolders(test_path));
  const auto missing = [](const std::vector<std::string>& in, const std::vector<std::string>& of) {
    for (const std::string& name : of) {
      if (!std::binary_search(in.begin(), in.end(), name)) {
        return name;
      }
    }
    return std::string();
  };
  if (const std::string name = missing(test_names, source.class_names); !name.empty()) {
    return absl::DataLossError(absl::StrCat(
        test_path, "/", name, " is missing; allowed: the class folders of ", train_path));
  }
  if (const std::string name = missing(source.class_names, test_names); !name.empty()) {
    return absl::DataLossError(absl::StrCat(train_path, "/", name, " is missing, but ", test_path,
                                            "/", name,
                                            " is there; allowed: the same class folders in both"));
  }
  auto train = std::make_unique<FolderPart>(side);
  auto test = std::make_unique<FolderPart>(side);
  for (size_t label = 0; label < source.class_names.size(); ++label) {
    const std::string& name = source.class_names[label];
    RETURN_IF_ERROR(train->Append(train_path + "/" + name, static_cast<int32_t>(label)));
    RETURN_IF_ERROR(test->Append(test_path + "/" + name, static_cast<int32_t>(label)));
  }
  source.train = std::move(train);
  source.test = std::move(test);
  return source;
}

}  // namespace reluscape

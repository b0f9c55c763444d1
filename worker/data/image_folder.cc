#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "worker/data/folder.h"
#include "worker/data/image_files.h"
#include "worker/data/limits.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

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

absl::StatusOr<Source> OpenImageFolder(const std::string& path, int64_t side,
                                       const std::string& cache_folder) {
  Source source;
  source.side = side;
  const std::string train_path = path + "/train";
  ASSIGN_OR_RETURN(const std::string test_path, TestFolder(path));
  ASSIGN_OR_RETURN(source.class_names, ClassFolders(train_path));
  ASSIGN_OR_RETURN(const std::vector<std::string> test_names, ClassFolders(test_path));
  const auto missing = [](const std::vector<std::string>& in, const std::vector<std::string>& of) {
    for (const std::string& name : of) {
      if (!std::binary_search(in.begin(), in.end(), name)) return name;
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
  auto train = std::make_unique<ImageFiles>(side);
  auto test = std::make_unique<ImageFiles>(side);
  for (size_t label = 0; label < source.class_names.size(); ++label) {
    const std::string& name = source.class_names[label];
    RETURN_IF_ERROR(train->AppendClass(train_path + "/" + name, static_cast<int32_t>(label)));
    RETURN_IF_ERROR(test->AppendClass(test_path + "/" + name, static_cast<int32_t>(label)));
  }
  if (!cache_folder.empty()) {
    train->UseCache(cache_folder, absl::StrCat(path, "\ntrain"));
    test->UseCache(cache_folder, absl::StrCat(path, "\ntest"));
  }
  source.train = std::move(train);
  source.test = std::move(test);
  return source;
}

}  // namespace reluscape

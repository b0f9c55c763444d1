#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "worker/data/decode.h"
#include "worker/data/folder.h"
#include "worker/data/image_files.h"
#include "worker/data/limits.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

constexpr int64_t kOfficialSide = 64;

std::string_view WithoutReturn(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The class names of wnids.txt, sorted. Each must be a folder of train, and the other way round.
absl::StatusOr<std::vector<std::string>> ReadClasses(const std::string& path) {
  const std::string list = path + "/wnids.txt";
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(list, kMaxNamesFileBytes));
  std::vector<std::string> names;
  for (const std::string& whole : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::string name(WithoutReturn(whole));
    if (!name.empty()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    return absl::DataLossError(absl::StrCat(list, " names the class ", *twice, " twice"));
  }
  if (names.size() < 2 || static_cast<int64_t>(names.size()) > kMaxClasses) {
    return absl::DataLossError(
        absl::StrCat(list, " names ", names.size(), " classes; allowed: 2 to ", kMaxClasses));
  }
  ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries,
                   ListFolder(path + "/train", kMaxClasses + 1000));
  std::vector<std::string> folders;  // sorted, as ListFolder lists
  for (const FolderEntry& entry : entries) {
    if (entry.is_folder) folders.push_back(entry.name);
  }
  for (const std::string& name : names) {
    if (!std::binary_search(folders.begin(), folders.end(), name)) {
      return absl::DataLossError(
          absl::StrCat(path, "/train/", name, " is missing, but ", list, " names it"));
    }
  }
  for (const std::string& folder : folders) {
    if (!std::binary_search(names.begin(), names.end(), folder)) {
      return absl::DataLossError(
          absl::StrCat(path, "/train/", folder, " is there, but ", list, " does not name it"));
    }
  }
  return names;
}

// The labelled images of val, in the order of their file names.
absl::Status ReadValidation(const std::string& path, const std::vector<std::string>& classes,
                            ImageFiles& part) {
  const std::string list = path + "/val/val_annotations.txt";
  const std::string folder = path + "/val/images";
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(list, kMaxNamesFileBytes));
  ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, ListFolder(folder, kMaxImages));
  std::vector<std::string> files;  // sorted
  for (const FolderEntry& entry : entries) {
    if (!entry.is_folder && IsImageName(entry.name)) files.push_back(entry.name);
  }

  std::vector<int32_t> labels(files.size(), -1);
  int64_t number = 0;
  for (const std::string& whole : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    ++number;
    const std::string line(WithoutReturn(whole));
    if (line.empty()) continue;
    const auto wrong = [&](const std::string& what) {
      return absl::DataLossError(absl::StrCat(list, ", line ", number, ": ", what));
    };
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    if (columns.size() < 2) {
      return wrong(absl::StrCat("found \"", line.substr(0, 60),
                                "\"; allowed: file name, tab, class, and what else follows"));
    }
    const auto file = std::lower_bound(files.begin(), files.end(), columns[0]);
    if (file == files.end() || *file != columns[0]) {
      return wrong(absl::StrCat(folder, "/", columns[0].substr(0, 200), " is missing"));
    }
    const auto label = std::lower_bound(classes.begin(), classes.end(), columns[1]);
    if (label == classes.end() || *label != columns[1]) {
      return wrong(absl::StrCat("found the class ", columns[1].substr(0, 60),
                                "; allowed: those of wnids.txt"));
    }
    int32_t& stored = labels[static_cast<size_t>(file - files.begin())];
    if (stored >= 0) return wrong(absl::StrCat(columns[0], " has a class already"));
    stored = static_cast<int32_t>(label - classes.begin());
  }
  for (size_t i = 0; i < files.size(); ++i) {
    if (labels[i] < 0) {
      return absl::DataLossError(absl::StrCat(folder, "/", files[i], " has no line in ", list));
    }
  }
  if (files.empty()) return absl::DataLossError(absl::StrCat(folder, " holds no image"));
  return part.AppendFiles(folder, std::move(files), labels);
}

// Whether the files hold images of the official size although half of it is asked for, as the first
// of them tells. DATA_LOSS where it can be decoded in neither size.
absl::StatusOr<bool> FilesAreTwiceAsLarge(const ImageFiles& part, int64_t side) {
  if (2 * side != kOfficialSide) return false;
  const std::string path = part.PathOf(0);
  ASSIGN_OR_RETURN(const std::string bytes, ReadRegularFile(path, kMaxImageFileBytes));
  std::vector<uint8_t> pixels(static_cast<size_t>(kOfficialSide * kOfficialSide * 3));
  const absl::Status large = DecodeImage(path, bytes, kOfficialSide, pixels);
  if (large.ok()) return true;
  pixels.resize(static_cast<size_t>(side * side * 3));
  const absl::Status small = DecodeImage(path, bytes, side, pixels);
  if (small.ok()) return false;
  return absl::DataLossError(absl::StrCat(std::string(large.message()), "; and as an image of ",
                                          side, " x ", side, ": ", std::string(small.message())));
}

}  // namespace

absl::StatusOr<Source> OpenTinyImageNet(const std::string& path, int64_t side,
                                        const std::string& cache_folder) {
  Source source;
  source.side = side;
  ASSIGN_OR_RETURN(source.class_names, ReadClasses(path));
  const auto fill_train = [&](ImageFiles& part) {
    for (size_t label = 0; label < source.class_names.size(); ++label) {
      RETURN_IF_ERROR(part.AppendClass(path + "/train/" + source.class_names[label],
                                       static_cast<int32_t>(label)));
    }
    return absl::OkStatus();
  };
  auto train = std::make_unique<ImageFiles>(side);
  RETURN_IF_ERROR(fill_train(*train));
  ASSIGN_OR_RETURN(const bool halved, FilesAreTwiceAsLarge(*train, side));
  if (halved) {
    train = std::make_unique<ImageFiles>(side, halved);
    RETURN_IF_ERROR(fill_train(*train));
  }
  auto test = std::make_unique<ImageFiles>(side, halved);
  RETURN_IF_ERROR(ReadValidation(path, source.class_names, *test));
  if (!cache_folder.empty()) {
    train->UseCache(cache_folder, absl::StrCat(path, "\ntrain"));
    test->UseCache(cache_folder, absl::StrCat(path, "\ntest"));
  }
  source.train = std::move(train);
  source.test = std::move(test);
  return source;
}

}  // namespace reluscape

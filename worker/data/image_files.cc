#include "worker/data/image_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "worker/data/decode.h"
#include "worker/data/folder.h"
#include "worker/data/limits.h"

namespace reluscape {

bool IsImageName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower.ends_with(".jpg") || lower.ends_with(".jpeg") || lower.ends_with(".png");
}

absl::Status ImageFiles::AppendClass(const std::string& folder, int32_t label) {
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
    if (!IsImageName(entry.name)) continue;
    labels_.push_back(label);
    files_.push_back({holder_index, std::move(entry.name)});
  }
  if (labels_.size() == before) {
    return absl::DataLossError(
        absl::StrCat(holder, " holds no image; allowed: at least one file *.jpg, *.jpeg or *.png"));
  }
  RETURN_IF_ERROR(CheckCount(holder));
  holders_.push_back(std::move(holder));
  return absl::OkStatus();
}

absl::Status ImageFiles::AppendFiles(const std::string& folder, std::vector<std::string> names,
                                     const std::vector<int32_t>& labels) {
  const auto holder_index = static_cast<uint32_t>(holders_.size());
  for (size_t i = 0; i < names.size(); ++i) {
    labels_.push_back(labels[i]);
    files_.push_back({holder_index, std::move(names[i])});
  }
  RETURN_IF_ERROR(CheckCount(folder));
  holders_.push_back(folder);
  return absl::OkStatus();
}

absl::Status ImageFiles::CheckCount(const std::string& holder) const {
  if (static_cast<int64_t>(labels_.size()) <= kMaxImages) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      holder, ": more than ", kMaxImages, " images up to this folder; allowed: ", kMaxImages));
}

std::string ImageFiles::PathOf(int64_t index) const {
  const File& file = files_[static_cast<size_t>(index)];
  return holders_[file.holder] + "/" + file.name;
}

void ImageFiles::UseCache(const std::string& folder, const std::string& name) {
  absl::StatusOr<std::unique_ptr<PixelCache>> cache =
      PixelCache::Open(folder, absl::StrCat(name, halved_ ? "\nhalved" : ""), side_ * side_ * 3);
  if (cache.ok()) {
    cache_ = *std::move(cache);
  } else {
    LogWarning("no cache of decoded images: ", std::string(cache.status().message()),
               "; images are decoded at every start");
  }
}

absl::Status ImageFiles::Read(int64_t index, std::span<uint8_t> pixels) const {
  const std::string path = PathOf(index);
  // Before the file is read: a change in between makes the slot one of an older state.
  const std::string origin = cache_ ? OriginOf(path) : "";
  if (origin.empty()) return Decode(path, pixels);
  if (cache_->Read(index, origin, pixels)) return absl::OkStatus();
  RETURN_IF_ERROR(Decode(path, pixels));
  cache_->Write(index, origin, pixels);
  return absl::OkStatus();
}

absl::Status ImageFiles::Decode(const std::string& path, std::span<uint8_t> pixels) const {
  ASSIGN_OR_RETURN(const std::string bytes, ReadRegularFile(path, kMaxImageFileBytes));
  if (!halved_) return DecodeImage(path, bytes, side_, pixels);

  const auto side = static_cast<size_t>(side_);
  const size_t row_bytes = 2 * side * 3;  // of the file's image
  std::vector<uint8_t> large(2 * side * row_bytes);
  RETURN_IF_ERROR(DecodeImage(path, bytes, 2 * side_, large));
  for (size_t y = 0; y < side; ++y) {
    for (size_t x = 0; x < side; ++x) {
      for (size_t channel = 0; channel < 3; ++channel) {
        const uint8_t* first = large.data() + 2 * y * row_bytes + 2 * x * 3 + channel;
        const int sum = first[0] + first[3] + first[row_bytes] + first[row_bytes + 3];
        pixels[(y * side + x) * 3 + channel] = static_cast<uint8_t>((sum + 2) / 4);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace reluscape

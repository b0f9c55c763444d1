// CIFAR-10 and CIFAR-100 in the binary format of https://www.cs.toronto.edu/~kriz/cifar.html:
// records of one label byte (CIFAR-100: coarse, then fine label) and 3072 bytes of pixels, all red
// ones row by row, then green, then blue.

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "worker/data/folder.h"
#include "worker/data/limits.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

constexpr int64_t kSide = 32;
constexpr int64_t kPlane = kSide * kSide;
constexpr int64_t kImageBytes = 3 * kPlane;
// Far more records than the official 50,000 in a file are allowed.
constexpr int64_t kMaxFileBytes = int64_t{4} << 30;

// The names in the official batches.meta.txt and fine_label_names.txt, for copies without them.
constexpr const char* kNames10 = "airplane automobile bird cat deer dog frog horse ship truck";
constexpr const char* kNames100 =
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus "
    "butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch "
    "crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo "
    "keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse "
    "mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy "
    "porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television "
    "tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm";

class CifarPart final : public SourcePart {
 public:
  explicit CifarPart(bool hundred) : label_bytes_(hundred ? 2 : 1), classes_(hundred ? 100 : 10) {}

  absl::Status Append(const std::string& path) {
    const int64_t record = label_bytes_ + kImageBytes;
    ASSIGN_OR_RETURN(std::string bytes, ReadRegularFile(path, kMaxFileBytes));
    if (bytes.empty() || static_cast<int64_t>(bytes.size()) % record != 0) {
      return absl::DataLossError(absl::StrCat(
          path, ": the file has ", bytes.size(), " bytes; allowed: a positive multiple of ", record,
          " (", label_bytes_, " label byte(s) and ", kImageBytes, " bytes of pixels per image)"));
    }
    const int64_t count = static_cast<int64_t>(bytes.size()) / record;
    for (int64_t i = 0; i < count; ++i) {
      // CIFAR-100: the second label byte is the fine one.
      const auto label =
          static_cast<uint8_t>(bytes[static_cast<size_t>(i * record + label_bytes_ - 1)]);
      if (label >= classes_) {
        return absl::DataLossError(absl::StrCat(path, ": image ", i, " (from 0) has label ", label,
                                                "; allowed: 0 to ", classes_ - 1));
      }
      labels_.push_back(label);
    }
    files_.push_back(std::move(bytes));
    ends_.push_back(static_cast<int64_t>(labels_.size()));
    return absl::OkStatus();
  }

  const std::vector<int32_t>& labels() const override { return labels_; }

  absl::Status Read(int64_t index, std::span<uint8_t> pixels) const override {
    const auto file = static_cast<size_t>(
        std::distance(ends_.begin(), std::upper_bound(ends_.begin(), ends_.end(), index)));
    const int64_t in_file = index - (file == 0 ? 0 : ends_[file - 1]);
    const int64_t offset = in_file * (label_bytes_ + kImageBytes) + label_bytes_;
    const auto* planes =
        reinterpret_cast<const uint8_t*>(files_[file].data()) + static_cast<size_t>(offset);
    for (int64_t i = 0; i < kPlane; ++i) {
      for (int64_t channel = 0; channel < 3; ++channel) {
        pixels[static_cast<size_t>(3 * i + channel)] = planes[channel * kPlane + i];
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t label_bytes_;
  int classes_;
  std::vector<std::string> files_;  // whole, as read: 184 MB for all of either data set
  std::vector<int64_t> ends_;       // index after the last image of each file
  std::vector<int32_t> labels_;
};

// The lines of `path`, or `fallback` where there is no such file.
absl::StatusOr<std::vector<std::string>> ClassNames(const std::string& path, const char* fallback) {
  const std::vector<std::string> official = absl::StrSplit(fallback, ' ');
  absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxNamesFileBytes);
  if (absl::IsNotFound(text.status())) return official;
  RETURN_IF_ERROR(text.status());
  std::vector<std::string> names =
      absl::StrSplit(*text, absl::ByAnyChar("\r\n"), absl::SkipEmpty());
  if (names.size() != official.size()) {
    return absl::DataLossError(absl::StrCat(
        path, " names ", names.size(), " classes; allowed: ", official.size(), ", one per line"));
  }
  return names;
}

}  // namespace

absl::StatusOr<Source> OpenCifar(const std::string& path, bool hundred) {
  Source source;
  source.side = kSide;
  ASSIGN_OR_RETURN(source.class_names, hundred
                                           ? ClassNames(path + "/fine_label_names.txt", kNames100)
                                           : ClassNames(path + "/batches.meta.txt", kNames10));
  auto train = std::make_unique<CifarPart>(hundred);
  auto test = std::make_unique<CifarPart>(hundred);
  if (hundred) {
    RETURN_IF_ERROR(train->Append(path + "/train.bin"));
    RETURN_IF_ERROR(test->Append(path + "/test.bin"));
  } else {
    for (int batch = 1; batch <= 5; ++batch) {
      RETURN_IF_ERROR(train->Append(absl::StrCat(path, "/data_batch_", batch, ".bin")));
    }
    RETURN_IF_ERROR(test->Append(path + "/test_batch.bin"));
  }
  source.train = std::move(train);
  source.test = std::move(test);
  return source;
}

}  // namespace reluscape

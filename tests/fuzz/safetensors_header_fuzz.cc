// Fuzz target for tensor files from outside. Whatever the bytes, they are read or refused with a
// reason; what was read is the same again after it was written, and a network takes it or says
// which tensor does not fit.
//
// An input that begins with '{' is a header up to the first line break, which becomes a file with
// the length in front of it and what is behind the break as tensors: mutations need not keep the
// length right. Any other input is the file.

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "search/export/pretrained_file.h"
#include "search/export/tensor_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace reluscape {
namespace {

// Of the smallest network, so that its weights fit into a seed.
constexpr const char* kNetwork = "basic:side=8:classes=2:m=1:blocks=1x1x1:multipliers=1x1";
constexpr int64_t kSide = 8;
constexpr int64_t kClasses = 2;

std::string FileOf(const std::string& input) {
  if (!input.starts_with('{')) return input;
  const size_t end = std::min(input.find('\n'), input.size());
  std::string length(8, '\0');
  const uint64_t bytes = end;
  std::memcpy(length.data(), &bytes, length.size());
  return length + input.substr(0, end) + (end < input.size() ? input.substr(end + 1) : "");
}

void ReadOne(const std::string& file, const std::string& input) {
  const absl::StatusOr<TensorFile> read = ReadTensorFile(file);
  if (read.ok()) {
    const std::string written = WriteTensorFile(*read);
    const absl::StatusOr<TensorFile> again = ReadTensorFile(written);
    Require(again.ok() && again->tensors == read->tensors && again->metadata == read->metadata,
            "the file does not round-trip", input);
    Require(WriteTensorFile(*again) == written, "equal content gives other bytes", input);
  } else {
    Require(absl::IsDataLoss(read.status()) && !read.status().message().empty(),
            "refused without saying why", input);
  }
  const absl::Status fits = CheckPretrained(kNetwork, kSide, kClasses, file);
  Require(fits.ok() || (!fits.message().empty() &&
                        (absl::IsDataLoss(fits) || absl::IsFailedPrecondition(fits))),
          "does not fit without saying why", input);
  Require(read.ok() || absl::IsDataLoss(fits), "a broken file fits", input);
}

}  // namespace
}  // namespace reluscape

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  reluscape::ReadOne(reluscape::FileOf(input), input);
  return 0;
}

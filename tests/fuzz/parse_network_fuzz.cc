// Fuzz target for the parser of network names and canonical texts. Whatever the bytes, the parser
// answers; what it lets pass can be built and counted, and its canonical text stands for it.
//
// The first byte chooses the side and the number of classes that a name is read with, the rest is
// the text.

#include <string>

#include "absl/status/statusor.h"
#include "search/network/accounting.h"
#include "search/network/names.h"
#include "tests/fuzz/fuzz_target.h"

namespace reluscape {
namespace {

// Larger ones would only take longer.
constexpr int64_t kMaxBlocksBuilt = 100;

void ParseOne(const std::string& text, int64_t side, int64_t classes) {
  const absl::StatusOr<Architecture> parsed = ParseArchitecture(text, side, classes);
  if (!parsed.ok()) {
    Require(parsed.status().code() == absl::StatusCode::kInvalidArgument &&
                !parsed.status().message().empty(),
            "refused without saying why", text);
    return;
  }
  const std::string canonical = CanonicalText(*parsed);
  const absl::StatusOr<Architecture> again = ParseCanonicalText(canonical);
  Require(again.ok() && *again == *parsed, "canonical text does not round-trip", text);
  Require(CanonicalText(*again) == canonical, "canonical text is not a fixed point", text);
  FieldErrors errors;
  SectionShapes(*parsed, errors);
  Require(errors.empty(), "accepted, but cannot be built", text);
  int64_t blocks = 0;
  for (const int64_t section : parsed->blocks) blocks += section;
  if (blocks > kMaxBlocksBuilt) return;
  const absl::StatusOr<Network> network = BuildNetwork(*parsed);
  Require(network.ok(), "accepted, but not built", text);
  Require(CountNetwork(*network).ok(), "built, but not counted", text);
}

}  // namespace
}  // namespace reluscape

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr int64_t kSides[] = {32, 64, 224, 8, 33, 1000};
  constexpr int64_t kClasses[] = {100, 10, 1000};
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  reluscape::ParseOne(text, kSides[data[0] % 6], kClasses[data[0] / 6 % 3]);
  return 0;
}

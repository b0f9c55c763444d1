#pragma once

// Architectures: descriptions that a user names and a Network is built from. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/network.h"

namespace reluscape {

// A basic-block residual network (deepreshape: section 2 of the counting rules in the header of
// accounting.h).
struct Architecture {
  int64_t side = 32;      // of the input image
  int64_t classes = 100;
  int64_t base_channels = 64;        // m, the width of stem and stage 1
  std::vector<int64_t> blocks;       // per stage, 1..200 each; 3 to 5 stages
  std::vector<double> multipliers;   // stage k+1 / stage k, one less than stages
  bool stem_relu = false;

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// Parses a name ("resnet18@8", "hrn-5x5x3x@4", "hrn-4x6x3x@16:resnet34") or a canonical text; a
// name takes `side` and `classes`, a canonical text must agree with them. INVALID_ARGUMENT says
// which part is wrong and what is allowed.
absl::StatusOr<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                               int64_t classes);

// A canonical text alone, with the side and classes that it states.
absl::StatusOr<Architecture> ParseCanonicalText(const std::string& text);

// One line that holds the whole description; ParseArchitecture reads it back.
std::string CanonicalText(const Architecture& architecture);

// The list of operations. INVALID_ARGUMENT names the field where the architecture cannot be built
// (a width that overflows, a stage that shrinks below 1 pixel); never allocates by an unchecked
// number.
absl::StatusOr<Network> BuildNetwork(const Architecture& architecture);

}  // namespace reluscape

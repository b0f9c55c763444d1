#pragma once

// Architectures: descriptions that a user names and a Network is built from. Thread-safe.
//
// Names, all lower case:
//   resnet18[@m], resnet34[@m]                        four stages, m = 64 unless given
//   resnet20[@m], resnet32, resnet44, resnet56, resnet110   three stages, m = 16 unless given
//   hrn-AxBxCx[@m][:backbone]    multipliers A, B, C between the stages of `backbone` (resnet18
//                                unless given), one less than it has stages; m = 16 unless given
// Behind any of them "+stem-relu" puts a ReLU behind the stem. A canonical text is
//   basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=no

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/network/network.h"

namespace reluscape {

// Limits of every architecture. They keep all counts far below 2^63 and every list small.
inline constexpr int64_t kMinSide = 8;
inline constexpr int64_t kMaxSide = 256;
inline constexpr int64_t kMinClasses = 2;
inline constexpr int64_t kMaxClasses = 100'000;
inline constexpr int64_t kMaxChannels = 65'536;  // of any stage
inline constexpr int64_t kMinStages = 3;
inline constexpr int64_t kMaxStages = 5;
inline constexpr int64_t kMaxBlocksPerStage = 200;
inline constexpr double kMinMultiplier = 0.001;
inline constexpr double kMaxMultiplier = 1000;

// A basic-block residual network (layout of SNL's public code; how it is counted stands in
// accounting.h). Stage 1 keeps the input side, each later stage starts with stride 2. The width of
// stage k is m * multipliers[0] * ... * multipliers[k-2]: the exact product, rounded half up only
// then, and at least 1.
struct Architecture {
  int64_t side = 32;  // of the input image
  int64_t classes = 100;
  int64_t base_channels = 64;   // m, the width of stem and stage 1
  std::vector<int64_t> blocks;  // per stage, 1..200 each; 3 to 5 stages
  // Stage k+1 / stage k, one less than stages; 0.001 to 1000, at most three decimals.
  std::vector<double> multipliers;
  bool stem_relu = false;

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// The depth that a name stands for.
struct Backbone {
  std::string name;
  std::vector<int64_t> blocks;
  int64_t base_channels = 0;
  std::vector<double> multipliers;
};

// Every backbone, in a fixed order.
const std::vector<Backbone>& Backbones();
// Null where there is none of that name. Lives as long as the program.
const Backbone* FindBackbone(const std::string& name);
// "resnet18, resnet34, ..." for messages.
std::string BackboneNames();

// Parses a name ("resnet18@8", "hrn-5x5x3x@4", "hrn-4x6x3x@16:resnet34") or a canonical text; a
// name takes `side` and `classes`, a canonical text must agree with them. INVALID_ARGUMENT says
// which part is wrong and what is allowed. What it returns can be built.
absl::StatusOr<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                               int64_t classes);
// The same with one error per wrong part ("multipliers[0]"); std::nullopt where any was added.
std::optional<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                              int64_t classes, FieldErrors& errors);

// A canonical text alone, with the side and classes that it states.
absl::StatusOr<Architecture> ParseCanonicalText(const std::string& text);

// One line that holds the whole description; ParseArchitecture reads it back.
std::string CanonicalText(const Architecture& architecture);

// "hrn-5x5x3x@16", "hrn-4x6x3x@16:resnet34": the name that ParseArchitecture turns into this
// network.
std::string HybReNetName(const std::vector<int64_t>& multipliers, int64_t base_channels,
                         const std::string& backbone);

// Width, side and depth of a stage.
struct StageShape {
  int64_t width = 0;
  int64_t side = 0;
  int64_t blocks = 0;

  friend bool operator==(const StageShape&, const StageShape&) = default;
};

// Of every stage, first to last. Adds one error per field that cannot be built (named as in
// Architecture), and returns nothing usable then.
std::vector<StageShape> StageShapes(const Architecture& architecture, FieldErrors& errors);

// The list of operations. INVALID_ARGUMENT names the field where the architecture cannot be built
// (a width that overflows, a stage that shrinks below 1 pixel); never allocates by an unchecked
// number.
absl::StatusOr<Network> BuildNetwork(const Architecture& architecture);

}  // namespace reluscape

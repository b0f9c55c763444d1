#pragma once

// Names and canonical texts of architectures. docs/networks.md is the same for users. Thread-safe.
//
// A name is a backbone, all lower case, with modifiers behind it:
//   resnet18[@m], resnet34, resnet50        four sections, m = 64 unless given
//   resnet20[@m], 32, 44, 56, 110           three sections, m = 16 unless given
//   wrn-D-K[@m]                             D = 6 n + 4; three sections, stem of 16 unless given
//   vgg16[@m]                               five sections, m = 64 unless given
//   delphi-resnet18, delphi-resnet32, delphi-vgg16, mpcnn-resnet20 ... mpcnn-resnet110
//   drd-c100-230k, drd-c100-57k, drd-c100-12k, drd-tiny-115k    of one input side each
//   hrn-AxBxCx[@m][:backbone]    multipliers A, B, C between the sections of `backbone` (resnet18
//                                unless given), one less than it has sections; m = 16 unless given
// A modifier is "+KEY" or "+KEY:VALUE": any optional field of a canonical text by its key, and
//   +skip:dirac-ss:joins=section:source=stem:merge=scaled    the skip mode with its parameters
//   +scale:0.5        DeepReDuce's channel reshaping (channel-scale)
//   +resolution:0.5   DeepReDuce's resolution reshaping: multiplies the stem's stride by int(1/R)
//   +no-stem-relu     takes a backbone's ReLU behind the stem away
//   +blocks:3x4x6x3   other blocks per section than the backbone's
//   +imagenet-stem    7x7 stem of stride 2 with a 3x3 max pool of stride 2 behind it
// A canonical text is the family and its fields; those at their defaults are left out:
//   basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3[:stem-relu=yes]...

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/network/architecture.h"

namespace reluscape {

// A network that names are made from; its side and classes are those of an Architecture's defaults.
struct Backbone {
  std::string name;
  Architecture architecture;
};

// std::nullopt where there is none of that name.
std::optional<Backbone> FindBackbone(const std::string& name);
// "resnet18, resnet34, ..., wrn-D-K" for messages.
std::string BackboneNames();

// A network under a name of its own with a fixed input side.
struct Preset {
  std::string name;
  std::string expanded;  // the name that it stands for
  int64_t side = 0;
};
const std::vector<Preset>& Presets();
// The side that a name fixes, else 32: what to take where a user asks for none.
int64_t UsualSide(const std::string& name);

// Applies "+KEY", "+KEY:VALUE" without its plus. Adds an error where it is no modifier or its value
// is none of the field; ranges are checked by SectionShapes.
void ApplyModifier(const std::string& modifier, Architecture& architecture, FieldErrors& errors);

// Parses a name ("resnet18@8", "hrn-4x6x3x@16:resnet34+thinned") or a canonical text; a name takes
// `side` and `classes`, a canonical text must agree with them. INVALID_ARGUMENT says which part is
// wrong and what is allowed. What it returns can be built.
absl::StatusOr<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                               int64_t classes);
// The same with one error per wrong part ("multipliers[0]"); std::nullopt where any was added.
std::optional<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                              int64_t classes, FieldErrors& errors);

// Whether `text` begins as a canonical text does; it may still be wrong.
bool IsCanonicalText(const std::string& text);

// A canonical text alone, with the side and classes that it states. What it returns can be built.
absl::StatusOr<Architecture> ParseCanonicalText(const std::string& text);

// One line that holds the whole description; the parsers read it back.
std::string CanonicalText(const Architecture& architecture);

// "hrn-5x5x3x@16", "hrn-4x6.5x3x@16:resnet34": the name that ParseArchitecture turns into this
// network.
std::string HybReNetName(const std::vector<double>& multipliers, int64_t base_channels,
                         const std::string& backbone);

}  // namespace reluscape

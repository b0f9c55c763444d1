#pragma once

// Architectures: the description that a Network is built from. One struct serves every family; a
// field that has no meaning for a family must keep its default. docs/networks.md explains each
// field for users. Thread-safe.

#include <cstdint>
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
inline constexpr int64_t kMaxChannels = 65'536;  // of any activation
inline constexpr int64_t kMinSections = 3;
inline constexpr int64_t kMaxSections = 5;
inline constexpr int64_t kMaxBlocksPerSection = 200;
inline constexpr double kMinMultiplier = 0.001;
inline constexpr double kMaxMultiplier = 1000;
inline constexpr int64_t kMaxWiden = 64;
inline constexpr int64_t kMaxStemStride = 16;
inline constexpr int64_t kMaxReuse = 16;  // DeepReShape names N = 2, 4, 8, 16

enum class Family {
  kBasic,       // residual, two 3x3 convolutions per block (SNL's public code)
  kBottleneck,  // residual, 1x1, 3x3, 1x1 with four times the width at its end; stride in the 3x3
  kWide,        // pre-activation residual, two 3x3 convolutions per block (SNL's public code)
  kVgg,         // plain 3x3 convolutions with a pool behind each section
};

// What stands on the residual connection of a block that changes the shape. Other blocks have an
// identity there.
enum class Shortcut {
  kProjection,  // 1x1 convolution, with batch norm but in the pre-activation family
  kDownsample,  // parameter-free: every second pixel, then zero channels
  kNone,        // no connection past such a block
};

// What carries a signal past convolutions.
enum class Skip {
  kResidual,     // around every block
  kNone,         // nothing
  kDirac,        // every convolution of stride 1 behind the stem in Dirac parameterization
  kDiracShared,  // the same, and one source per section that several blocks add
};

// The source of Skip::kDiracShared.
enum class SharedSource {
  kSection,  // output of the section's first block
  kStem,     // output of the stem; through one 1x1 convolution per section where shapes differ
};

enum class Merge {
  kAdd,
  kScaled,  // the source times one trainable number per join
};

// How a network without residual connections halves the side at a section's start.
enum class Downsampling {
  kConv,         // the first convolution has stride 2
  kAveragePool,  // 2x2 average pool, then the first convolution with stride 1
};

enum class PoolKind { kAverage, kMax };

enum class Classifier {
  kHidden,  // two linear layers of 4096 with a ReLU each, then the classes (VGG)
  kLinear,  // one linear layer
};

// SharedSource joins: behind every N-th block from the second on, or only at a section's end.
inline constexpr int64_t kJoinsAtSectionEnd = 0;

struct Architecture {
  Family family = Family::kBasic;
  int64_t side = 32;  // of the input image: 8 to 256
  int64_t classes = 100;
  // m: width of stem and section 1. In the pre-activation family the stem's, and section 1 has
  // widen times as many channels; in the bottleneck family the inner width of section 1.
  int64_t base_channels = 64;
  std::vector<int64_t> blocks;  // per section, 1..200 each; 3 to 5 sections. VGG: convolutions
  // Section k+1 / section k, one less than sections; 0.001 to 1000, at most three decimals. The
  // width of a section is m * widen * multipliers[0] * ... : the exact product, rounded half up
  // only then, and at least 1.
  std::vector<double> multipliers;
  int64_t widen = 1;  // k of WRN-d-k; 1 to 64
  // DeepReDuce's channel reshaping: every width, stem included, is multiplied by it and rounded
  // down, and is at least 1. 0.001 to 1, at most three decimals.
  double channel_scale = 1;

  int64_t stem_kernel = 3;  // 3 or 7
  int64_t stem_stride = 1;  // 1 to 16; DeepReDuce's resolution reshaping sets it
  bool stem_pool = false;   // 3x3 max pool of stride 2 behind the stem (ImageNet networks)
  bool stem_relu = false;
  bool final_relu = false;  // pre-activation family: behind the last batch norm
  int64_t last_map = 1;     // side of the last map after pooling; divides the last section's side

  Shortcut shortcut = Shortcut::kProjection;
  Skip skip = Skip::kResidual;  // a VGG has kNone or kDirac
  SharedSource source = SharedSource::kSection;
  int64_t joins = 1;  // behind every joins-th block; kJoinsAtSectionEnd
  Merge merge = Merge::kAdd;
  Downsampling downsampling = Downsampling::kConv;

  bool thinned = false;         // without the ReLU behind each block's sum (DeepReDuce)
  std::vector<int64_t> culled;  // sections without ReLUs, ascending (DeepReDuce)
  // Every ReLU layer acts on the first of `reuse` groups of its channels, rounded up. Our reading
  // of DeepReShape's ReLU reuse. 1, 2, 4, 8 or 16.
  int64_t reuse = 1;

  PoolKind pool = PoolKind::kAverage;           // VGG, between sections and behind the last
  Classifier classifier = Classifier::kHidden;  // VGG; the other families have one layer

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// An architecture of that family with every field at its default, without sections.
Architecture DefaultsOf(Family family);

// Width, side and depth of a section.
struct SectionShape {
  int64_t width = 0;   // of the 3x3 convolutions
  int64_t output = 0;  // channels of its output: width, or 4 * width in the bottleneck family
  int64_t side = 0;
  int64_t blocks = 0;

  friend bool operator==(const SectionShape&, const SectionShape&) = default;
};

// Output channels of a bottleneck block over its width (He et al., "Deep Residual Learning for
// Image Recognition", table 1).
inline constexpr int64_t kBottleneckExpansion = 4;

// Of every section, first to last. Adds one error per field that cannot be built or that has no
// meaning for the family (named as in Architecture), and returns nothing usable then.
std::vector<SectionShape> SectionShapes(const Architecture& architecture, FieldErrors& errors);

// Channels of the stem's output, of an architecture that SectionShapes lets pass.
int64_t StemWidth(const Architecture& architecture);
// Side of the first section's input, likewise.
int64_t StemSide(const Architecture& architecture);

// The list of operations. INVALID_ARGUMENT names the field where the architecture cannot be built
// (a width that overflows, a section that shrinks below 1 pixel); never allocates by an unchecked
// number.
absl::StatusOr<Network> BuildNetwork(const Architecture& architecture);

}  // namespace reluscape

// What is joined to a block's main path: see Skip in architecture.h.

#include "absl/strings/str_cat.h"
#include "search/network/expansion.h"

namespace reluscape {

int Expansion::JoinBlock(const BlockPlace& place, const JoinSite& site) {
  switch (architecture_.skip) {
    case Skip::kResidual:
      return Residual(place, site);
    case Skip::kDiracShared:
      return Shared(place, site);
    case Skip::kNone:
    case Skip::kDirac:
      break;
  }
  return site.main;
}

int Expansion::Residual(const BlockPlace& place, const JoinSite& site) {
  const int64_t channels = builder_.ShapeOf(site.main).channels;
  int added = site.input;
  if (place.stride != 1 || builder_.ShapeOf(site.input).channels != channels) {
    if (architecture_.shortcut == Shortcut::kNone) return site.main;
    builder_.SetShortcut(true);
    if (architecture_.shortcut == Shortcut::kDownsample) {
      added = builder_.Downsample(place.prefix + ".shortcut.downsample", site.input, channels,
                                  place.stride);
    } else {
      added = builder_.Conv(place.prefix + ".shortcut.conv", site.projected_from,
                            {.channels = channels, .kernel = 1, .stride = place.stride});
      if (site.projection_norm) added = builder_.BatchNorm(place.prefix + ".shortcut.bn", added);
    }
    builder_.SetShortcut(false);
  }
  return builder_.Add(place.prefix + ".add", site.main, added, Join::kResidual);
}

// Lai et al., "Fast and Accurate Image Super-Resolution with Deep Laplacian Pyramid Networks"
// (MS-LapSRN): every block adds the same tensor, element by element. A section's first block stays
// plain: it changes the shape, and its output is the default source.
int Expansion::Shared(const BlockPlace& place, const JoinSite& site) {
  const bool joins = architecture_.joins == kJoinsAtSectionEnd
                         ? place.block == section(place.section).blocks
                         : place.block % architecture_.joins == 0;
  if (place.block == 1 || !joins) return site.main;
  int added = SourceOf(place, builder_.ShapeOf(site.main));
  if (architecture_.merge == Merge::kScaled) {
    builder_.SetShortcut(true);
    added = builder_.Scale(place.prefix + ".scale", added);
    builder_.SetShortcut(false);
  }
  return builder_.Add(place.prefix + ".add", site.main, added, Join::kShared);
}

int Expansion::SourceOf(const BlockPlace& place, const Shape& shape) {
  if (section_source_ != 0) return section_source_;
  section_source_ = stem_;
  if (builder_.ShapeOf(stem_) == shape) return section_source_;
  int64_t stride = 1;
  for (size_t number = 2; number <= place.section; ++number) stride *= 2;
  const std::string prefix = absl::StrCat("section", place.section, ".source");
  builder_.SetShortcut(true);
  section_source_ = builder_.Conv(prefix + ".conv", stem_,
                                  {.channels = shape.channels, .kernel = 1, .stride = stride});
  section_source_ = builder_.BatchNorm(prefix + ".bn", section_source_);
  builder_.SetShortcut(false);
  return section_source_;
}

}  // namespace reluscape

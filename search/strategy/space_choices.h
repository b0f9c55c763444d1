#pragma once

// The choices that span a search space (SpaceSpec of job.proto), and the network of each
// combination. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/network/deepreshape.h"
#include "search/network/names.h"
#include "search/strategy/strategy.h"

namespace reluscape {

// As far as they are counted: readers of JSON keep numbers as doubles.
inline constexpr int64_t kMostCombinations = (int64_t{1} << 53) - 1;

class SpaceChoices {
 public:
  // Of candidates.space of a checked Job. Adds an error at the field where a backbone, layout or
  // skip mode is unknown, or where lists do not fit the backbones' sections; nothing then.
  static std::optional<SpaceChoices> Read(const v1::JobSpec& spec, FieldErrors& errors);

  size_t sections() const { return multipliers_.size() + 1; }

  // In the order of a point's entries: backbone, base channels, multipliers and blocks section by
  // section, layout, skip mode, replacement. Lists of one choice are dimensions too.
  const std::vector<SpaceDimension>& dimensions() const { return dimensions_; }

  // Combinations; kMostCombinations where there are more.
  int64_t Combinations() const;

  // With the name that ParseArchitecture reads back. It may be none that can be built.
  NamedArchitecture NetworkOf(const SpacePoint& point) const;
  v1::LinearizeSpec::Replacement ReplacementOf(const SpacePoint& point) const;
  // The choices that are no numbers: backbone, layout, skip mode, replacement.
  std::vector<int> KindsOf(const SpacePoint& point) const;

  // The networks of DeepReShape's rule that are combinations, with the first layout, skip mode and
  // replacement: the equalized ones of all backbones and base channels, then the same with lower
  // first multipliers.
  std::vector<SpacePoint> Equalized() const;

 private:
  SpaceChoices() = default;

  void CheckLayouts(FieldErrors& errors) const;
  bool ReadSections(const v1::SpaceSpec& space, FieldErrors& errors);
  void MakeDimensions();
  // What `point` chooses of the list at `place` of the dimensions.
  size_t ChoiceAt(const SpacePoint& point, size_t place) const {
    return static_cast<size_t>(point[place]);
  }
  std::optional<SpacePoint> PointOf(size_t backbone, size_t base,
                                    const std::vector<int64_t>& multipliers) const;

  std::vector<Backbone> backbones_;  // with the side and classes of the data
  std::vector<int64_t> base_channels_;
  std::vector<std::vector<double>> multipliers_;  // of each section but the first
  std::vector<std::vector<int64_t>> blocks_;      // of each section; empty: the backbone's
  std::vector<std::string> layouts_;
  std::vector<std::string> skips_;
  std::vector<v1::LinearizeSpec::Replacement> replacements_;
  std::vector<int64_t> order_;
  std::vector<SpaceDimension> dimensions_;
};

}  // namespace reluscape

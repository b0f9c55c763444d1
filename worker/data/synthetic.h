#pragma once

// The built-in data set: images that are drawn, not read, so that everything can be tried without
// a download. Ten classes, 32 x 32 pixels, RGB. Thread-safe: no state.
//
// The class is the shape (disc, square, triangle, ...) and nothing else: place, size, rotation,
// colours, textures, contrast (also its sign), clutter and noise are drawn independently of it.
// So neither a colour statistic nor any linear function of the pixels tells the classes apart.

#include <cstdint>
#include <span>
#include <string_view>

namespace reluscape {

inline constexpr std::string_view kSyntheticName = "synthetic";
// Enters the data hash. Must change whenever any image changes.
inline constexpr std::string_view kSyntheticVersion = "reluscape-synthetic-1";
inline constexpr int64_t kSyntheticSide = 32;
inline constexpr int64_t kSyntheticClasses = 10;
inline constexpr int64_t kSyntheticTrainImages = 20000;
inline constexpr int64_t kSyntheticTestImages = 4000;
inline constexpr int64_t kSyntheticBytes = kSyntheticSide * kSyntheticSide * 3;

enum class SyntheticPart { kTrain, kTest };

// The shape's name, for label 0 .. kSyntheticClasses - 1.
std::string_view SyntheticClassName(int64_t label);

// The classes follow one another: every multiple of ten images holds all of them equally often.
inline int32_t SyntheticLabel(int64_t index) {
  return static_cast<int32_t>(index % kSyntheticClasses);
}

// Draws image `index` (from 0) of `part`. It depends on part, index and kSyntheticVersion alone,
// bit for bit on every machine: integers, and IEEE doubles with + - * / and square root only.
void DrawSynthetic(SyntheticPart part, int64_t index, std::span<uint8_t, kSyntheticBytes> pixels);

}  // namespace reluscape

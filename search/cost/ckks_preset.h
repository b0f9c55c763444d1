#pragma once

// CKKS presets: parameters, rules for levels, packing and the seconds of every operation by level.
// Thread-safe.
//
// As JSON, one object with the fields of CkksPreset under their own names, all required, and
// `table`, an object of curves in milliseconds: "rotate", "ciphertext_multiplication",
// "relinearization", "plaintext_multiplication", "encode", "rescale", "bootstrap", each a list of
// [level, milliseconds] with rising levels, or null where no source gives it. Between two levels a
// curve is linear; outside them it has no value.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/ckks_packing.h"

namespace reluscape {

// Seconds of one operation by level.
class LevelCurve {
 public:
  LevelCurve() = default;
  // Levels rise.
  explicit LevelCurve(std::vector<std::pair<int64_t, double>> points)
      : points_(std::move(points)) {}

  bool empty() const { return points_.empty(); }
  int64_t last_level() const { return points_.empty() ? -1 : points_.back().first; }
  // std::nullopt outside the first and last level.
  std::optional<double> At(int64_t level) const;

 private:
  std::vector<std::pair<int64_t, double>> points_;
};

struct CkksTable {
  LevelCurve rotate;
  LevelCurve ciphertext_multiplication;
  LevelCurve relinearization;           // empty: in the multiplication
  LevelCurve plaintext_multiplication;  // empty: half a ciphertext multiplication
  LevelCurve encode;  // of a plaintext, in each multiplication; empty: encoded before
  LevelCurve rescale;
  LevelCurve bootstrap;  // by the level that it ends at
};

enum class CkksPackingKind { kMultiplexed, kSingleShot };

struct CkksPreset {
  std::string name;
  std::string description;     // machine and library, one line
  std::string source;          // of parameters and table
  int64_t ring_dimension = 0;  // N
  int64_t slots = 0;           // that counts assume, a power of two, at most N / 2
  CkksPackingKind packing = CkksPackingKind::kMultiplexed;  // "multiplexed", "single_shot"
  // After a bootstrap, rising; the fewest that hold every operation are used.
  std::vector<int64_t> levels;
  int64_t minimum_bootstrap_level = 0;  // that a ciphertext must have left
  int64_t convolution_depth = 0;        // with batch norm, 1 or 2
  int64_t identity_skip_depth = 0;  // 0 to 2: the scale of a skip is matched by a multiplication
  bool stem_free = false;  // the fresh ciphertext has the levels of the first convolution to spare
  bool relu_prescale = false;  // the minimax ReLU takes a level to bring its input into [-1, 1]
  bool relu_refresh = false;   // and may be refreshed between its polynomials
  // Of a convolution, pool or fully connected layer per diagonal and level, seconds; then the table
  // prices bootstraps, activations and skips only.
  std::optional<double> linear_s;
  double band_factor = 2;  // the true seconds are within this factor, both ways
  std::string band_reason;
  CkksTable table;
};

// Those of search/cost/data/ckks/, in a fixed order. Lives as long as the program.
const std::vector<CkksPreset>& BuiltInCkksPresets();

// The built-in preset of that name. INVALID_ARGUMENT lists the names.
absl::StatusOr<const CkksPreset*> FindCkksPreset(const std::string& name);

// INVALID_ARGUMENT names every field that is missing, unknown, negative or not finite; `source` (a
// file's name) stands before it.
absl::StatusOr<CkksPreset> CkksPresetFromJson(const std::string& json, const std::string& source);

}  // namespace reluscape

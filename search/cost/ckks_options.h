#pragma once

// What a user chooses of the CKKS model, beside network and kept ReLUs.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace reluscape {

struct CkksPreset;

struct CkksOptions {
  std::string preset = "mpcnn_cpu";  // parameters, packing and operation table, by name
  // Instead of the built-in one of that name; null: none.
  std::shared_ptr<const CkksPreset> custom_preset = nullptr;
  // Of the polynomial that stands for every ReLU, 2 to 31; empty: the minimax composition.
  std::optional<int64_t> degree = std::nullopt;
  // Degree 2 only: its leading coefficient in the next layer's weights, which saves a level.
  bool fold_activation = false;
  // After a bootstrap; empty: the preset's own, of several the fewest that hold every operation.
  std::optional<int64_t> levels = std::nullopt;
  // A bootstrap may end at any level of the table, at that level's price, not at the highest alone.
  bool any_target = false;

  friend bool operator==(const CkksOptions&, const CkksOptions&) = default;
};

}  // namespace reluscape

#pragma once

// Seconds of CKKS operations by level, from a preset's table. Thread-safe.

#include <optional>

#include "absl/status/statusor.h"
#include "search/cost/ckks_levels.h"
#include "search/cost/ckks_preset.h"
#include "search/cost/ckks_program.h"

namespace reluscape {

// Of one operation that runs at `level`, which is at least its depth. std::nullopt where the preset
// has no price of that kind, or its table ends below or above a level that the operation needs.
std::optional<double> OperationSeconds(const CkksNode& node, const CkksPreset& preset,
                                       int64_t level);

// Whether the preset has a price of that kind of operation at all.
bool HasPrice(const CkksNode& node, const CkksPreset& preset);

// Of every operation and bootstrap, for CheapestSchedule; what has no price is free there.
// `any_target`: bootstraps may end at any level of the table. INVALID_ARGUMENT where the table ends
// before a level that is needed.
absl::StatusOr<LevelPrices> SecondsByLevel(const CkksProgram& program, const CkksPreset& preset,
                                           int64_t levels, bool any_target);

}  // namespace reluscape

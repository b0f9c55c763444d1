#pragma once

// `reluscape estimate --skips`: one network under CKKS with every kind of skip connection, and the
// options of the CKKS model. Not thread-safe.

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/paper_table.h"
#include "search/cost/ckks_options.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"
#include "search/network/architecture.h"

namespace reluscape {

// What the command line says of CKKS, beside the preset.
struct CkksFlags {
  bool skips = false;
  std::optional<int64_t> degree = {};  // empty: the minimax ReLU
  bool fold_activation = false;
  std::optional<int64_t> levels = {};  // empty: the preset's
  bool any_target = false;
};

// `preset` is a name or a JSON file; empty: the default. NOT_FOUND where the file cannot be read,
// INVALID_ARGUMENT names what is wrong.
absl::StatusOr<CkksOptions> CkksOptionsOf(const std::string& preset, const CkksFlags& flags);

// A kind of skip connection that the table has a line for.
struct SkipVariant {
  std::string name;  // "residual", "none", "dirac", "dirac-ss", as the modifier +skip has them
  Architecture architecture;
};

// All four, in that order: the architecture with its other fields unchanged, but for those that
// have no meaning with the kind, which are at their defaults. A variant may be one that cannot be
// built.
std::vector<SkipVariant> SkipVariants(const Architecture& architecture);

// A network as the user wrote it.
struct SkipSubject {
  std::string name;
  Architecture architecture;
};

// Prints levels, bootstraps, rotations and seconds of every variant side by side, or with `json`
// a list of the documents of `estimate`, with "skip" in each. `keep` says which ReLUs a variant
// keeps. A variant that is refused is a line with the reason; where all are, that is an error.
absl::Status EstimateSkips(
    const std::vector<SkipSubject>& subjects, const Setting& setting,
    const std::function<absl::StatusOr<PricedNetwork>(const NetworkLayers&)>& keep,
    TableFormat format, bool json, std::ostream& out);

}  // namespace reluscape

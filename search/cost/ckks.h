#pragma once

// The cost of a whole inference under CKKS, one server and no interaction: levels, bootstraps,
// rotations, multiplications and seconds. Always an estimate of a model, never a measurement.
//
// A mask changes it only where it leaves a layer without any ReLU (ckks_program.h): the cost is one
// of the set of layers that keep some, and of the set that have polynomials of degree 2.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/ckks_options.h"
#include "search/cost/ckks_packing.h"
#include "search/cost/ckks_preset.h"
#include "search/cost/ckks_program.h"
#include "search/network/network.h"

namespace reluscape {

// Numbers of one kind of operation, or of all.
struct CkksTotals {
  CkksPart part = CkksPart::kFree;
  CkksOps ops;
  std::optional<double> seconds;  // empty where the preset has no price of it
};

// One operation in the schedule that takes the least time.
struct CkksStep {
  std::string name;
  CkksPart part = CkksPart::kFree;
  int section = 0;
  int64_t level = 0;        // that it runs at
  int64_t depth = 0;        // levels that it consumes, of the stem too
  int64_t ciphertexts = 1;  // of its result
  int64_t bootstraps = 0;   // ciphertexts that are refreshed before it
  CkksOps ops;
  std::optional<double> seconds;  // without bootstraps
  double bootstrap_seconds = 0;
};

struct CkksEstimate {
  std::string preset;
  std::string activation;
  int64_t levels = 0;  // after a bootstrap
  int64_t depth = 0;   // multiplicative depth of the network
  // The fewest places where a value is refreshed, and the fewest ciphertexts: two questions, whose
  // answers need not be one schedule. A value may be refreshed once for all that use it.
  int64_t bootstraps = 0;
  int64_t bootstraps_weighted = 0;
  std::vector<int64_t> section_bootstraps;  // ciphertexts, of the second, by Op::section
  CkksOps ops;                              // of the whole network
  std::vector<CkksTotals> parts;            // that occur, in the order of CkksPart
  // The schedule that takes the least time; it may hold more bootstraps than the fewest.
  double seconds = 0;  // of all that has a price
  double bootstrap_seconds = 0;
  int64_t schedule_bootstraps = 0;  // ciphertexts
  int64_t peak_level = 0;           // the highest that an operation runs at
  std::vector<CkksStep> steps;
  std::string missing;  // what has no price, and why; empty: `seconds` is the whole
  // The true seconds lie within this factor, both ways; wider where shapes are extrapolated.
  double band_factor = 1;
  std::string band_reason;
  std::vector<std::string> notes;
};

// How much wider the band is where shapes are extrapolated: an assumption of this project.
inline constexpr double kCkksExtrapolatedBand = 1.5;

// What of a network's cost no mask changes. Immutable and thread-safe.
class CkksPricer {
 public:
  // Copies what it needs. INVALID_ARGUMENT names the option, or the operation that does not fit the
  // packing or needs more levels than there are.
  static absl::StatusOr<CkksPricer> Create(const Network& network, const CkksOptions& options);

  // Of every operation, whether it is a ReLU layer that keeps any ReLU, and whether it is one that
  // has polynomials of degree 2 (empty: none is).
  absl::StatusOr<CkksEstimate> Price(const std::vector<bool>& active,
                                     const std::vector<bool>& polynomials = {}) const;

 private:
  CkksPricer() = default;

  Network network_;
  CkksPreset preset_;
  CkksActivation activation_;
  CkksActivation quadratic_;  // of layers with polynomials and no ReLU
  CkksRules rules_;
  CkksLayers layers_;
  bool any_target_ = false;
};

// `active` of a network that keeps all of its ReLUs.
std::vector<bool> AllReluLayers(const Network& network);

}  // namespace reluscape

#pragma once

// Protocols that do everything once the image is there: sums their layers into the online phase.
// Thread-safe.

#include <cstdint>
#include <optional>
#include <vector>

#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"

namespace reluscape {

// One layer's share of the online phase, without communication in its seconds.
struct LayerCost {
  std::optional<double> seconds = {};  // empty: no source gives it
  Traffic known = {};                  // whose directions are known
  int64_t unknown = 0;                 // bytes of unknown direction, both together
  int64_t flights = 0;                 // one-way messages
  std::vector<Extra> extras = {};
};

// The i-th cost belongs to NetworkLayers::linear[i] and nonlinear[i].
struct OnePhaseCosts {
  std::vector<LayerCost> linear;
  std::vector<LayerCost> nonlinear;
  // Of the polynomials in nonlinear[i], which share its flights; empty: there are none.
  std::vector<LayerCost> polynomials = {};
};

// Sum of the seconds that are known.
double KnownSeconds(const std::vector<LayerCost>& costs);

// Adds transfer and round trips to `estimate.online`, whose terms of computation stand there
// already, and fills the layers where the setting asks for them.
void FinishOnePhase(const OnePhaseCosts& costs, const PricedNetwork& network,
                    const Setting& setting, Estimate& estimate);

}  // namespace reluscape

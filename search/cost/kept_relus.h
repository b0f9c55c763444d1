#pragma once

// How many ReLUs each layer keeps, from what a user states. Thread-safe.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "search/cost/layers.h"

namespace reluscape {

// Every ReLU of the network.
PricedNetwork KeepAllRelus(const NetworkLayers& layers);

// Makes a polynomial of degree 2 of every ReLU that `network` does not keep.
void MakeRestPolynomials(PricedNetwork& network);

// `relus` in all, spread in proportion to each layer's units: every layer gets the whole part of
// its share, and what is left goes one each to the largest remainders, the earlier layer first.
// INVALID_ARGUMENT unless 0 <= relus <= layers.relus.
absl::StatusOr<PricedNetwork> KeepRelus(const NetworkLayers& layers, int64_t relus);

// From a JSON object {"<layer>": count, ...}; a ReLU layer that it does not name keeps none.
// INVALID_ARGUMENT lists every entry that names no ReLU layer, is no whole number or is more than
// the layer has. `source` (a file's name) stands before every line.
absl::StatusOr<PricedNetwork> KeepRelusPerLayer(const NetworkLayers& layers,
                                                const std::string& json, const std::string& source);

}  // namespace reluscape

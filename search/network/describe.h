#pragma once

// A network as a text for people. Thread-safe.

#include <string>

#include "search/network/accounting.h"
#include "search/network/names.h"

namespace reluscape {

// "64x32x32": channels, height, width.
std::string ShapeText(const Shape& shape);

// Canonical text, hash and totals, then tables of the sections, the skip connections and the
// layers, with thousands separated. `network` and `counts` are those of `architecture`. Ends with a
// newline.
std::string DescribeAsText(const Architecture& architecture, const Network& network,
                           const NetworkCounts& counts);

}  // namespace reluscape

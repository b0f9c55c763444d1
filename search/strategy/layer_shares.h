#pragma once

// Where descents have left ReLUs, so that other networks can be priced before theirs has ended. Not
// thread-safe.

#include <array>
#include <cstdint>
#include <optional>

#include "search/cost/layers.h"

namespace reluscape {

class LayerShares {
 public:
  // What a Result has kept.
  void Learn(const PricedNetwork& network);

  // `budget` ReLUs of a network, spread as in those that were learnt: by how deep a layer lies and
  // by which part of all ReLUs stays. Nothing where none was learnt whose part is within a factor
  // of four.
  std::optional<PricedNetwork> Predict(const NetworkLayers& layers, int64_t budget) const;

 private:
  static constexpr int kDepths = 8;    // equal parts of the ReLU layers
  static constexpr int kOctaves = 24;  // parts of all ReLUs: 1 to 1/2, 1/2 to 1/4, ...

  // Of a layer's kept part over the network's; 1 = in proportion.
  struct Density {
    double sum = 0;
    int64_t count = 0;
  };
  static int OctaveOf(int64_t kept, int64_t all);

  std::array<std::array<Density, kDepths>, kOctaves> densities_;
};

}  // namespace reluscape

#include "search/strategy/layer_shares.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace reluscape {
namespace {

// Places of the ReLU layers in NetworkLayers::nonlinear.
std::vector<size_t> ReluPlaces(const NetworkLayers& layers) {
  std::vector<size_t> places;
  for (size_t i = 0; i < layers.nonlinear.size(); ++i) {
    if (layers.nonlinear[i].kind == NonlinearKind::kRelu) places.push_back(i);
  }
  return places;
}

// Whole numbers in proportion to `weights`, each at most its limit, `total` in all. The limits sum
// to at least `total`, and every weight is above 0.
std::vector<int64_t> Spread(int64_t total, const std::vector<double>& weights,
                            const std::vector<int64_t>& limits) {
  std::vector<int64_t> parts(weights.size(), 0);
  std::vector<bool> full(weights.size(), false);
  int64_t left = total;
  double open = 0;
  for (const double weight : weights) open += weight;
  // Those that would get more than they hold are filled first; the rest share what is left.
  for (bool filled = true; filled;) {
    filled = false;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (full[i] ||
          static_cast<double>(left) * weights[i] < static_cast<double>(limits[i]) * open) {
        continue;
      }
      full[i] = filled = true;
      parts[i] = std::min(limits[i], left);
      left -= parts[i];
      open -= weights[i];
    }
  }
  const int64_t shared = left;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (full[i]) continue;
    parts[i] = std::min(
        {limits[i], left, static_cast<int64_t>(static_cast<double>(shared) * weights[i] / open)});
    left -= parts[i];
  }
  for (size_t i = 0; i < weights.size() && left > 0; ++i) {
    const int64_t more = std::min(left, limits[i] - parts[i]);
    parts[i] += full[i] ? 0 : std::min<int64_t>(more, 1);
    left -= full[i] ? 0 : std::min<int64_t>(more, 1);
  }
  for (size_t i = 0; i < weights.size() && left > 0; ++i) {  // rounding of large numbers
    const int64_t more = std::min(left, limits[i] - parts[i]);
    parts[i] += more;
    left -= more;
  }
  return parts;
}

}  // namespace

int LayerShares::OctaveOf(int64_t kept, int64_t all) {
  const double part = static_cast<double>(kept) / static_cast<double>(all);
  return std::clamp(static_cast<int>(-std::log2(part)), 0, kOctaves - 1);
}

void LayerShares::Learn(const PricedNetwork& network) {
  const NetworkLayers& layers = *network.layers;
  const int64_t kept = KeptRelus(network);
  if (kept <= 0 || layers.relus <= 0) return;
  const double part = static_cast<double>(kept) / static_cast<double>(layers.relus);
  auto& densities = densities_[static_cast<size_t>(OctaveOf(kept, layers.relus))];
  const std::vector<size_t> places = ReluPlaces(layers);
  for (size_t k = 0; k < places.size(); ++k) {
    const auto units = static_cast<double>(layers.nonlinear[places[k]].units);
    Density& density = densities[k * kDepths / places.size()];
    density.sum += static_cast<double>(network.kept[places[k]]) / units / part;
    ++density.count;
  }
}

std::optional<PricedNetwork> LayerShares::Predict(const NetworkLayers& layers,
                                                  int64_t budget) const {
  if (budget <= 0 || budget > layers.relus) return std::nullopt;
  const std::vector<size_t> places = ReluPlaces(layers);
  std::vector<double> weights(places.size(), 1);
  std::vector<int64_t> limits(places.size());
  const int octave = OctaveOf(budget, layers.relus);
  bool known = false;
  for (size_t k = 0; k < places.size(); ++k) {
    double sum = 0;
    double count = 0;
    for (int other = std::max(0, octave - 1); other <= std::min(kOctaves - 1, octave + 1);
         ++other) {
      const Density& density = densities_[static_cast<size_t>(other)][k * kDepths / places.size()];
      const double weight = other == octave ? 1 : 0.25;
      sum += weight * density.sum;
      count += weight * static_cast<double>(density.count);
    }
    limits[k] = layers.nonlinear[places[k]].units;
    // A layer that never kept any may keep a few.
    const double relative = count > 0 ? std::max(sum / count, 1e-3) : 1;
    known |= count > 0;
    weights[k] = relative * static_cast<double>(limits[k]);
  }
  if (!known) return std::nullopt;
  PricedNetwork predicted = {.layers = &layers, .kept = {}};
  for (const NonlinearLayer& layer : layers.nonlinear) predicted.kept.push_back(layer.units);
  const std::vector<int64_t> parts = Spread(budget, weights, limits);
  for (size_t k = 0; k < places.size(); ++k) predicted.kept[places[k]] = parts[k];
  return predicted;
}

}  // namespace reluscape

#pragma once

// What the cost of private inference is computed from: a network's linear and nonlinear layers in
// network order, with the shapes that packings need, and how many ReLUs of each are left.
//
// Batch norm, the factor of a kScale and a Dirac parameterization are folded into the convolution
// before them; sums, average pools and parameter-free down-sampling are local on shares. None of
// them is a layer here. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/network.h"

namespace reluscape {

// Limits of what is priced. With them no count, byte or sum of any protocol leaves 63 bits; real
// networks stay far below.
inline constexpr int64_t kMaxPricedLayers = 4096;  // of each kind
inline constexpr int64_t kMaxPricedChannels = 131'072;
inline constexpr int64_t kMaxPricedSide = 4096;              // pixels
inline constexpr int64_t kMaxPricedKernel = 64;              // pixels
inline constexpr int64_t kMaxPricedElements = 1LL << 40;     // of all layers together
inline constexpr int64_t kMaxPricedMacs = 1LL << 50;         // likewise
inline constexpr int64_t kMaxPricedComparisons = 1LL << 40;  // ReLU equivalents, likewise

// A convolution, or the classifier (then height = width = kernel = 1, in_channels = all elements
// that enter it).
struct LinearLayer {
  std::string name;
  int op = 0;  // index into Network::ops
  bool fully_connected = false;
  int64_t height = 1;  // of the input, pixels
  int64_t width = 1;
  int64_t in_channels = 0;
  int64_t out_height = 1;
  int64_t out_width = 1;
  int64_t out_channels = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t macs = 0;

  int64_t InElements() const { return in_channels * height * width; }
  int64_t OutElements() const { return out_channels * out_height * out_width; }
};

enum class NonlinearKind { kRelu, kMaxPool };

struct NonlinearLayer {
  std::string name;
  int op = 0;  // index into Network::ops
  NonlinearKind kind = NonlinearKind::kRelu;
  // ReLUs of the layer before any is removed. A k x k max pool counts k^2 - 1 ReLU equivalents per
  // output, one comparison with multiplexer each; they cannot be removed.
  int64_t units = 0;
  // Comparisons that wait for each other: 1 of a ReLU, ceil(log2(k^2)) of a max pool, whose
  // maximum is found pairwise.
  int64_t depth = 1;
};

struct NetworkLayers {
  Network network;
  std::vector<LinearLayer> linear = {};        // in network order
  std::vector<NonlinearLayer> nonlinear = {};  // in network order
  int64_t image_elements = 0;
  int64_t classes = 0;
  int64_t macs = 0;             // of all linear layers
  int64_t linear_elements = 0;  // that enter all linear layers: E of DELPHI's message sizes
  int64_t relus = 0;            // units of all kRelu layers, max pools not counted
  // Whether every channel count of a convolution is a power of two, the image's own apart. Packings
  // of other widths are computed by the same formulas, which no measurement has confirmed.
  bool power_of_two_widths = true;
};

// INVALID_ARGUMENT names the operation that does not fit its inputs or exceeds a limit above.
absl::StatusOr<NetworkLayers> LayersOf(const Network& network);

// A network of whose ReLUs some are left. Borrows `layers`.
struct PricedNetwork {
  const NetworkLayers* layers = nullptr;  // never null
  std::vector<int64_t> kept;              // per NetworkLayers::nonlinear, at most its units
  // Likewise, of the ReLUs that are not kept: units that are polynomials of degree 2. The rest pass
  // their input on. Empty: no layer has any.
  std::vector<int64_t> polynomials = {};

  int64_t PolynomialsOf(size_t layer) const { return polynomials.empty() ? 0 : polynomials[layer]; }
};

// How many of `kept` are ReLUs, and how many ReLU equivalents with those of max pools.
int64_t KeptRelus(const PricedNetwork& network);
int64_t CountPolynomials(const PricedNetwork& network);
int64_t Comparisons(const PricedNetwork& network);

}  // namespace reluscape

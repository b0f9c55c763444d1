#pragma once

// A network as the operations that CKKS runs: levels, ciphertexts, counts and which value each
// takes. Thread-safe.
//
// Beside the network's own operations:
//  * batch norm is folded into the convolution before it, or where none stands there, into what is
//    behind it: weights, masks, or the coefficients of an activation, which may differ by channel
//    at no extra level (as HerPN's do, public code of AutoFHE). Where neither can take it, it is a
//    plaintext multiplication of its own, one level;
//  * a ReLU layer of which nothing is kept is gone; of one that keeps any ReLU the activation is
//    that of the whole layer, since one operation works on all slots;
//  * a layer with polynomials of degree 2 and no ReLU is one such polynomial, with coefficients by
//    slot. Beside ReLUs the polynomials need no operation where an activation is one polynomial
//    (coefficients by slot again), and with the composition one plaintext multiplication: a slot
//    computes x (A + B sign(x) + C x) + D, whose C x is added before the last product (derived);
//  * an identity skip is a plaintext multiplication that matches its scale, of the preset's depth;
//    a skip with an operation of its own, whose result joins once, matches its scale there;
//  * a trainable factor on a skip is folded into the skip's own operation, else it is that
//    multiplication, one level at least.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/ckks_activation.h"
#include "search/cost/ckks_levels.h"
#include "search/cost/ckks_linear.h"
#include "search/cost/ckks_preset.h"
#include "search/network/network.h"

namespace reluscape {

enum class CkksPart {
  kFree,  // the fresh input, additions
  kConvolution,
  kActivation,
  kSkip,  // everything that stands on a skip
  kPool,
  kFullyConnected,
  kBatchNorm,  // not folded
};

// "convolutions", "activations", "skips", "pool", "fc", "batch_norm"; "" of kFree.
const char* PartName(CkksPart part);

// Part of an operation's work, `below` levels below the one that it runs at. Fractions, since the
// multiplications of an activation are spread evenly over its levels.
struct LevelWork {
  int64_t below = 0;
  double rotations = 0;
  double plaintext_multiplications = 0;
  double ciphertext_multiplications = 0;
  double rescales = 0;
};

struct CkksNode {
  CkksPart part = CkksPart::kFree;
  std::string name;
  int section = 0;
  LevelNode level;  // depth 0 of a stem that is free
  // The first convolution of a fresh ciphertext with levels to spare: it runs at this level always.
  int64_t fixed_level = 0;  // 0: it is none
  int64_t depth = 0;        // multiplicative depth, of a free stem too
  CkksOps ops;              // all ciphertexts
  std::vector<LevelWork> work;
};

struct CkksProgram {
  std::vector<CkksNode> nodes;
  int64_t depth = 0;  // levels along the deepest path
};

// What the rules above depend on beside the network.
struct CkksRules {
  int64_t levels = 0;  // after a bootstrap
  int64_t convolution_depth = 1;
  int64_t identity_skip_depth = 0;
  bool stem_free = false;
  bool relu_refresh = false;  // a composition may be refreshed between its polynomials
};

// Layers of which units are polynomials of degree 2.
struct CkksPolynomials {
  // Of every operation of the network, whether it is a ReLU layer with such units; empty: none is.
  std::vector<bool> layers = {};
  CkksActivation activation = {};  // of a layer that keeps no ReLU beside them
};

// `active` says of every operation of the network whether it is a ReLU layer that keeps any ReLU;
// other operations' entries do not matter. INVALID_ARGUMENT names the operation whose structure
// cannot be priced.
absl::StatusOr<CkksProgram> BuildCkksProgram(const Network& network, const CkksLayers& layers,
                                             const std::vector<bool>& active,
                                             const CkksActivation& activation,
                                             const CkksRules& rules,
                                             const CkksPolynomials& polynomials = {});

// The part of a program that decides about levels. `weighted`: with the ciphertexts of each value,
// else one.
LevelProgram LevelsOf(const CkksProgram& program, const CkksRules& rules,
                      int64_t minimum_bootstrap_level, bool weighted);

}  // namespace reluscape

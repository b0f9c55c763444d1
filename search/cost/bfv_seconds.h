#pragma once

// Seconds of the homomorphic linear layers that bfv_packing.h counts. Thread-safe.

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/bfv_packing.h"
#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"

namespace reluscape {

// AMD EPYC 7502, SEAL 3.6.5, one thread, seconds. The first two are a least-squares fit to the
// layers 0 to 21 of ResNet-32 on CIFAR in the public data of the ASPLOS 2023 artifact, for key
// switches counted by the plain non-adjacent form (bfv_packing.h); the others are its means per
// ciphertext.
inline constexpr double kBfvMultiplyS = 2.5087e-3;
inline constexpr double kBfvKeySwitchS = 3.5239e-3;
inline constexpr double kBfvEncryptS = 4.44e-3;  // per upload ciphertext
inline constexpr double kBfvDecryptS = 1.9e-3;   // per download ciphertext, 1.5 to 3.6 measured
// One transform of size 8192 on that machine, derived from the two fits: all four are scaled by a
// profile's own over this one.
inline constexpr double kBfvTransformS = 0.125e-3;

// A profile's constants over the reference machine's.
struct MachineFactor {
  std::optional<double> factor = {};  // empty: nothing is known of the machine
  bool assumed = false;
  std::string reason = {};
};

// From ntt_8192_s, else from ntt_4096_s by n log2 n, which is labelled as assumed.
MachineFactor BfvMachineFactor(const HardwareProfile& profile);

struct BfvWork {
  std::vector<BfvCounts> layers;  // per NetworkLayers::linear
  BfvCounts sum;
};

// INVALID_ARGUMENT where a layer does not fit the packing.
absl::StatusOr<BfvWork> CountBfvWork(const NetworkLayers& layers);

// One layer on one thread of the reference machine: evaluation, and the client's ciphertexts.
double BfvEvaluationSeconds(const BfvCounts& counts);
double BfvClientSeconds(const BfvCounts& counts);

// Evaluation on the server's HE threads, encryption and decryption on one thread of the client; or
// Setting::measured in their place. A client of which nothing is known counts as the reference
// machine, labelled as assumed (the artifact does the same); a server leaves its term missing.
std::vector<TimeTerm> BfvTerms(const BfvWork& work, const Setting& setting);

// The four counts as "he.plaintext_multiplications", ...
std::vector<Extra> BfvExtras(const BfvCounts& counts);

}  // namespace reluscape

#pragma once

// Operation counts of homomorphic linear layers under DELPHI's BFV packing (after Gazelle):
// N = 8192, 4 data primes and 1 special prime, 8192 slots in 2 halves of 4096. Thread-safe.
//
// A channel takes np2(H * W) slots of a half. Convolutions are evaluated with SAME padding at the
// resolution of their input; a stride only leaves results out afterwards. A rotation by any step is
// made of key switches by powers of two, one per non-zero digit of the step's non-adjacent form.
// Source: public code of DELPHI (mc2-project/delphi) and of SEAL; ciphertext counts agree with
// every layer that the ASPLOS 2023 artifact measured.

#include <cstdint>

#include "absl/status/statusor.h"
#include "search/cost/layers.h"

namespace reluscape {

inline constexpr int64_t kBfvHalfSlots = 4096;
inline constexpr int64_t kBfvSlots = 2 * kBfvHalfSlots;
// Bytes of one ciphertext as it is sent. Source: public code of DELPHI, public data of the
// artifact.
inline constexpr int64_t kBfvCiphertextBytes = 524'394;

struct BfvCounts {
  int64_t plaintext_multiplications = 0;
  int64_t key_switches = 0;  // of rotations and column swaps
  int64_t upload_ciphertexts = 0;
  int64_t download_ciphertexts = 0;

  friend bool operator==(const BfvCounts&, const BfvCounts&) = default;
};

// INVALID_ARGUMENT names the layer that does not fit the packing: an image of more than 4096
// pixels, a padding that is not SAME, or a fully connected layer with more than 8192 inputs or
// outputs.
absl::StatusOr<BfvCounts> CountBfv(const LinearLayer& layer);

}  // namespace reluscape

#pragma once

// SecretFlow SPU 0.9.5, two parties, ring of 64 bits: bytes as its own link counters showed them in
// steady state (FM64, loopback; exact and repeatable), fitted on single operations and checked on a
// small residual network. "spu_semi2k" has Beaver triples from a trusted first party, whose traffic
// is not counted; "spu_cheetah" is SPU's own Cheetah with Ferret OT, which is not OpenCheetah.
// Online only. Immutable and thread-safe.
//
// No source gives seconds of the linear layers: totals are lower bounds. Masks save bytes only
// where the kept positions are packed, which makes the mask public to the client.

#include <cstdint>
#include <string>

#include "search/cost/protocol_model.h"

namespace reluscape {

// A convolution as the matrix product that SPU makes of it: M x K times K x N.
struct MatrixProduct {
  int64_t m = 0;
  int64_t k = 0;
  int64_t n = 0;
};
MatrixProduct MatrixProductOf(const LinearLayer& layer);

// Semi2k, bytes that each party sends: of one ReLU in a ring of `ring_bits` (32, 64 and 128 were
// measured), and of a linear layer with its truncation at 64 bits.
int64_t Semi2kReluBytes(int64_t ring_bits);
int64_t Semi2kLinearBytes(const MatrixProduct& product);

// SPU's Cheetah, bytes of both parties together. Tenths of a byte per ReLU at 64 bits, with the
// share of OT refills (5.7) that a long run pays.
inline constexpr int64_t kSpuCheetahReluTenthBytes = 985;
inline constexpr int64_t kSpuCheetahRefillTenthBytes = 57;
// INVALID_ARGUMENT where min(M, N) exceeds 8192: never measured. Twice as much where the weights
// are secret-shared and not one party's.
absl::StatusOr<int64_t> SpuCheetahLinearBytes(const std::string& layer,
                                              const MatrixProduct& product, bool shared_weights);

enum class SpuProtocol { kSemi2k, kCheetah };

class Spu final : public ProtocolModel {
 public:
  explicit Spu(SpuProtocol protocol) : protocol_(protocol) {}

  std::string Name() const override;
  std::string Version() const override { return "1"; }
  std::string Source() const override;
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;

 private:
  SpuProtocol protocol_;
};

}  // namespace reluscape

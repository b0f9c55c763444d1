#pragma once

// Cheetah (USENIX Security 2022) as its public code OpenCheetah runs it: BFV with coefficient
// encoding and no rotations, N = 4096; ReLUs by silent OT. Everything online, l = 37 and 12
// fraction bits unless set. Immutable and thread-safe.

#include <cstdint>
#include <string>

#include "search/cost/protocol_model.h"

namespace reluscape {

inline constexpr int64_t kCheetahDegree = 4096;
// Bytes of one ciphertext that the client sends. Source: public code.
inline constexpr int64_t kCheetahUploadBytes = 62'425;
// One that the server returns: 50 bits per coefficient of one polynomial and l + 1 bits per useful
// output. Source: read from the code, not checked against a log.
inline constexpr int64_t kCheetahDownloadBits = 4096 * 50;
// Seconds on the machine of the public log, 4 threads without AVX-512, derived from it; a large
// first layer is under-estimated. 84.5 us are 10 transforms of 34 us on 4 threads.
inline constexpr double kCheetahMultiplyS = 84.5e-6;
inline constexpr double kCheetahDownloadS = 0.27e-3;
inline constexpr double kCheetahTransformS = 34e-6;
inline constexpr int64_t kCheetahThreads = 4;
// Seconds times threads of one ReLU with fused truncation, same log.
inline constexpr double kCheetahReluS = 4e-6;
// One-off: about, at 4 threads, public log.
inline constexpr int64_t kCheetahSetUpBytes = 6'000'000;

struct CheetahCounts {
  int64_t upload_ciphertexts = 0;
  int64_t multiplications = 0;
  int64_t download_ciphertexts = 0;

  friend bool operator==(const CheetahCounts&, const CheetahCounts&) = default;
};

// Of a convolution. A fully connected layer counts as a 1 x 1 convolution on a 1 x 1 map, which is
// an assumption: no source gives its packing.
CheetahCounts CountCheetah(const LinearLayer& layer);

// Of all results of a layer, `ring_bits` = l.
int64_t CheetahDownloadBytes(const LinearLayer& layer, const CheetahCounts& counts,
                             int64_t ring_bits);

class Cheetah final : public ProtocolModel {
 public:
  std::string Name() const override { return "cheetah"; }
  std::string Version() const override { return "1"; }
  std::string Source() const override;
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;
};

}  // namespace reluscape

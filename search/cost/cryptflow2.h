#pragma once

// CrypTFlow2 (CCS 2020, code EzPC/SCI): everything online. "cryptflow2" has linear layers by OT
// (SCI_OT), whose seconds no source gives: its totals are lower bounds. "cryptflow2_he" has them by
// homomorphic encryption (SCI_HE) with DELPHI's packing as a stand-in and the ReLU of the field
// version, both labelled as assumptions. Immutable and thread-safe.

#include <cstdint>
#include <string>

#include "search/cost/protocol_model.h"

namespace reluscape {

// Bytes per multiply-accumulate of the OT linear layers, about: derived from a public ResNet-50 log
// (EzPC issue 204).
inline constexpr int64_t kCryptflow2BytesPerMac = 90;
// Seconds per ReLU in the same log; machine and threads are not known.
inline constexpr double kCryptflow2ReluS = 10e-6;

// Bits per ReLU of the field version (SCI_HE), an upper bound recalled from the paper and not
// checked: 1.5 * 128 (l + 1) + 31 l.
int64_t Cryptflow2FieldReluBits(int64_t ring_bits);

enum class Cryptflow2Linear { kOt, kHe };

class Cryptflow2 final : public ProtocolModel {
 public:
  explicit Cryptflow2(Cryptflow2Linear linear) : linear_(linear) {}

  std::string Name() const override;
  std::string Version() const override;
  std::string Source() const override;
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;

 private:
  Cryptflow2Linear linear_;
};

}  // namespace reluscape

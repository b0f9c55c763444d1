#pragma once

// DELPHI (USENIX Security 2020): homomorphic encryption of random shares and garbled circuits. The
// linear layers' encryption, garbling and most transfer happen offline. Its garbler is the server
// in the original and the client in the proposal of the ASPLOS 2023 characterization, which moves
// OT online. Byte counts are exact: public data of that paper's artifact (kvgarimella/cryptonite),
// the same on all its networks. Immutable and thread-safe.
//
// Two models of the seconds. "whole_phase": constants that hold OT, local transfer and the default
// thread pool, for loopback with the reference machine (profile epyc_7502) on both sides and the
// server as garbler. "composition": terms one by one, everywhere else; on loopback it is 6 to 13 %
// low offline and about 30 % low online, since no source gives OT apart.

#include <cstdint>
#include <string>

#include "search/cost/protocol_model.h"

namespace reluscape {

enum class Garbler { kServer, kClient };

// Bytes of messages per ReLU, 42 wires, ReLU6. Source: public data of the artifact; 331 AND gates
// of 48 bytes and 8 bytes more make the circuit.
inline constexpr int64_t kDelphiAndGates = 331;
inline constexpr int64_t kDelphiCircuitBytes = 15'896;
inline constexpr int64_t kDelphiGarblerLabelBytes = 1'176;
inline constexpr int64_t kDelphiOtSetUpBytes = 672;
inline constexpr int64_t kDelphiOtMessageBytes = 1'344;
inline constexpr int64_t kDelphiOnlineLabelBytes = 1'184;
// Stored per ReLU until the image comes.
inline constexpr int64_t kDelphiEvaluatorStorageBytes = 18'248;
inline constexpr int64_t kDelphiGarblerStorageBytes = 3'590;
// A masked share: per element, and per message. The prediction is one such message (131 bytes for
// 10 classes in the artifact's data).
inline constexpr int64_t kDelphiShareBytes = 9;
inline constexpr int64_t kDelphiMessageBytes = 41;
inline constexpr int64_t kDelphiBaseOtBytes = 4'096;
// One-off: key generation on the reference machine, and the keys.
inline constexpr double kDelphiKeyGenerationS = 0.340;
inline constexpr int64_t kDelphiKeyBytes = 33'180'308;
// Of whole phases, seconds per ReLU: means over the artifact's networks, spread about 6 %; and the
// factor of the linear offline phase on one machine.
inline constexpr double kDelphiWholeOfflineS = 55.2e-6;
inline constexpr double kDelphiWholeOnlineS = 25.5e-6;
inline constexpr double kDelphiLinearFactor = 1.04;
// What of the two is compute alone: garbling with encoding, evaluation with encoding.
inline constexpr double kDelphiComputeOfflineS = 38e-6;
inline constexpr double kDelphiComputeOnlineS = 22e-6;
// Encoding where a profile has no value: assumption, seconds per ReLU.
inline constexpr double kDelphiEncodeOfflineS = 7.3e-6;
inline constexpr double kDelphiEncodeOnlineS = 3.8e-6;
// Garbling and evaluation scale with threads up to here (the artifact's model).
inline constexpr int64_t kDelphiMaxGcThreads = 4;

// Server seconds of convolutions on shares, assumption: linear in MACs through the two measured
// values, 0.28 s of ResNet-32 and 0.43 s of ResNet-18 on CIFAR (public data of the artifact).
double DelphiShareSeconds(int64_t macs);

class Delphi final : public ProtocolModel {
 public:
  explicit Delphi(Garbler garbler) : garbler_(garbler) {}

  std::string Name() const override;
  std::string Version() const override;
  std::string Source() const override;
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;

 private:
  Garbler garbler_;
};

}  // namespace reluscape

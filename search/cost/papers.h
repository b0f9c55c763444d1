#pragma once

// "papers": what the literature on ReLU reduction (CryptoNAS, DeepReDuce, SNL, SENet) prints as
// online seconds: one constant per ReLU, evaluated in garbled circuits under the DELPHI protocol.
// What is not in it: the offline phase (homomorphic encryption of the linear layers, garbling), the
// online linear layers, the link, and a fixed cost of up to about 0.2 s that shows in DeepReDuce's
// points below 25,000 ReLUs. It ranks networks as those papers do and is no estimate of a whole
// inference. Its one metric is "papers.online_s". Immutable and thread-safe.

#include <cstdint>
#include <string>

#include "search/cost/protocol_model.h"

namespace reluscape {

// Of every Result, whatever else its Job asks for.
inline constexpr char kPapersMetric[] = "papers.online_s";

// Seconds of online garbled-circuit work per ReLU.
//
// Source: Cryptonite (Garimella et al., ASPLOS 2023, public code) measured 18.25 us to evaluate
// plus 3.58 us to encode one ReLU, 21.8 us in sum, for ResNet18 under DELPHI; the points that SNL
// published lie at 21.4 to 22.6 us. 21.5 is the value between them that Reluscape chose.
// Confidence: high within 21 to 22 us; single published points lie up to 9 % off (the table in
// papers_test.cc).
inline constexpr double kPapersSecondsPerRelu = 21.5e-6;

class Papers final : public ProtocolModel {
 public:
  std::string Name() const override;
  std::string Version() const override;
  std::string Source() const override;
  SettingKind Kind() const override { return SettingKind::kNone; }
  // The ReLUs that are kept count, and nothing else of the network or the setting.
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;
};

// The same number of that many ReLUs.
double PapersOnlineSeconds(int64_t relus);

}  // namespace reluscape

#pragma once

// CKKS behind the interface of protocols: the whole inference on the server, without interaction.
// All seconds stand in the online phase; client, server and link have no part in it, the preset of
// Setting::ckks has.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "search/cost/ckks.h"
#include "search/cost/protocol_model.h"

namespace reluscape {

// Remembers the latest networks, and what it said of the sets of layers that keep ReLUs, which is
// all that results of one network differ in here. Thread-safe.
class Ckks final : public ProtocolModel {
 public:
  Ckks();
  std::string Name() const override;
  // Holds a hash of the built-in presets.
  std::string Version() const override;
  std::string Source() const override;
  SettingKind Kind() const override { return SettingKind::kPreset; }
  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override;

  // The estimate itself, with counts and schedule; the two calls above and here share their memory.
  absl::StatusOr<std::shared_ptr<const CkksEstimate>> PriceCkks(const PricedNetwork& network,
                                                                const CkksOptions& options) const;

 private:
  // Which operations keep ReLUs, and which have polynomials.
  using KnownSet = std::pair<std::vector<bool>, std::vector<bool>>;
  struct Known {
    Network network;
    CkksOptions options;
    CkksPricer pricer;
    std::map<KnownSet, std::shared_ptr<const CkksEstimate>> estimates;
  };

  std::string version_;
  mutable Mutex mutex_;
  mutable std::deque<Known> known_ GUARDED_BY(mutex_);  // newest first
};

}  // namespace reluscape

#pragma once

// The small interface behind which every protocol stands, one file each.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"

namespace reluscape {

// What stands behind '@' in the metrics of a protocol (search/cost/metric.h).
enum class SettingKind {
  kLink,    // the link between client and server
  kPreset,  // a preset of ckks
  kNone,    // nothing: its numbers depend on no setting
};

// Immutable and thread-safe.
class ProtocolModel {
 public:
  virtual ~ProtocolModel() = default;
  virtual std::string Name() const = 0;     // "delphi_server_garbler": lower case, '_', digits
  virtual std::string Version() const = 0;  // changes when any constant or formula changes
  virtual std::string Source() const = 0;   // of formulas and constants, one sentence
  virtual SettingKind Kind() const { return SettingKind::kLink; }
  // The cost of one inference. INVALID_ARGUMENT says which layer or field cannot be priced and why:
  // what does not fit a packing is refused, never extrapolated.
  virtual absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                         const Setting& setting) const = 0;
};

// Every protocol of a whole inference, in a fixed order. The pointers live as long as the program.
const std::vector<const ProtocolModel*>& ProtocolModels();

// INVALID_ARGUMENT lists the names.
absl::StatusOr<const ProtocolModel*> FindProtocolModel(const std::string& name);

// Checks what every protocol needs of its arguments (`kept` fits the layers, numbers of `setting`
// are in range) and prices. INVALID_ARGUMENT names what does not fit.
absl::StatusOr<Estimate> PricePrivateInference(const ProtocolModel& model,
                                               const PricedNetwork& network,
                                               const Setting& setting);

}  // namespace reluscape

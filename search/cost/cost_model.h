#pragma once

// Estimated private-inference latency, computed by the coordinator from counts alone.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "search/network/network.h"

namespace reluscape {

// Thread-safe.
class CostModel {
 public:
  virtual ~CostModel() = default;
  virtual std::string Name() const = 0;     // "delphi_online"; objectives say "latency.<name>"
  virtual std::string Version() const = 0;  // changes when any constant changes
  virtual std::string Source() const = 0;   // of its constants, one sentence
  // Seconds for one inference of `network` of whose ReLUs `relus` are left.
  virtual double Seconds(const Network& network, int64_t relus) const = 0;
};

// Every model, in a fixed order. The pointers live as long as the program.
const std::vector<const CostModel*>& CostModels();

// Seconds by model name, of all models.
std::map<std::string, double> EstimateLatency(const Network& network, int64_t relus);

}  // namespace reluscape

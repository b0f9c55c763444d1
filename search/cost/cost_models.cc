#include "search/cost/cost_model.h"
#include "search/cost/delphi_online.h"

namespace reluscape {

const std::vector<const CostModel*>& CostModels() {
  // Never destroyed: callers may still hold a pointer while the program ends.
  static const auto* const models =
      new std::vector<const CostModel*>{new DelphiOnline()};  // a new model: one line here
  return *models;
}

std::map<std::string, double> EstimateLatency(const Network& network, int64_t relus) {
  std::map<std::string, double> seconds;
  for (const CostModel* model : CostModels()) {
    seconds[model->Name()] = model->Seconds(network, relus);
  }
  return seconds;
}

}  // namespace reluscape

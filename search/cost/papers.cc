#include "search/cost/papers.h"

#include "search/cost/estimate_parts.h"

namespace reluscape {

std::string Papers::Name() const { return "papers"; }

std::string Papers::Version() const { return "1"; }

std::string Papers::Source() const {
  return "21.5 us per ReLU: online garbled circuits of DELPHI (evaluate and encode), after the "
         "measurements of Cryptonite (ASPLOS 2023) and the points published by SNL (ICML 2022)";
}

absl::StatusOr<Estimate> Papers::Price(const PricedNetwork& network, const Setting& setting) const {
  Estimate estimate = StartEstimate(Name(), Version(), network, setting);
  estimate.online.terms = {Sourced(term::kGcEvaluation, PapersOnlineSeconds(estimate.relus))};
  estimate.not_modelled = {"the offline phase, linear layers, max pools and the link"};
  return estimate;
}

double PapersOnlineSeconds(int64_t relus) {
  return kPapersSecondsPerRelu * static_cast<double>(relus);
}

}  // namespace reluscape

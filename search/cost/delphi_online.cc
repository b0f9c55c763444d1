#include "search/cost/delphi_online.h"

namespace reluscape {

std::string DelphiOnline::Name() const { return "delphi_online"; }

std::string DelphiOnline::Version() const { return "1"; }

std::string DelphiOnline::Source() const {
  return "21.5 us per ReLU: online garbled circuits of DELPHI (evaluate and encode), after the "
         "measurements of Cryptonite (ASPLOS 2023) and the points published by SNL (ICML 2022); "
         "offline work and linear layers are not in it.";
}

double DelphiOnline::Seconds(const Network& /*network*/, int64_t relus) const {
  return kDelphiOnlineSecondsPerRelu * static_cast<double>(relus);
}

}  // namespace reluscape

#pragma once

// A protocol with simple numbers, for tests of what uses prices: a polynomial costs as much as a
// ReLU. It has a version that a test can change, one unknown term where asked for, and refuses
// networks that keep a forbidden number of ReLUs.

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "search/cost/protocol_model.h"

namespace reluscape {

class FakeProtocol final : public ProtocolModel {
 public:
  struct Options {
    std::string name = "toy";
    std::string version = "1";
    double seconds_per_relu = 0.001;
    // Online seconds of a layer that keeps any ReLU: makes the price depend on where they are.
    double seconds_per_layer = 0;
    bool missing_term = false;
    int64_t refused_relus = -1;
  };

  explicit FakeProtocol(Options options) : options_(std::move(options)) {}

  std::string Name() const override { return options_.name; }
  std::string Version() const override { return options_.version; }
  std::string Source() const override { return "a test"; }

  absl::StatusOr<Estimate> Price(const PricedNetwork& network,
                                 const Setting& setting) const override {
    const int64_t relus = KeptRelus(network);
    if (relus == options_.refused_relus) {
      return absl::InvalidArgumentError(absl::StrCat("toy refuses ", relus, " ReLUs"));
    }
    Estimate estimate;
    estimate.protocol = Name();
    estimate.version = Version();
    estimate.relus = relus;
    double online =
        options_.seconds_per_relu * static_cast<double>(relus + CountPolynomials(network));
    for (const int64_t kept : network.kept) {
      if (kept > 0) online += options_.seconds_per_layer;
    }
    estimate.online.terms.push_back({.name = term::kOt, .seconds = online, .reason = {}});
    estimate.online.terms.push_back(
        {.name = term::kRoundTrips, .seconds = RoundTripSeconds(setting.link, 2), .reason = {}});
    if (options_.missing_term) {
      estimate.online.terms.push_back({.name = term::kLinear,
                                       .seconds = std::nullopt,
                                       .standing = Standing::kMissing,
                                       .reason = "nobody measured it"});
    }
    estimate.online.bytes.up = 8 * relus;
    return estimate;
  }

 private:
  const Options options_;
};

}  // namespace reluscape

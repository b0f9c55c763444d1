#pragma once

// What the protocol files build an Estimate from. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>

#include "search/cost/estimate.h"
#include "search/cost/layers.h"
#include "search/cost/setting.h"

namespace reluscape {

TimeTerm Sourced(const char* name, double seconds);
TimeTerm Assumed(const char* name, double seconds, std::string reason);
TimeTerm AtLeast(const char* name, double seconds, std::string reason);
TimeTerm Missing(const char* name, std::string reason);

// Of known directions, or with only the sum known.
Traffic UpDown(int64_t up, int64_t down);
Traffic BothWays(int64_t both);
// Directions stay known only where both summands know them.
Traffic operator+(const Traffic& a, const Traffic& b);

// Seconds of a transfer whose directions are known, or whose link is the same both ways. Where
// neither holds, the bytes of unknown direction count in the faster one: a lower bound, which
// `at_least` then says.
struct TransferTime {
  double seconds = 0;
  bool at_least = false;
};
TransferTime TransferSeconds(const Link& link, const Traffic& known, int64_t unknown_direction);

// Appends transfer (both kinds of bytes) and round trips of `phase.flights` to its terms, and puts
// the sum of the bytes into it.
void AddCommunication(const Link& link, const Traffic& known, int64_t unknown_direction,
                      Phase& phase);

// Names of protocol, version, link and profiles, and the numbers of ReLUs and polynomials.
Estimate StartEstimate(const std::string& protocol, const std::string& version,
                       const PricedNetwork& network, const Setting& setting);

// Bytes of `count` items of `bits` each, rounded up to whole bytes.
int64_t BytesOfBits(int64_t bits, int64_t count);

// How far a phase may lie off: the true seconds are within [low, high] times the estimate.
struct BandFactors {
  double low = 1;
  double high = 1;
  // Whether the factors were measured with the missing terms inside; else nothing bounds a phase
  // with a missing term from above.
  bool covers_missing = false;

  void Widen(double low_factor, double high_factor) {
    low *= low_factor;
    high *= high_factor;
  }
};

// Sets the bands of both phases and their sum; `high` stays empty where a term has no value.
void SetBands(const BandFactors& offline, const BandFactors& online, std::string reason,
              Estimate& estimate);

// Fills Estimate::stored_inferences from the storage of setting and profiles, and with a request
// gap Estimate::service. Call when both phases and the storage per inference stand.
//
// stored = what fits on both sides. Mean latency = online + P(none stored) * max(0, offline - gap);
// offline + online where nothing fits. P is that of a birth-death chain: requests at random
// (Poisson), pre-computations made one after another, both at their mean rates.
void SetServiceView(const Setting& setting, Estimate& estimate);

}  // namespace reluscape

#pragma once

// Hardware profiles of client and server: the measured constants that seconds are computed from.
// Thread-safe.
//
// As JSON, one object with exactly the fields of HardwareProfile under their own names. All are
// required, so that nothing is left out by mistake; a constant that no source gives is null, and
// the terms that would need it are then null with that reason.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

struct HardwareProfile {
  std::string name;
  std::string description;  // machine and software, one line
  std::string source;       // of the constants, with date and command where it was measured here
  // "measured": with the protocols' own software on that machine; "calibrated": by the
  // micro-benchmarks of `reluscape calibrate`; "assumption": neither.
  std::string status;
  // "delphi": GC seconds are of DELPHI's software; "lean": of a minimal half-gates garbler.
  std::string gc = "delphi";
  int64_t he_threads = 1;  // over which HE layers are spread, 1 to 4096
  int64_t gc_threads = 4;  // which garbling, evaluation and OT use, 1 to 4096

  // One negacyclic number-theoretic transform with a 60-bit prime, one thread, seconds.
  std::optional<double> ntt_8192_s;
  std::optional<double> ntt_4096_s;
  // Per ReLU, one thread, seconds. Encoding is not divided by threads.
  std::optional<double> garble_s;
  std::optional<double> gc_evaluate_s;
  std::optional<double> encode_offline_s;
  std::optional<double> encode_online_s;
  // Per ReLU: seconds times threads of the silent-OT comparison with fused truncation.
  std::optional<double> silent_ot_relu_s;
  // Of pre-computed inferences; null: not stated, nothing can be said about how many fit.
  std::optional<int64_t> storage_bytes;

  friend bool operator==(const HardwareProfile&, const HardwareProfile&) = default;
};

// Those of search/cost/data/hardware/, in a fixed order. Lives as long as the program.
const std::vector<HardwareProfile>& BuiltInHardware();

// The built-in profile of that name. INVALID_ARGUMENT lists the names.
absl::StatusOr<HardwareProfile> FindHardware(const std::string& name);

// INVALID_ARGUMENT names every field that is missing, unknown, negative or not finite; `source`
// (a file's name) stands before it.
absl::StatusOr<HardwareProfile> HardwareFromJson(const std::string& json,
                                                 const std::string& source);

// The document that HardwareFromJson reads back as the same profile; ends in a line feed.
std::string HardwareToJson(const HardwareProfile& profile);

}  // namespace reluscape

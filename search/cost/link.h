#pragma once

// The link between client and server. Thread-safe.
//
// As JSON, one object with exactly these fields (all required):
//   {"name": "wan", "up_mbit_per_s": 320, "down_mbit_per_s": 320, "round_trip_s": 0.04,
//    "status": "recalled", "source": "where the numbers come from"}
// up: client to server. 1 Mbit/s is 10^6 bit/s.

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

struct Link {
  std::string name;
  double up_mbit_per_s = 0;  // more than 0
  double down_mbit_per_s = 0;
  double round_trip_s = 0;
  // "artifact": of a public artifact; "recalled": of a paper, not checked against its text;
  // "assumption": of nobody's measurement; "user": given by the user.
  std::string status;
  std::string source;
  // Adds no transfer and no round trips: what constants measured on one machine already hold. JSON
  // cannot say it; only the built-in link "loopback" has it.
  bool loopback = false;
};

// "loopback" and those of search/cost/data/links.json, in that order. Lives as long as the program.
const std::vector<Link>& BuiltInLinks();

// A built-in link's name, "UP/DOWN/RTT" in Mbit/s, Mbit/s and seconds ("100/500/0.02"; the last
// part may be left out), or else INVALID_ARGUMENT, which lists the names.
absl::StatusOr<Link> ParseLink(const std::string& text);

// One link as JSON. INVALID_ARGUMENT names every field that is missing, unknown or out of range;
// `source` (a file's name) stands before it.
absl::StatusOr<Link> LinkFromJson(const std::string& json, const std::string& source);

// Seconds that `bytes` take in one direction; 0 on loopback.
double UploadSeconds(const Link& link, double bytes);
double DownloadSeconds(const Link& link, double bytes);
// Of `flights` one-way messages, each half a round trip; 0 on loopback.
double RoundTripSeconds(const Link& link, double flights);

}  // namespace reluscape

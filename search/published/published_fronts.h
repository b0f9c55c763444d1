#pragma once

// What papers on ReLU reduction printed: accuracy at a number of ReLUs. To be drawn beside a front
// of one's own, not to be compared as if the conditions were equal (docs/published-fronts.md).
// Reading has no state: thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

struct PublishedPoint {
  int64_t relus = 0;  // as exact as it was printed: mostly whole hundreds
  double accuracy = 0;
  std::optional<double> online_s = {};  // the authors' estimate
  std::string backbone = {};
  // Why a value is doubtful, by its name: "relus", "accuracy", "online_s", "backbone".
  std::map<std::string, std::string> doubts = {};
};

// The points of one method on one data set from one source.
struct PublishedFront {
  std::string data_set = {};  // "cifar10", "cifar100", "tinyimagenet"
  std::string method = {};
  std::string paper = {};      // the method's
  std::string arxiv = {};      // its number; empty: none is known
  std::string source = {};     // name of where the numbers were read
  std::string read_from = {};  // the same as a sentence
  // Whether the stem's ReLU is in the counts: "counted", "not_counted", "unknown".
  std::string stem_relu = {};
  std::optional<double> teacher_accuracy = {};
  std::string teacher_note = {};       // whose, and who measured it; empty without one
  std::vector<PublishedPoint> points;  // by ReLUs, fewest first
};

// INVALID_ARGUMENT names what is wrong with the text; `source` stands before it.
absl::StatusOr<std::vector<PublishedFront>> PublishedFrontsFromJson(const std::string& json,
                                                                    const std::string& source);

// Those that the program carries.
absl::StatusOr<std::vector<PublishedFront>> PublishedFronts();

}  // namespace reluscape

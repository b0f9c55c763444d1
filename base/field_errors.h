#pragma once

// Collects every error of an input, so that a user mends a file once and not once per error.

#include <string>

#include <vector>

#include "absl/status/status.h"

namespace reluscape {

// One thing wrong with an input.
struct FieldError {
  std::string field;    // its path, as in "budgets.relus[2]"; empty for the input as a whole
  std::string found;    // what stands there
  std::string allowed;  // what may stand there
};

// Not thread-safe.
class FieldErrors {
 public:
  // Keeps at most 100 errors; later ones are only counted.
  void Add(const std::string& field, const std::string& found, const std::string& allowed);

  bool empty() const { return errors_.empty(); }
  const std::vector<FieldError>& errors() const { return errors_; }

  // OK where nothing was added, else INVALID_ARGUMENT with one line per error:
  //   budgets.relus[2]: found 600000; allowed: 1 to 491519 (resnet18@64 has 491520 ReLUs)
  absl::Status ToStatus() const;

 private:
  std::vector<FieldError> errors_;
  int64_t left_out_ = 0;
};

}  // namespace reluscape

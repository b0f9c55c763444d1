#pragma once

// The commands that talk to a coordinator. Each prints on `out` a text for people, or with `json`
// the document of docs/json.md.

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"

namespace reluscape {

struct SubmitOptions {
  std::string file;  // "-": standard input
  bool validate_only = false;
  std::string request_id;  // empty: a new one
  bool json = false;
  bool announce_watch = true;  // says how to follow the Job
};

// The Job's number; 0 with validate_only. Files that the Job brings are read, checked against their
// networks and stored first. INVALID_ARGUMENT lists every error of the job file.
absl::StatusOr<int64_t> Submit(Connection& connection, const SubmitOptions& options,
                               std::ostream& out);

absl::Status List(Connection& connection, bool json, std::ostream& out);
absl::Status Show(Connection& connection, int64_t job, bool json, std::ostream& out);
absl::Status Workers(Connection& connection, bool json, std::ostream& out);
// Gives a Job Budgets more: ReLU counts and fractions of each network's own count.
absl::Status AddBudgets(Connection& connection, int64_t job, const std::vector<int64_t>& relus,
                        const std::vector<double>& fractions, bool json, std::ostream& out);

// What to run again: all of a Job, or of a Candidate, or one Task; 0 in the other two.
struct RetryOptions {
  int64_t job = 0;
  int64_t candidate = 0;
  int64_t task = 0;
  int64_t max_epochs = 0;  // the Job's new cap of linearize; 0: as it is
  bool json = false;
};

// Lets what has failed go on from its last checkpoint.
absl::Status Retry(Connection& connection, const RetryOptions& options, std::ostream& out);
// The copies of a Job's data set, and which of them it goes by.
absl::Status ShowData(Connection& connection, int64_t job, bool json, std::ostream& out);
// Has the Job go by the copy whose hash begins with `data_hash`.
absl::Status ChooseData(Connection& connection, int64_t job, const std::string& data_hash,
                        bool json, std::ostream& out);

absl::Status Cancel(Connection& connection, int64_t job, bool json, std::ostream& out);
// Removes the weights of a Job but for those of `keep`: "results", "front" or "nothing".
absl::Status Archive(Connection& connection, int64_t job, const std::string& keep, bool json,
                     std::ostream& out);

struct DeleteOptions {
  int64_t job = 0;
  bool yes = false;  // without asking
  bool json = false;
  // Where there is a person to ask: their answer to `question`. Null: nobody can be asked.
  std::function<std::string(const std::string& question)> ask;
};
// Removes a Job and all that it came to. FAILED_PRECONDITION where nobody said yes.
absl::Status Delete(Connection& connection, const DeleteOptions& options, std::ostream& out);
absl::Status Unseal(Connection& connection, int64_t job, bool json, std::ostream& out);

enum class ResultsFormat { kText, kCsv, kJson };
absl::Status ShowResults(Connection& connection, int64_t job, ResultsFormat format,
                         std::ostream& out);

}  // namespace reluscape

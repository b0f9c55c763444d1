#pragma once

// The search of one Job as the coordinator sees it: its space, and what is known of the networks
// that were chosen. All of it is read from the store, so that a new object goes on where another
// ended, and proposes the same. Not thread-safe.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/metric.h"
#include "search/strategy/design_space.h"
#include "search/strategy/strategy.h"
#include "storage/store.h"

namespace reluscape {

// The Candidate that a search chooses next; without id and Job.
struct ChosenNetwork {
  CandidateRow row;
  std::string reason;  // of the strategy, one line
};

// What was known when a Candidate was chosen.
struct SearchMoment {
  CandidateId before;  // Candidates with smaller ids
  ResultId last;       // Results up to this one
};

class SearchRun {
 public:
  // INVALID_ARGUMENT where this version makes no space of the Job any more. `metrics` must outlive
  // it.
  static absl::StatusOr<std::unique_ptr<SearchRun>> Create(const JobRow& job,
                                                           const MetricCatalog& metrics);

  // Takes in the Candidates and Results that are new; with `moment` those alone that were there
  // then, so that Choose comes to what it came to then.
  absl::Status Read(Transaction& transaction, std::optional<SearchMoment> moment = std::nullopt);

  // Whether a Result that was read is gone: it was measured on other images than are wanted now.
  // Then another object is to read anew.
  absl::StatusOr<bool> IsStale(Transaction& transaction) const;

  // By what was read; nothing where the space has no other network.
  absl::StatusOr<std::optional<ChosenNetwork>> Choose();

  // Device time that the networks under way are expected to take beyond the `spent` seconds of all
  // Tasks of the Job; 0 before one has ended.
  double ExpectedSeconds(double spent) const;

  int64_t networks() const { return static_cast<int64_t>(trials_.size()); }

 private:
  // What a Candidate's training took.
  struct Course {
    int64_t macs = 0;
    ProposedNetwork network;
    double pretrain = 0;
    double linearize = 0;
    double fine_tune = 0;
    bool ended = false;  // has all its Results

    double seconds() const { return pretrain + linearize + fine_tune; }
  };

  SearchRun(JobRow job, std::unique_ptr<DesignSpace> space);

  absl::Status AddCandidate(const CandidateRow& row);
  absl::Status AddResult(const FoundResult& result);
  // Device time as a line in MACs, from the networks that have ended.
  void LearnTimes();

  const JobRow job_;
  std::unique_ptr<DesignSpace> space_;
  std::vector<Trial> trials_;
  std::vector<Course> courses_;  // as trials_
  std::map<CandidateId, size_t> places_;
  CandidateId last_candidate_;
  ResultId last_result_;
  int64_t results_ = 0;  // read
  double time_base_ = 0;
  double time_per_mac_ = 0;  // 0 = not known yet
};

}  // namespace reluscape

#pragma once

// What a user submits. Plain data, as validated and with every default filled in; the proto
// reluscape.v1.JobSpec is the schema of job files.

#include <cstdint>
#include <string>
#include <vector>

#include "search/stage.h"

namespace reluscape {

// Which images a Job trains on. Out of the data set's *training* images a validation split is held
// out, stratified by class; it alone selects and ranks. The data set's test images are read once
// per Result.
struct DataSpec {
  std::string set;  // a name that Workers map to a path; "synthetic" is built in
  int64_t classes = 0;
  int64_t side = 0;               // images are side x side x 3
  int64_t train_images = 0;       // 0 = all that validation leaves
  int64_t validation_images = 0;  // 0 = a tenth of the training images
  int64_t test_images = 0;        // 0 = all

  friend bool operator==(const DataSpec&, const DataSpec&) = default;
};

// The DeepReShape generator: every HybReNet of `backbone` whose stage ReLU counts follow `order`.
struct DeepReShapeSpec {
  std::string backbone;        // "resnet18", "resnet34", ...
  std::vector<int64_t> order;  // stage numbers, most critical first: 3,2,4,1
  std::vector<int64_t> base_channels;
  int64_t max_multiplier = 16;

  friend bool operator==(const DeepReShapeSpec&, const DeepReShapeSpec&) = default;
};

struct CandidatesSpec {
  std::vector<std::string> networks;  // by name or canonical text, see search/network/names.h
  std::vector<DeepReShapeSpec> deepreshape;
  int64_t replicates = 1;  // Candidates per network, differing in their seeds

  friend bool operator==(const CandidatesSpec&, const CandidatesSpec&) = default;
};

// ReLU counts not to be exceeded; fractions are of each network's own count, rounded down.
struct BudgetsSpec {
  std::vector<int64_t> relus;
  std::vector<double> fractions;

  friend bool operator==(const BudgetsSpec&, const BudgetsSpec&) = default;
};

struct LimitsSpec {
  int64_t max_attempts = 3;  // Leases of one Task that may expire or fail before it is FAILED
  int64_t max_macs = 0;  // 0 = none; generated networks above it are left out, named ones refused
  int64_t max_parameters = 0;  // likewise

  friend bool operator==(const LimitsSpec&, const LimitsSpec&) = default;
};

struct JobSpec {
  std::string name;
  DataSpec data;
  CandidatesSpec candidates;
  BudgetsSpec budgets;
  StageSettings stages;
  // What the Front trades against validation accuracy, all to be minimised: "relus", "macs",
  // "parameters", or "latency.<model>" with a cost model of search/cost.
  std::vector<std::string> objectives = {"relus"};
  LimitsSpec limits;
  uint64_t seed = 1;

  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

}  // namespace reluscape

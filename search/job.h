#pragma once

// What a user submits. Plain data, as validated and with every default filled in; the proto
// reluscape.v1.JobSpec is the schema of job files.

#include <cstdint>
#include <string>
#include <vector>

#include "search/artifact.h"
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
  // The data hash (docs/data-sets.md) of the images in use: a Worker whose copy has another one
  // gets no Task. Empty: the Job goes by what its Workers find.
  std::string hash = {};

  friend bool operator==(const DataSpec&, const DataSpec&) = default;
};

// What a Job is for.
enum class JobKind {
  kSearch,       // Candidates are trained, linearized and fine-tuned; their Results make a Front
  kCriticality,  // how much accuracy each stage's ReLUs are worth is measured
};

// "search", "criticality".
constexpr const char* JobKindName(JobKind kind) {
  return kind == JobKind::kCriticality ? "criticality" : "search";
}

// A_base of the score; see CriticalitySettings.
enum class CriticalityBaseline { kMinimum, kNone };

// "minimum", "none".
constexpr const char* CriticalityBaselineName(CriticalityBaseline baseline) {
  return baseline == CriticalityBaseline::kNone ? "none" : "minimum";
}

// DeepReDuce's metric (Jha et al., ICML 2021, arXiv 2103.01396): a network with ReLUs in stage k
// alone, R_k of them, reaches A_k, and the stage scores (A_k - A_base) / R_k^exponent. The exponent
// of 0.07 is recalled and fairly sure; that the smallest A_k is subtracted is not, so it can be
// left out; the unit of R_k is unknown and cannot change the order, since it scales all scores
// alike. Only the order is used further on.
struct CriticalitySettings {
  double exponent = 0.07;
  CriticalityBaseline baseline = CriticalityBaseline::kMinimum;

  friend bool operator==(const CriticalitySettings&, const CriticalitySettings&) = default;
};

// The DeepReShape generator: every HybReNet of `backbone` whose stage ReLU counts follow an order
// of criticality.
struct DeepReShapeSpec {
  std::string backbone;  // "resnet18", "resnet34", ...
  // Stage numbers, most critical first: 3,2,4,1. Empty: measured by `order_from_job`, or the
  // published default.
  std::vector<int64_t> order;
  std::vector<int64_t> base_channels;
  int64_t max_multiplier = 16;
  int64_t order_from_job = 0;      // a FINISHED Job of kind kCriticality; 0 = none
  std::string order_from_network;  // which of its networks; empty = the only one

  friend bool operator==(const DeepReShapeSpec&, const DeepReShapeSpec&) = default;
};

// The DeepReDuce generator (coarse-grained reduction): culled, thinned and reshaped networks of
// `backbone`, each trained whole with distillation from it.
struct DeepReduceSpec {
  std::string backbone;        // name or canonical text
  std::vector<int64_t> order;  // as of DeepReShapeSpec
  int64_t max_culled = 2;      // and the others: search/network/deepreduce.h
  std::vector<double> channel_scales = {0.5};
  std::vector<double> resolutions = {0.5};
  int64_t order_from_job = 0;
  std::string order_from_network;

  friend bool operator==(const DeepReduceSpec&, const DeepReduceSpec&) = default;
};

// The weights of a named network that are brought instead of being trained: the file's tensors are
// checked against the network and its validation accuracy is measured in the place of the pretrain.
struct PretrainedSpec {
  std::string network;   // one of CandidatesSpec::networks, as it stands there
  std::string file;      // as the user wrote it: relative to the job file
  ArtifactRef artifact;  // the file's content

  friend bool operator==(const PretrainedSpec&, const PretrainedSpec&) = default;
};

struct CandidatesSpec {
  std::vector<std::string> networks;  // by name or canonical text, see search/network/names.h
  std::vector<DeepReShapeSpec> deepreshape;
  int64_t replicates = 1;  // Candidates per network, differing in their seeds
  std::vector<DeepReduceSpec> deepreduce;
  std::vector<PretrainedSpec> pretrained;  // at most one per network

  friend bool operator==(const CandidatesSpec&, const CandidatesSpec&) = default;
};

// ReLU counts not to be exceeded; fractions are of each network's own count, rounded down.
struct BudgetsSpec {
  std::vector<int64_t> relus;
  std::vector<double> fractions;

  friend bool operator==(const BudgetsSpec&, const BudgetsSpec&) = default;
};

// A hard limit on what private inference may cost: Results above it are never on the Front.
struct CostLimit {
  std::string metric;  // canonical (search/cost/metric.h), or "latency.<model>"
  double at_most = 0;  // finite, at least 0

  friend bool operator==(const CostLimit&, const CostLimit&) = default;
};

struct LimitsSpec {
  int64_t max_attempts = 3;  // Leases of one Task that may expire or fail before it is FAILED
  int64_t max_macs = 0;  // 0 = none; generated networks above it are left out, named ones refused
  int64_t max_parameters = 0;  // likewise
  // Budgets whose estimate breaks one are left out of generated networks and refused in named ones
  // (search/strategy/cost_limits.h).
  std::vector<CostLimit> costs;

  friend bool operator==(const LimitsSpec&, const LimitsSpec&) = default;
};

struct JobSpec {
  std::string name;
  DataSpec data;
  CandidatesSpec candidates;
  BudgetsSpec budgets;
  StageSettings stages;
  // What the Front trades against validation accuracy, all to be minimised: "relus", "macs",
  // "parameters", "latency.<model>" with a cost model of search/cost, or a cost metric in its
  // canonical form (search/cost/metric.h).
  std::vector<std::string> objectives = {"relus"};
  LimitsSpec limits;
  uint64_t seed = 1;
  JobKind kind = JobKind::kSearch;
  CriticalitySettings criticality;  // kCriticality only

  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

}  // namespace reluscape

#pragma once

// What listings show: the coordinator's rows, joined for a reader. Plain data; search/wire turns
// it into the messages of views.proto, which are also the documents of the HTTP API and of --json.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "search/artifact.h"
#include "search/job.h"
#include "search/sync.h"

namespace reluscape {

enum class TaskState {
  kBlocked,  // waits for other Tasks or a Snapshot
  kQueued,
  kLeased,
  kSucceeded,
  kFailed,
  kCancelled,
};

// "BLOCKED", "QUEUED", ...
const char* TaskStateName(TaskState state);
// std::nullopt for another text.
std::optional<TaskState> ParseTaskState(const std::string& name);

enum class JobState { kRunning, kFinished, kFailed, kCancelled };
// "RUNNING" (some Task not ended), "FINISHED" (all succeeded), "FAILED" (ended, at least one Task
// failed; Results of the others stand), "CANCELLED".
const char* JobStateName(JobState state);

// What a Candidate is trained for.
enum class CandidateRole {
  kSearch,   // pretrain, linearize, a fine-tune per Budget
  kTeacher,  // pretrain alone; others learn from it
  kStage,    // pretrain alone, with ReLUs in one stage, from its teacher
  kWhole,    // pretrain alone, from its teacher; its network with all its ReLUs is its one Result
};
// "search", "teacher", "stage", "whole".
const char* CandidateRoleName(CandidateRole role);

struct TaskView {
  TaskId id;
  CandidateId candidate;
  Stage stage = Stage::kPretrain;
  int64_t budget = 0;  // fine-tune only
  TaskState state = TaskState::kBlocked;
  int64_t attempt = 0;
  std::string worker;  // of the newest Lease
  int64_t epochs_done = 0;
  int64_t epochs_planned = 0;  // 0 until a Worker says
  std::optional<EpochReport> last_epoch;
  double device_seconds = 0;
  std::optional<Time> started_at;  // first Lease
  std::optional<Time> finished_at;
  std::string message;  // why it failed, or what it waits for
};

struct CandidateView {
  CandidateId id;
  JobId job;
  std::string name;     // as users know the network: "hrn-5x5x3x@8"
  std::string network;  // canonical text
  std::string network_hash;
  int64_t replicate = 0;
  int64_t relus = 0;
  int64_t relus_with_stem = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  std::vector<int64_t> budgets;  // largest first
  std::vector<TaskView> tasks;
  CandidateRole role = CandidateRole::kSearch;
  int64_t measured_stage = 0;  // of kStage, from 1; else 0
  CandidateId teacher;         // 0 = none
  // Where it comes from: "named"; or the generator with its order and that order's source. Empty
  // for a Candidate of before this was recorded.
  std::string origin;
  // With which its pretrained weights were brought; empty where they were trained.
  std::string pretrained_file;
  ArtifactRef pretrained;
};

// A copy of a Job's data set, by its hash.
struct DataCopy {
  std::string data_hash;
  std::vector<std::string> workers;  // that are connected and have it
  int64_t candidates = 0;            // of the Job, pretrained on it

  friend bool operator==(const DataCopy&, const DataCopy&) = default;
};

struct JobView {
  JobId id;
  std::string name;
  JobState state = JobState::kRunning;
  Time created_at;
  std::optional<Time> finished_at;
  std::optional<Time> unsealed_at;
  std::string data_set;
  std::string recipe;     // first 12 hexadecimal digits of the recipe hash
  std::string spec_json;  // the whole spec with all defaults
  int64_t candidates = 0;
  int64_t results = 0;
  std::map<std::string, int64_t> tasks;  // number by state name
  std::string message;                   // what it waits for, if nothing runs
  std::vector<std::string> objectives;
  std::vector<CostLimit> cost_limits;
  JobKind kind = JobKind::kSearch;
  // Why connected Workers take none of its queued Tasks, a line each: "worker a: ...".
  std::vector<std::string> obstacles;
  std::string data_hash;              // stated or chosen; else empty
  std::vector<DataCopy> data_copies;  // trained on, or of connected Workers
};

// How much accuracy the ReLUs of one stage are worth.
struct StageCriticality {
  int64_t stage = 0;            // from 1
  int64_t relus = 0;            // of the stage
  double accuracy = 0;          // validation, ReLUs in this stage alone; mean over the replicates
  double accuracy_lowest = 0;   // of a replicate
  double accuracy_highest = 0;  // of a replicate
  int64_t replicates = 0;
  double score = 0;
  int64_t rank = 0;  // 1 = most critical

  friend bool operator==(const StageCriticality&, const StageCriticality&) = default;
};

// Of one network, as a Job of kind kCriticality measured it.
struct CriticalityView {
  CandidateId candidate;  // the full network, replicate 0
  std::string name;
  std::string network;
  std::string network_hash;
  CriticalitySettings settings;
  std::vector<StageCriticality> stages;  // from the input on

  // Stage numbers, most critical first.
  std::vector<int64_t> Order() const;
};

// What private inference of a Result costs by one metric.
struct CostView {
  double value = 0;             // in the metric's unit: seconds, bytes or a count
  bool is_lower_bound = false;  // a part of it is not known or known from below only

  friend bool operator==(const CostView&, const CostView&) = default;
};

struct ResultView {
  ResultId id;
  JobId job;
  CandidateId candidate;
  std::string name;
  std::string network;
  std::string network_hash;
  int64_t budget = 0;
  int64_t relus = 0;
  int64_t relus_with_stem = 0;
  int64_t polynomials = 0;  // units of degree 2 in place of ReLUs, of all layers
  int64_t macs = 0;
  int64_t parameters = 0;
  double accuracy_soft = 0;
  double accuracy_trimmed = 0;
  double accuracy_validation = 0;
  std::optional<double> accuracy_test;    // only after the Job was unsealed
  std::map<std::string, double> latency;  // seconds by cost model
  std::map<std::string, CostView> costs;  // by metric; without those that have no value
  bool on_front = false;
  std::string off_front;  // why not: "dominated", or what keeps it off whatever the others are
  uint64_t seed_pretrain = 0;
  std::optional<uint64_t> seed_linearize;  // nothing where nothing was linearized
  std::optional<uint64_t> seed_fine_tune;  // likewise
  uint64_t seed_split = 0;
  std::string recipe;
  Measurement measurement;  // of the Task that ended in it
  double seconds_pretrain = 0;
  double seconds_linearize = 0;
  double seconds_fine_tune = 0;
  std::string worker;
  int64_t attempt = 0;
  Time created_at;
  std::vector<LayerRelus> layers;
  std::vector<ClassAccuracy> classes;  // of accuracy_validation, in the order of labels
  ArtifactRef artifact;
  std::string origin;  // as of the Candidate
};

// One point of a learning curve.
struct CurvePoint {
  TaskId task;
  Stage stage = Stage::kPretrain;
  int64_t budget = 0;
  int64_t attempt = 0;
  Time at;
  EpochReport report;
};

struct WorkerView {
  WorkerInfo info;
  std::string quarantine;  // why the coordinator gives it no Task; empty = it does
  Time last_seen;
  bool connected = false;     // seen within the lease time
  std::vector<TaskId> tasks;  // leased now
};

struct EventView {
  int64_t id = 0;
  Time at;
  std::string kind;  // "job.submitted", "task.leased", "epoch", "snapshot", "result", ...
  JobId job;
  CandidateId candidate;
  TaskId task;
  ResultId result;
  std::string worker;
  std::string detail;
};

struct FrontView {
  JobId job;
  std::vector<std::string> objectives;
  std::vector<CostLimit> cost_limits;
  std::vector<ResultView> results;  // by recipe, data hash, split hash, then ReLUs
};

struct CandidateDetailView {
  CandidateView candidate;
  std::vector<CurvePoint> curves;   // by Task, then epoch
  std::vector<ResultView> results;  // by ReLUs
};

struct JobDetailView {
  JobView job;
  std::vector<CandidateView> candidates;
  std::vector<CriticalityView> criticality;  // of the networks that are measured
};

// What a Job would become.
struct PreviewNetwork {
  std::string name;
  std::string network;
  int64_t replicates = 1;
  int64_t relus = 0;
  int64_t relus_with_stem = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  std::vector<int64_t> budgets;  // largest first
  CandidateRole role = CandidateRole::kSearch;
  std::string origin;
};

struct Preview {
  std::vector<PreviewNetwork> networks;
  int64_t candidates = 0;
  std::map<std::string, int64_t> tasks;  // number by stage name
  std::string recipe;
  std::vector<std::string> notes;  // what was left out and why
};

}  // namespace reluscape

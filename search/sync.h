#pragma once

// What a Worker and the coordinator say to each other in one Synchronize call. Plain data.
//
// The exchange is level-triggered: the Worker says what is, the coordinator answers what should
// be. Every part may be lost, repeated or late without harm:
//  * a TaskReport counts only while (task, attempt) is the current Lease; else it is ignored;
//  * the Worker sends an epoch, snapshot, result or failure again until the answer shows it is
//    stored (`epochs_received`), or the Lease is no longer in the answer;
//  * the Worker runs exactly the Leases of the answer: it starts the new ones and drops what is
//    missing (accepted, cancelled, or given to another Worker);
//  * the Worker opens what the answer asks for and says in every call what it has found: it is
//    given Tasks only of data that it can use.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "search/artifact.h"
#include "search/job.h"

namespace reluscape {

// Both travel with every call of a Worker. Raise the first when Worker and coordinator of different
// builds would not understand each other, the second when the same recipe, seeds and data give
// other results. A coordinator refuses a Worker of another number and says both.
inline constexpr int64_t kProtocolNumber = 1;
inline constexpr int64_t kBehaviourNumber = 1;

// Which images the Tasks of a Job need. A Worker opens and hashes them before it is given one.
struct DataRequest {
  DataSpec data;            // without a hash
  uint64_t split_seed = 0;  // which of them are validation and training images

  friend bool operator==(const DataRequest&, const DataRequest&) = default;
};

// What a Worker found when it opened them: their hashes, or why it cannot use them.
struct DataState {
  DataRequest request;
  std::string data_hash;   // empty where there is a problem
  std::string split_hash;  // likewise
  std::string problem;     // file or field, what was found, what is allowed

  friend bool operator==(const DataState&, const DataState&) = default;
};

// Everything a Worker needs to work on one Task.
struct TaskDescription {
  TaskId task;
  int64_t attempt = 0;
  JobId job;
  CandidateId candidate;
  Stage stage = Stage::kPretrain;
  std::string network;  // canonical text (search/network/names.h)
  DataSpec data;
  StageSettings settings;
  // linearize: all Budgets of the Candidate, largest first; fine-tune: its one Budget; pretrain:
  // none, or the network's own ReLU count where the training ends in a Result.
  std::vector<int64_t> budgets;
  uint64_t seed = 0;        // of this stage: initial weights, order of images, augmentation
  uint64_t split_seed = 0;  // of the Job: which images are validation and training images
  // The recipe's hash as the coordinator knows it (RecipeHash in search/wire/job.h), and of what
  // the Worker's build understood of `settings`. A Worker that finds them different is of another
  // build and hands the Task back.
  std::string recipe;
  std::string recipe_understood;
  // The data hash by which the Job goes, and the split hash that the Candidate's pretrain found, or
  // its teacher's; the latter is empty for a pretrain without teacher. A Worker that finds others
  // hands the Task back: its copy of the data set differs.
  std::string data_hash;
  std::string split_hash;
  ArtifactRef weights;     // linearize, fine-tune: the pretrained network (teacher and start)
  ArtifactRef snapshot;    // fine-tune: where the descent met the Budget
  ArtifactRef checkpoint;  // to resume from; empty on a first Attempt
  // pretrain with distillation: the canonical text of the network to learn from, and its weights.
  // Both empty: cross-entropy alone.
  std::string teacher_network;
  ArtifactRef teacher;
  // The file with which the Candidate's pretrained weights were brought, and its name. A pretrain
  // takes them over; the other stages only tell where their network comes from. Empty: trained.
  ArtifactRef pretrained;
  std::string pretrained_file;
};

// One finished epoch. Accuracies are fractions in [0, 1].
struct EpochReport {
  int64_t epoch = 0;               // 0-based within the stage
  double loss = 0;                 // mean over the epoch's steps, all terms
  double train_accuracy = 0;       // of the augmented batches, in training mode
  double validation_accuracy = 0;  // soft network during linearize
  double learning_rate = 0;        // at the epoch's end
  std::optional<double> lambda;    // linearize only, the value used in this epoch
  int64_t relus = 0;               // count at the epoch's end
  double seconds = 0;              // wall time of the epoch with its evaluation

  friend bool operator==(const EpochReport&, const EpochReport&) = default;
};

struct SnapshotReport {
  int64_t budget = 0;
  ArtifactRef artifact;
  int64_t relus = 0;          // count of the soft network, >= budget
  int64_t epoch = 0;          // in which the Budget was crossed
  double device_seconds = 0;  // of the descent up to here

  friend bool operator==(const SnapshotReport&, const SnapshotReport&) = default;
};

// ReLUs of one activation layer: `kept` of `units`.
struct LayerRelus {
  std::string layer;
  int64_t units = 0;
  int64_t kept = 0;
  // Of the others, how many are polynomials of degree 2; the rest pass their input on.
  int64_t polynomials = 0;
  // The smallest and the largest input of the layer's polynomials over all training images, as
  // they are (not augmented), in evaluation mode. Known exactly where there are polynomials.
  std::optional<double> input_min = std::nullopt;
  std::optional<double> input_max = std::nullopt;

  friend bool operator==(const LayerRelus&, const LayerRelus&) = default;
};

// Of all layers together.
inline int64_t CountPolynomials(const std::vector<LayerRelus>& layers) {
  int64_t polynomials = 0;
  for (const LayerRelus& layer : layers) polynomials += layer.polynomials;
  return polynomials;
}

// How many validation images of a class are classified right.
struct ClassAccuracy {
  std::string name;
  int64_t images = 0;
  int64_t correct = 0;

  friend bool operator==(const ClassAccuracy&, const ClassAccuracy&) = default;
};

// How numbers were measured; the same for all of a Task.
struct Measurement {
  std::string build_commit;
  std::string torch_version;
  std::string device;      // "cpu" or the GPU's name
  std::string precision;   // "float32" or "bfloat16"
  int64_t threads = 0;     // CPU threads used
  std::string data_hash;   // SHA-256 of the decoded images and labels in use
  std::string split_hash;  // SHA-256 of the indices of the training and validation split
  int64_t train_images = 0;
  int64_t validation_images = 0;
  int64_t test_images = 0;

  friend bool operator==(const Measurement&, const Measurement&) = default;
};

struct ResultReport {
  int64_t budget = 0;
  int64_t relus = 0;  // of the final network; == budget for per-pixel masks
  std::vector<LayerRelus> layers;
  double accuracy_soft = 0;        // validation, at the snapshot, before the trim
  double accuracy_trimmed = 0;     // validation, after trim and binarisation, before fine-tuning
  double accuracy_validation = 0;  // validation, final: the one that ranks
  double accuracy_test = 0;        // evaluated once; stored sealed
  ArtifactRef artifact;            // final weights and 0/1 masks
  // One per class in the order of labels, of accuracy_validation.
  std::vector<ClassAccuracy> classes;

  friend bool operator==(const ResultReport&, const ResultReport&) = default;
};

// Why a Task ended without success, and so whose fault it is.
enum class FailureKind {
  // Something went wrong here that may go well elsewhere or later (out of memory, a lost device):
  // the Attempt is lost.
  kTransient,
  // This Worker cannot use its copy of the data set: missing, unreadable, too large for its memory,
  // or not the one by which the Job goes. Costs no Attempt; the DataState says why.
  kData,
  // This Worker cannot read or write the artifact folder, as a whole or one file. Costs no Attempt;
  // WorkerInfo::problem says why.
  kStorage,
  // An artifact that the Task starts from can be read and does not hold what it should: it is made
  // again by the Task that left it.
  kArtifact,
  // The three that belong to the Job. No other Worker changes them: the Task has failed.
  kRefused,     // a network that cannot be built, a recipe that cannot be run
  kDiverged,    // a loss that is not finite
  kInfeasible,  // the descent ended above a Budget
};

// As the protos write it: "TRANSIENT", ...
constexpr const char* FailureKindName(FailureKind kind) {
  switch (kind) {
    case FailureKind::kTransient:
      return "TRANSIENT";
    case FailureKind::kData:
      return "DATA";
    case FailureKind::kStorage:
      return "STORAGE";
    case FailureKind::kArtifact:
      return "ARTIFACT";
    case FailureKind::kRefused:
      return "REFUSED";
    case FailureKind::kDiverged:
      return "DIVERGED";
    case FailureKind::kInfeasible:
      return "INFEASIBLE";
  }
  return "";
}

// Whether the Task would end the same way on every Worker.
constexpr bool BelongsToJob(FailureKind kind) {
  return kind == FailureKind::kRefused || kind == FailureKind::kDiverged ||
         kind == FailureKind::kInfeasible;
}

struct Failure {
  FailureKind kind = FailureKind::kTransient;
  std::string message;        // what happened, to which file or epoch, what can be done
  int64_t epoch = -1;         // -1 = before the first
  ArtifactRef artifact = {};  // kArtifact: which; kStorage: which could not be read, if it was one

  friend bool operator==(const Failure&, const Failure&) = default;
};

enum class ReportState { kRunning, kSucceeded, kFailed, kHandedBack };

struct TaskReport {
  TaskId task;
  int64_t attempt = 0;
  ReportState state = ReportState::kRunning;
  std::vector<EpochReport> epochs;         // those not yet known to be stored
  int64_t epochs_planned = 0;              // of the stage; for linearize its cap
  ArtifactRef checkpoint;                  // newest, if any
  std::vector<SnapshotReport> snapshots;   // linearize: all of this Attempt so far
  ArtifactRef weights;                     // pretrain without Budgets, kSucceeded
  std::optional<ResultReport> result;      // fine-tune or pretrain with a Budget, kSucceeded
  std::optional<Failure> failure;          // kFailed
  std::optional<Measurement> measurement;  // known once the data is loaded; needed for kSucceeded
  double device_seconds = 0;  // spent on the line of work that leads to the newest state, with
                              // the earlier Attempts that its checkpoint came from
};

struct WorkerInfo {
  std::string id;           // survives restarts
  std::string incarnation;  // changes at every start
  std::string host;
  int64_t pid = 0;
  std::string device;
  std::string torch_version;
  std::string build_commit;
  std::vector<std::string> data_sets;  // names that its configuration maps to a path
  int64_t slots = 1;                   // Tasks at a time
  int64_t protocol = kProtocolNumber;
  int64_t behaviour = kBehaviourNumber;
  std::vector<DataState> data;  // what it has opened; kMostDataStates at most
  // Why it can take no Task at all at present: a full artifact disk, failures in a row. Empty: it
  // can.
  std::string problem;
};

// A Worker that has opened more forgets the oldest, and is asked again where a Job needs it.
inline constexpr size_t kMostDataStates = 64;

struct SyncRequest {
  WorkerInfo worker;
  // Read from the marker file in the Worker's artifact folder; the coordinator refuses a Worker
  // that does not share its folder.
  std::string artifact_folder_id;
  bool accepts_work = true;  // false while shutting down
  std::vector<TaskReport> reports;
};

inline constexpr size_t kMostOpenRequests = 64;

struct Lease {
  TaskDescription description;
  int64_t epochs_received = 0;  // epochs 0 .. epochs_received-1 of this Task are stored
  Milliseconds time_left{0};
};

struct SyncResponse {
  std::vector<Lease> leases;
  // What Jobs wait for that this Worker has not opened, or could not, and is configured for: what
  // it has not tried first, then in the order in which it is needed, kMostOpenRequests at most. It
  // opens one at a time, while it works on no Task.
  std::vector<DataRequest> open;
  Milliseconds next_call{1000};  // at the latest; sooner when there is news
};

}  // namespace reluscape

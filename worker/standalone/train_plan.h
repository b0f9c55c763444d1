#pragma once

// What a Job without a coordinator comes to: the Candidates and Tasks that the coordinator would
// make of it, with the same seeds. A function of its input alone. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "search/job.h"
#include "search/views.h"

namespace reluscape {

struct PlannedTask {
  TaskId id;             // from 1, in the order in which they are worked on
  size_t candidate = 0;  // index into TrainPlan::candidates
  Stage stage = Stage::kPretrain;
  int64_t budget = 0;  // fine-tune only
  ResultId result;     // of a Task that ends in one: from 1, whichever there are in the end
  uint64_t seed = 0;
};

struct PlannedCandidate {
  CandidateId id;       // from 1
  std::string name;     // as users know the network
  std::string network;  // canonical text
  std::string network_hash;
  int64_t replicate = 0;
  int64_t relus = 0;
  int64_t relus_with_stem = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  std::vector<int64_t> budgets;  // largest first
  std::string origin;            // named, or by which generator
  std::string pretrained_file;   // with which its weights are brought; empty: they are trained
  ArtifactRef pretrained;        // likewise
  CandidateRole role = CandidateRole::kSearch;
  std::optional<size_t> teacher;  // index of an earlier Candidate, whose pretrain it waits for
  // Indices into TrainPlan::tasks: pretrain; of kSearch also linearize and fine-tunes.
  std::vector<size_t> tasks;
};

struct TrainPlan {
  JobSpec spec;
  std::string job_json;  // the job file with every default filled in
  std::string recipe;    // RecipeHash of its stages
  uint64_t split_seed = 0;
  std::vector<PlannedCandidate> candidates;
  std::vector<PlannedTask> tasks;
  int64_t results = 0;             // Tasks that end in one
  std::vector<std::string> notes;  // what was left out or merged, and why

  // SHA-256 of everything that gives Tasks their numbers and seeds.
  std::string Digest() const;
};

// Of a job file's text. INVALID_ARGUMENT with one line per wrong field, as a coordinator would
// answer; also for what only a coordinator can do.
absl::StatusOr<TrainPlan> PlanTraining(const std::string& job_json);

// Tasks and Results that `earlier` has keep their numbers from there, and the others follow: for a
// plan of the same Job with more Budgets.
void KeepNumbers(const TrainPlan& earlier, TrainPlan& plan);

struct PlanWithFiles {
  TrainPlan plan;
  std::vector<std::string> files;  // the content of those that the job brings
};

// Of a job file that may bring files, relative ones from `folder`. Also the errors of BringFiles.
absl::StatusOr<PlanWithFiles> PlanTrainingWithFiles(const std::string& job_json,
                                                    const std::filesystem::path& folder);

}  // namespace reluscape

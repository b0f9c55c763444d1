#pragma once

// The coordinator's rows and the one way to change them. Schema and documented views:
// storage/schema/*.sql; how users read them: docs/database.md.
//
// Tests use it too: an SQLite database at ":memory:" opens in a millisecond.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "reluscape/v1/report.pb.h"
#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/artifact.h"
#include "search/vocabulary/states.h"
#include "search/vocabulary/synchronize.h"

namespace reluscape {

class SqliteDb;

struct JobRow {
  JobId id;                // set by InsertJob
  std::string request_id;  // empty = none
  JobState state = JobState::kRunning;
  std::string recipe;            // RecipeHash of spec.stages
  v1::JobSpec spec;              // checked when it was submitted
  std::string chosen_data_hash;  // by which it goes where none is stated; empty = undecided
  uint64_t split_seed = 0;       // derived from the spec's
  Time created_at;
  std::optional<Time> finished_at;
  std::optional<Time> unsealed_at;
  std::optional<Time> archived_at;
  v1::JobSpec::Retention keeps = v1::JobSpec::ALL;    // of its weights
  std::optional<v1::HypervolumeBox> hypervolume_box;  // none: it makes no Front
  std::optional<Time> search_ended_at;
  std::string search_message;  // what its search did last, or why it has ended
};

// Whether `job` may still choose networks of its space.
inline bool IsSearching(const JobRow& job) {
  return job.state == JobState::kRunning && job.spec.candidates().has_space() &&
         !job.search_ended_at.has_value();
}

struct CandidateRow {
  CandidateId id;  // set by InsertCandidate
  JobId job;
  std::string name;
  std::string network;
  std::string network_hash;
  int64_t replicate = 0;
  int64_t relus = 0;
  int64_t relus_with_stem = 0;
  int64_t macs = 0;
  int64_t parameters = 0;
  std::vector<int64_t> budgets;  // largest first
  // Of its pretrain; empty before. Where it has a teacher: of the teacher's pretrain, from that
  // one's end on.
  std::string data_hash;
  std::string split_hash;
  CandidateRole role = CandidateRole::kSearch;
  int64_t measured_section = 0;  // of kSection, from 1
  CandidateId teacher;           // 0 = none; inserted before
  std::string origin;
  // As the job file names it; empty where its weights are trained.
  std::string pretrained_file;
  v1::Artifact pretrained;
  v1::LinearizeSpec::Replacement replacement = v1::LinearizeSpec::IDENTITY;
  // Of one that a search has chosen: its point of the space, the newest Result that the search knew
  // (0: none), and why.
  std::vector<int> point;
  ResultId results_seen;
  std::string reason;
};

struct TaskRow {
  TaskId id;  // set by InsertTask
  JobId job;
  CandidateId candidate;
  Stage stage = Stage::kPretrain;
  int64_t budget = 0;  // fine-tune only, else 0
  uint64_t seed = 0;
  TaskState state = TaskState::kBlocked;
  int64_t attempt = 0;  // number of the newest Lease; 0 = never leased
  // Attempts that count as lost (Transaction::PutLostAttempt); never above limits.max_attempts.
  // Read, not written.
  int64_t attempts_lost = 0;
  std::string worker;               // of the newest Lease
  std::optional<Time> lease_until;  // steady; while LEASED
  std::optional<Time> not_before;   // steady; no Lease before, after a lost Attempt
  int64_t epochs_planned = 0;
  double device_seconds = 0;
  v1::Artifact checkpoint;
  int64_t checkpoint_epochs = 0;  // epochs stored when `checkpoint` was; a resume goes on there
  v1::Artifact weights;           // of a pretrain that succeeded
  std::optional<Time> started_at;
  std::optional<Time> finished_at;
  std::string message;
};

// A Candidate of role kSection, as scoring sees it.
struct SectionMeasurement {
  CandidateId teacher;  // the full network of that replicate
  int64_t replicate = 0;
  int64_t section = 0;  // from 1
  int64_t relus = 0;
  TaskState state = TaskState::kBlocked;  // of its pretrain
  double accuracy = 0;                    // validation, of the last stored epoch; 0 = none stored
};

struct SnapshotRow {
  CandidateId candidate;
  TaskId task;  // the linearize
  int64_t attempt = 0;
  v1::Snapshot report;
  Time created_at;
};

struct ResultRow {
  JobId job;
  CandidateId candidate;
  TaskId task;  // the fine-tune
  int64_t attempt = 0;
  std::string worker;
  v1::ResultReport report;
  double accuracy_test = 0;  // goes to a table of its own, sealed
  std::string data_hash;
  std::string split_hash;
  double seconds_pretrain = 0;
  double seconds_linearize = 0;  // of the descent up to the Snapshot
  double seconds_fine_tune = 0;
  Time created_at;
};

// A stored Result as a search and the hypervolume see it.
struct FoundResult {
  ResultId id;
  CandidateId candidate;
  std::string data_hash;
  std::string split_hash;
  v1::ResultReport report;
  // By the Job's objectives; without value where a metric has none.
  std::vector<std::optional<double>> objectives;
  bool within_limits = true;  // keeps to the Job's hard limits
  double seconds_pretrain = 0;
  double seconds_linearize = 0;  // of the descent up to its Snapshot
  double seconds_fine_tune = 0;
};

// The hypervolume of a Job's Front when a Result arrived.
struct HypervolumeRow {
  ResultId result;
  double hypervolume = 0;
  double gain = 0;
  int64_t trainings = 0;
  double device_seconds = 0;
};

// What a cost was computed with. Many Results share one, which is why rows point to it.
struct CostOrigin {
  std::string metric;  // canonical
  std::string model_version;
  std::string profile;
  std::string note;  // assumed and missing parts, or why there is no value
};

// What one Result costs by one metric.
struct CostRow {
  std::shared_ptr<const CostOrigin> origin;  // never null
  std::optional<double> value;               // empty: there is none, the note says why
  bool is_lower_bound = false;
};

// A stored Result as pricing sees it.
struct PricedResult {
  ResultId id;
  std::string network;  // canonical text
  JobId job;
  std::string price_set;  // of the stored costs; empty = none
};

struct WorkerRow {
  v1::WorkerInfo info;
  Time first_seen;
  Time last_seen;
  Time heard;              // last_seen on the steady clock
  bool connected = false;  // heard of within the time of a Lease, and not since it said goodbye
  // Tasks that this incarnation failed since it last succeeded, and why it gets none because of
  // that; empty = it does.
  int64_t failures_in_row = 0;
  std::string quarantine;
};

// CPU cores for Tasks, and the number of Workers that share them (WorkerInfo).
struct SharedCores {
  int64_t cores = 0;
  int64_t workers = 0;
};

// An Attempt that counts as lost.
struct LostAttempt {
  TaskId task;
  int64_t attempt = 0;
  std::string worker;
  bool expired = false;  // the Worker was not heard of in time; else it failed
  std::string artifact;  // SHA-256 of the input that was of no use to it; empty = another reason
  Time at;
  std::string reason;

  friend bool operator==(const LostAttempt&, const LostAttempt&) = default;
};

// Where an artifact comes from: the Task that leaves it, and what it is to that Task.
struct ArtifactMaker {
  TaskId task;
  int64_t budget = 0;   // of the Snapshot that it is; 0 = the weights of a pretrain
  int64_t attempt = 0;  // that left it
};

// 0 and empty mean "none".
struct EventRow {
  Time at;
  std::string kind;
  JobId job;
  CandidateId candidate;
  TaskId task;
  ResultId result;
  std::string worker;
  std::string detail;
};

// One unit of work. Lives inside Store::Transact; every call may also fail with what
// Store::Transact documents, and after an error the unit must end with that error.
// Get... returns NOT_FOUND naming the id.
class Transaction {
 public:
  // Of storage/ alone: `db` has an open transaction.
  explicit Transaction(SqliteDb& db) : db_(db) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  absl::StatusOr<JobId> InsertJob(const JobRow& job);
  absl::StatusOr<JobRow> GetJob(JobId job);
  absl::StatusOr<std::optional<JobId>> FindJobByRequest(const std::string& request_id);
  // Writes state, finished_at, unsealed_at, archived_at, keeps, spec, chosen_data_hash,
  // search_ended_at and search_message.
  absl::Status UpdateJob(const JobRow& job);
  // With everything that belongs to it, events too. Its artifacts stay known until they are found
  // unused.
  absl::Status DeleteJob(JobId job);
  // The Jobs that take an order of criticality from `job`, oldest first.
  absl::StatusOr<std::vector<JobId>> ListOrderedBy(JobId job);
  // Its Results, with on_front.
  absl::StatusOr<v1::ResultList> ListResults(JobId job);
  // The artifacts that rows of `job` name.
  absl::StatusOr<std::vector<v1::Artifact>> ListArtifactsOf(JobId job);
  // The rows of `job`, which is to be archived, name no artifact any more but for those of Results
  // that are not in `results`.
  absl::Status DropArtifacts(JobId job, const std::vector<ResultId>& results, Time at);
  absl::StatusOr<int64_t> CountJobs();

  absl::StatusOr<CandidateId> InsertCandidate(const CandidateRow& candidate);
  absl::StatusOr<CandidateRow> GetCandidate(CandidateId candidate);
  // Of a Job, oldest first, with ids above `after`.
  absl::StatusOr<std::vector<CandidateId>> ListCandidates(JobId job, CandidateId after = {});
  // Beside those that the Candidate has. ALREADY_EXISTS for one of these.
  absl::Status InsertBudgets(CandidateId candidate, const std::vector<int64_t>& budgets);
  // Writes data_hash and split_hash.
  absl::Status UpdateCandidate(const CandidateRow& candidate);
  // Candidates that learn from `teacher`, oldest first.
  absl::StatusOr<std::vector<CandidateId>> ListStudents(CandidateId teacher);
  // The data hash that the newest Candidate found whose Job asked for just these images; empty
  // where none has found one yet.
  absl::StatusOr<std::string> FindDataHash(const v1::DataSpec& data, uint64_t split_seed);

  // Of all replicates of the network of `teacher` in its Job, by replicate, then section.
  absl::StatusOr<std::vector<SectionMeasurement>> ListSectionMeasurements(CandidateId teacher);
  // `candidate` is the full network, replicate 0. ALREADY_EXISTS where it has scores.
  absl::Status InsertCriticality(CandidateId candidate,
                                 const std::vector<v1::SectionCriticality>& sections);
  // Of the networks of `job` that have scores, by Candidate. Empty for an unknown Job.
  absl::StatusOr<std::vector<v1::Criticality>> ListCriticality(JobId job);

  absl::StatusOr<TaskId> InsertTask(const TaskRow& task);
  absl::StatusOr<TaskRow> GetTask(TaskId task);
  // Writes everything below `seed`.
  absl::Status UpdateTask(const TaskRow& task);
  absl::StatusOr<std::vector<TaskRow>> ListTasks(CandidateId candidate);
  // BLOCKED, QUEUED or LEASED.
  absl::StatusOr<std::vector<TaskRow>> ListLiveTasks(JobId job);
  absl::StatusOr<std::map<TaskState, int64_t>> CountTasks(JobId job);
  absl::StatusOr<std::vector<TaskRow>> ListLeasedTasks(const std::string& worker);
  absl::StatusOr<std::vector<TaskRow>> ListExpiredTasks(Time now);
  // The QUEUED Task that `worker` should work on next, of a RUNNING Job of which it may take Tasks
  // (placement_v in storage/schema) and that waits for no pause to end: the oldest Job first; in it
  // the first seed of everything before the second of anything; of one seed
  // what was begun is finished before a pretrain begins, a linearize before fine-tunes, since
  // others wait for it. Of one Stage the network of the most MACs first, so that no long Task is
  // left for the end, when other Workers have nothing more to do; then a Candidate that this Worker
  // has worked on; then the oldest Candidate, largest Budget. One of which this Worker has lost an
  // Attempt is left to a Worker that may take it and has not. With `only` of that Job alone.
  absl::StatusOr<std::optional<TaskRow>> NextQueuedTask(const std::string& worker, Time steady_now,
                                                        JobId only = {});
  // Whether another Worker than `worker` may take Tasks of that Task's Job and has lost none of its
  // Attempts.
  absl::StatusOr<bool> OthersMayTake(TaskId task, const std::string& worker);
  // Those of connected Workers that compute on CPUs.
  absl::StatusOr<std::vector<SharedCores>> ListConnectedCores();
  // Of the Tasks that are leased to Workers which share their cores with `worker`.
  absl::StatusOr<int64_t> CountThreadsBeside(const std::string& worker);
  // All Leases end at `until`.
  absl::Status RenewLeases(Time until);
  // All Leases end that much later.
  absl::Status ExtendLeases(Milliseconds by);

  // Counts an Attempt as lost; no effect where it is.
  absl::Status PutLostAttempt(const LostAttempt& lost);
  // By Attempt.
  absl::StatusOr<std::vector<LostAttempt>> ListLostAttempts(TaskId task);
  // Those of `task`; with `attempt` that one alone.
  absl::Status ForgetLostAttempts(TaskId task, int64_t attempt = 0);

  // Stores those of `epochs` that this Attempt has not stored yet and returns them. Rows of
  // earlier Attempts from the first of them on are replaced: the Attempt has gone another way.
  absl::StatusOr<std::vector<v1::Epoch>> StoreEpochs(TaskId task, int64_t attempt, Time at,
                                                     const std::vector<v1::Epoch>& epochs);
  // Removes epochs >= `first`.
  absl::Status DropEpochs(TaskId task, int64_t first);
  // One more than the highest stored epoch.
  absl::StatusOr<int64_t> EpochsStored(TaskId task);

  absl::Status PutProvenance(TaskId task, int64_t attempt, const v1::Provenance& provenance);
  // NOT_FOUND unless this Attempt has stored one.
  absl::StatusOr<v1::Provenance> GetProvenance(TaskId task, int64_t attempt);

  // ALREADY_EXISTS where the Candidate has a Snapshot for that Budget.
  absl::Status InsertSnapshot(const SnapshotRow& snapshot);
  absl::StatusOr<std::vector<SnapshotRow>> ListSnapshots(CandidateId candidate);
  // No error where there is none.
  absl::Status RemoveSnapshot(CandidateId candidate, int64_t budget);
  // Removes everything that the Candidate's Tasks have found: Results, Snapshots, epochs,
  // provenance, hashes of its data, and the scores of the network that it is a part of. The
  // Tasks' own rows stay.
  absl::Status ForgetFindings(CandidateId candidate);
  // The live Tasks whose checkpoint it is.
  absl::StatusOr<std::vector<TaskRow>> ListResuming(const v1::Artifact& artifact);
  // The Tasks of RUNNING Jobs that leave `artifact` for others: weights or Snapshots. Not those of
  // checkpoints, Results and pretrained files.
  absl::StatusOr<std::vector<ArtifactMaker>> ListMakers(const v1::Artifact& artifact);

  // ALREADY_EXISTS where the Candidate has a Result for that Budget.
  absl::StatusOr<ResultId> InsertResult(const ResultRow& result);
  // Replaces all costs of the Result. `price_set` says which metrics, versions and profiles they
  // are of, so that a later start knows whether they still hold.
  absl::Status PutCosts(ResultId result, const std::string& price_set,
                        const std::vector<CostRow>& costs);
  // By network, then id: Results of one network are priced together.
  absl::StatusOr<std::vector<PricedResult>> ListPricedResults();
  // What was reported of it.
  absl::StatusOr<v1::ResultReport> GetReport(ResultId result);

  // RUNNING Jobs whose search has not ended, oldest first.
  absl::StatusOr<std::vector<JobId>> ListSearchingJobs();
  // Connected Workers without a Lease that may take Tasks of `job`, less its QUEUED Tasks.
  absl::StatusOr<int64_t> CountIdleWorkers(JobId job);
  // Of `job`, oldest first, with ids above `after`; with `raising` those alone that have raised the
  // hypervolume.
  absl::StatusOr<std::vector<FoundResult>> ListFoundResults(JobId job, ResultId after,
                                                            bool raising = false);
  // Results of `job` with ids up to `last`.
  absl::StatusOr<int64_t> CountResults(JobId job, ResultId last);
  // Candidates of `job` that have a Result.
  absl::StatusOr<int64_t> CountTrainings(JobId job);
  // Jobs whose Results have hypervolumes.
  absl::StatusOr<std::vector<JobId>> ListJobsWithHypervolumes();
  // Of all Tasks of `job`.
  absl::StatusOr<double> SumDeviceSeconds(JobId job);
  absl::Status PutHypervolume(const HypervolumeRow& row);
  // By Result.
  absl::StatusOr<std::vector<HypervolumeRow>> ListHypervolumes(JobId job);
  // The oldest Candidate with the network, images, recipe and seeds of `candidate`, which is of
  // `job` and was not inserted, whose Results have all of its Budgets and are there with their
  // weights. `data_hash`: of the images that `job` will be trained on.
  absl::StatusOr<std::optional<CandidateId>> FindReusable(const JobRow& job,
                                                          const CandidateRow& candidate,
                                                          const std::string& data_hash);
  // Copies what `source` has found to `target`, whose Tasks are SUCCEEDED then. The Results, oldest
  // first.
  absl::StatusOr<std::vector<ResultId>> ReuseCandidate(CandidateId source, CandidateId target,
                                                       Time at);

  // Remembers that a user has stored `artifact`, so that it can be removed where no Job names it.
  absl::Status PutUpload(const v1::Artifact& artifact, Time at);
  // Artifacts that a row once referred to and none does any more (replaced checkpoints), and
  // uploads of before `uploaded_before` that no Candidate names; `most` at most.
  absl::StatusOr<std::vector<v1::Artifact>> ListUnusedArtifacts(Time uploaded_before, int64_t most);
  // Whether it is one of them.
  absl::StatusOr<bool> IsUnused(const v1::Artifact& artifact, Time uploaded_before);
  absl::Status ForgetArtifact(const v1::Artifact& artifact);
  // Whether a row refers to it, or did until a moment ago.
  absl::StatusOr<bool> KnowsArtifact(const std::string& sha256);

  absl::StatusOr<std::optional<WorkerRow>> FindWorker(const std::string& worker);
  absl::Status PutWorker(const WorkerRow& worker);
  // Workers that were last heard of at `heard` or before are not connected any more.
  absl::Status Disconnect(Time heard);
  // A coordinator begins, with a steady clock of its own: nobody is connected, those that have not
  // said goodbye count as heard of at `steady_now`, and no Task waits for a pause to end.
  absl::Status BeginSession(Time steady_now);
  // All of them count as having said goodbye: their ids are free at once.
  absl::Status DismissWorkers();
  // Why `worker` may take no Task of `job`; empty = it may (placement_v).
  absl::StatusOr<std::string> ObstacleOf(const std::string& worker, JobId job);
  // The images that RUNNING Jobs with QUEUED Tasks need and `worker`, which is configured for them,
  // has not opened, cannot use, or has another copy of; the oldest Job first, `most` at most. With
  // `only` of that Job alone.
  absl::StatusOr<std::vector<v1::DataRequest>> ListWantedData(const std::string& worker,
                                                              int64_t most, JobId only = {});
  // The copies of a Job's data set, by hash.
  absl::StatusOr<std::vector<v1::DataCopy>> ListDataCopies(JobId job);
  // Whether the Worker was ever stored with this incarnation.
  absl::StatusOr<bool> KnowsIncarnation(const std::string& worker, const std::string& incarnation);

  absl::Status AppendEvent(const EventRow& event);

  // Facts of the installation: "artifact_folder_id". Empty where nothing is stored.
  absl::StatusOr<std::string> GetFact(const std::string& name);
  absl::Status PutFact(const std::string& name, const std::string& value);

 private:
  // Throws, as everything private. The ids of an origin's rows, which are made where there are
  // none.
  struct CostIds {
    std::shared_ptr<const CostOrigin> origin;  // keeps the key of cost_ids_ alive
    int64_t metric = 0;
    int64_t source = 0;
  };
  const CostIds& CostIdsOf(const std::shared_ptr<const CostOrigin>& origin);
  void PutArtifact(const v1::Artifact& artifact);
  template <typename... Values>
  std::vector<TaskRow> QueryTasks(const char* sql, const Values&... values);

  SqliteDb& db_;
  // Ids that this unit of work has seen: a hundred thousand Results share a few.
  std::unordered_map<const CostOrigin*, CostIds> cost_ids_;
};

// Thread-safe: units of work run one after the other.
class Store {
 public:
  // Opens `database` (created if missing, ":memory:" for one that dies with the Store) and brings
  // its schema up to this program's version. Holds "<database>.lock" until destroyed.
  // FAILED_PRECONDITION: another coordinator holds that lock, the database was written by a newer
  // version, or is none of Reluscape's. Every message names the path.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::filesystem::path& database);
  ~Store();

  // Runs `work` in one transaction (BEGIN IMMEDIATE; on the disk when this returns OK). An error
  // of `work` rolls everything back and is returned. UNAVAILABLE: another process held the
  // database for 10 s. RESOURCE_EXHAUSTED: the disk is full. DATA_LOSS: the file is damaged.
  absl::Status Transact(const std::function<absl::Status(Transaction&)>& work);

 private:
  Store(std::unique_ptr<FileLock> lock, std::unique_ptr<SqliteDb> db);

  const std::unique_ptr<FileLock> lock_;  // null for ":memory:"; freed after the connection closes
  Mutex mutex_;
  const std::unique_ptr<SqliteDb> db_ GUARDED_BY(mutex_);
};

}  // namespace reluscape

#pragma once

// Transaction on an SQLite connection; all SQL that writes is here. Not thread-safe.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {

class SqliteTransaction final : public Transaction {
 public:
  // `db` has an open transaction.
  explicit SqliteTransaction(SqliteDb& db) : db_(db) {}

  absl::StatusOr<JobId> InsertJob(const JobRow& job) override;
  absl::StatusOr<JobRow> GetJob(JobId job) override;
  absl::StatusOr<std::optional<JobId>> FindJobByRequest(const std::string& request_id) override;
  absl::Status UpdateJob(const JobRow& job) override;
  absl::StatusOr<int64_t> CountJobs() override;

  absl::StatusOr<CandidateId> InsertCandidate(const CandidateRow& candidate) override;
  absl::StatusOr<CandidateRow> GetCandidate(CandidateId candidate) override;
  absl::StatusOr<std::vector<CandidateId>> ListCandidates(JobId job) override;
  absl::Status InsertBudgets(CandidateId candidate, const std::vector<int64_t>& budgets) override;
  absl::Status UpdateCandidate(const CandidateRow& candidate) override;
  absl::StatusOr<std::vector<CandidateId>> ListStudents(CandidateId teacher) override;
  absl::StatusOr<std::string> FindDataHash(const v1::DataSpec& data, uint64_t split_seed) override;

  absl::StatusOr<std::vector<StageMeasurement>> ListStageMeasurements(CandidateId teacher) override;
  absl::Status InsertCriticality(CandidateId candidate,
                                 const std::vector<v1::StageCriticality>& stages) override;
  absl::StatusOr<std::vector<v1::Criticality>> ListCriticality(JobId job) override;

  absl::StatusOr<TaskId> InsertTask(const TaskRow& task) override;
  absl::StatusOr<TaskRow> GetTask(TaskId task) override;
  absl::Status UpdateTask(const TaskRow& task) override;
  absl::StatusOr<std::vector<TaskRow>> ListTasks(CandidateId candidate) override;
  absl::StatusOr<std::vector<TaskRow>> ListLiveTasks(JobId job) override;
  absl::StatusOr<std::map<TaskState, int64_t>> CountTasks(JobId job) override;
  absl::StatusOr<std::vector<TaskRow>> ListLeasedTasks(const std::string& worker) override;
  absl::StatusOr<std::vector<TaskRow>> ListExpiredTasks(Time now) override;
  absl::StatusOr<std::optional<TaskRow>> NextQueuedTask(const std::string& worker, Time steady_now,
                                                        JobId only) override;
  absl::StatusOr<bool> OthersMayTake(TaskId task, const std::string& worker) override;
  absl::Status RenewLeases(Time until) override;
  absl::Status ExtendLeases(Milliseconds by) override;
  absl::Status PutLostAttempt(const LostAttempt& lost) override;
  absl::StatusOr<std::vector<LostAttempt>> ListLostAttempts(TaskId task) override;
  absl::Status ForgetLostAttempts(TaskId task, int64_t attempt) override;

  absl::StatusOr<std::vector<v1::Epoch>> StoreEpochs(TaskId task, int64_t attempt, Time at,
                                                     const std::vector<v1::Epoch>& epochs) override;
  absl::Status DropEpochs(TaskId task, int64_t first) override;
  absl::StatusOr<int64_t> EpochsStored(TaskId task) override;

  absl::Status PutMeasurement(TaskId task, int64_t attempt,
                              const v1::Measurement& measurement) override;
  absl::StatusOr<v1::Measurement> GetMeasurement(TaskId task, int64_t attempt) override;

  absl::Status InsertSnapshot(const SnapshotRow& snapshot) override;
  absl::StatusOr<std::vector<SnapshotRow>> ListSnapshots(CandidateId candidate) override;
  absl::Status RemoveSnapshot(CandidateId candidate, int64_t budget) override;
  absl::Status ForgetFindings(CandidateId candidate) override;
  absl::StatusOr<std::vector<TaskRow>> ListResuming(const v1::Artifact& artifact) override;
  absl::StatusOr<std::vector<ArtifactMaker>> ListMakers(const v1::Artifact& artifact) override;

  absl::StatusOr<ResultId> InsertResult(const ResultRow& result) override;
  absl::Status PutLatency(ResultId result, const LatencyRow& latency) override;
  absl::Status PutCosts(ResultId result, const std::string& price_set,
                        const std::vector<CostRow>& costs) override;
  absl::StatusOr<std::vector<PricedResult>> ListPricedResults() override;
  absl::StatusOr<v1::ResultReport> GetReport(ResultId result) override;

  absl::StatusOr<std::vector<v1::Artifact>> ListUnusedArtifacts(Time uploaded_before) override;
  absl::Status PutUpload(const v1::Artifact& artifact, Time at) override;
  absl::Status ForgetArtifact(const v1::Artifact& artifact) override;
  absl::StatusOr<std::vector<v1::Artifact>> ListArtifacts() override;

  absl::StatusOr<std::optional<WorkerRow>> FindWorker(const std::string& worker) override;
  absl::Status PutWorker(const WorkerRow& worker) override;
  absl::Status Disconnect(Time heard) override;
  absl::Status BeginSession(Time steady_now) override;
  absl::Status DismissWorkers() override;
  absl::StatusOr<std::string> ObstacleOf(const std::string& worker, JobId job) override;
  absl::StatusOr<std::vector<v1::DataRequest>> ListWantedData(const std::string& worker,
                                                              int64_t most, JobId only) override;
  absl::StatusOr<std::vector<v1::DataCopy>> ListDataCopies(JobId job) override;
  absl::StatusOr<bool> KnowsIncarnation(const std::string& worker,
                                        const std::string& incarnation) override;

  absl::Status AppendEvent(const EventRow& event) override;

  absl::StatusOr<std::string> GetFact(const std::string& name) override;
  absl::Status PutFact(const std::string& name, const std::string& value) override;

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

}  // namespace reluscape

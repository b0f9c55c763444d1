// All SQL that writes, but for what stands in *_rows.cc.

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/messages.h"
#include "storage/result_rows.h"
#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {
namespace {

// Columns in the order in which ReadTask takes them.
#define TASK_COLUMNS                                                                        \
  "t.task_id, t.job_id, t.candidate_id, t.stage, t.budget, t.seed, t.state, t.attempt, "    \
  "(SELECT count(*) FROM lost_attempts l WHERE l.task_id = t.task_id), t.worker, "          \
  "t.lease_until_steady_ms, t.not_before_steady_ms, t.epochs_planned, t.device_seconds, "   \
  "t.checkpoint_sha256, "                                                                   \
  "(SELECT bytes FROM artifacts WHERE sha256 = t.checkpoint_sha256), t.checkpoint_epochs, " \
  "t.weights_sha256, (SELECT bytes FROM artifacts WHERE sha256 = t.weights_sha256), "       \
  "t.started_at_ms, t.finished_at_ms, t.message "

TaskRow ReadTask(Query& row) {
  TaskRow task;
  task.id = row.IdOf<TaskId>();
  task.job = row.IdOf<JobId>();
  task.candidate = row.IdOf<CandidateId>();
  task.stage = row.StageOf();
  task.budget = row.Int();
  task.seed = row.Seed();
  task.state = row.TaskStateOf();
  task.attempt = row.Int();
  task.attempts_lost = row.Int();
  task.worker = row.Text();
  task.lease_until = row.OptionalTime();
  task.not_before = row.OptionalTime();
  task.epochs_planned = row.Int();
  task.device_seconds = row.Real();
  task.checkpoint = row.Artifact();
  task.checkpoint_epochs = row.Int();
  task.weights = row.Artifact();
  task.started_at = row.OptionalTime();
  task.finished_at = row.OptionalTime();
  task.message = row.Text();
  return task;
}

template <typename IdType>
absl::Status NoSuch(const char* what, IdType id) {
  return absl::NotFoundError(absl::StrCat("there is no ", what, " ", id.value));
}

}  // namespace

absl::StatusOr<JobId> Transaction::InsertJob(const JobRow& job) {
  return Guard(db_, [&]() -> absl::StatusOr<JobId> {
    Query(db_,
          "INSERT INTO jobs (request_id, state, recipe, split_seed, spec, created_at_ms,"
          " finished_at_ms, unsealed_at_ms, data_hash_chosen, hypervolume_box,"
          " search_ended_at_ms, search_message) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
          OrNull(job.request_id), job.state, job.recipe, job.split_seed, MessageToJson(job.spec),
          job.created_at, job.finished_at, job.unsealed_at, OrNull(job.chosen_data_hash),
          OrNull(job.hypervolume_box ? MessageToJson(*job.hypervolume_box) : ""),
          job.search_ended_at, job.search_message)
        .Run();
    return JobId{db_.LastInsertId()};
  });
}

absl::StatusOr<JobRow> Transaction::GetJob(JobId id) {
  return Guard(db_, [&]() -> absl::StatusOr<JobRow> {
    Query row(db_,
              "SELECT job_id, request_id, state, recipe, split_seed, spec, created_at_ms,"
              " finished_at_ms, unsealed_at_ms, data_hash_chosen, archived_at_ms, keeps,"
              " hypervolume_box, search_ended_at_ms, search_message FROM jobs WHERE job_id = ?",
              id);
    if (!row.Step()) return NoSuch("job", id);
    JobRow job;
    job.id = row.IdOf<JobId>();
    job.request_id = row.Text();
    job.state = row.JobStateOf();
    job.recipe = row.Text();
    job.split_seed = row.Seed();
    FieldErrors errors;
    JsonToMessage(row.Text(), job.spec, errors);
    if (!errors.empty()) {
      return absl::DataLossError(absl::StrCat(
          "job ", id.value, ", column spec: ", std::string(errors.ToStatus().message())));
    }
    FillJobDefaults(job.spec);  // of settings that are newer than the row
    job.created_at = row.At();
    job.finished_at = row.OptionalTime();
    job.unsealed_at = row.OptionalTime();
    job.chosen_data_hash = row.Text();
    job.archived_at = row.OptionalTime();
    job.keeps = row.RetentionOf();
    v1::HypervolumeBox box;
    row.Json(box);
    if (box.axes_size() > 0) job.hypervolume_box = std::move(box);
    job.search_ended_at = row.OptionalTime();
    job.search_message = row.Text();
    return job;
  });
}

absl::StatusOr<std::optional<JobId>> Transaction::FindJobByRequest(const std::string& request_id) {
  return Guard(db_, [&]() -> absl::StatusOr<std::optional<JobId>> {
    Query row(db_, "SELECT job_id FROM jobs WHERE request_id = ?", request_id);
    if (!row.Step()) return std::optional<JobId>();
    return std::optional<JobId>(row.IdOf<JobId>());
  });
}

absl::Status Transaction::UpdateJob(const JobRow& job) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "UPDATE jobs SET state = ?, finished_at_ms = ?, unsealed_at_ms = ?, spec = ?,"
          " data_hash_chosen = ?, archived_at_ms = ?, keeps = ?, search_ended_at_ms = ?,"
          " search_message = ? WHERE job_id = ?",
          job.state, job.finished_at, job.unsealed_at, MessageToJson(job.spec),
          OrNull(job.chosen_data_hash), job.archived_at, NameOf(job.keeps), job.search_ended_at,
          job.search_message, job.id)
        .Run();
    if (db_.Changes() != 1) return NoSuch("job", job.id);
    return absl::OkStatus();
  });
}

absl::Status Transaction::DeleteJob(JobId job) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM events WHERE job_id = ?", job).Run();
    Query(db_, "DELETE FROM jobs WHERE job_id = ?", job).Run();
    return db_.Changes() == 1 ? absl::OkStatus() : NoSuch("job", job);
  });
}

absl::StatusOr<std::vector<JobId>> Transaction::ListOrderedBy(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<JobId>> {
    std::vector<JobId> ids;
    Query row(db_,
              "SELECT j.job_id FROM jobs j WHERE EXISTS (SELECT 1"
              " FROM json_tree(j.spec, '$.candidates') s"
              " WHERE s.key = 'order_from_job' AND s.atom = ?) ORDER BY j.job_id",
              job);
    while (row.Step()) ids.push_back(row.IdOf<JobId>());
    return ids;
  });
}

absl::StatusOr<v1::ResultList> Transaction::ListResults(JobId job) {
  return Guard(db_, [&] { return ReadResults(db_, job); });
}

absl::StatusOr<std::vector<v1::Artifact>> Transaction::ListArtifactsOf(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<v1::Artifact>> {
    std::vector<v1::Artifact> artifacts;
    Query row(db_, "SELECT sha256, bytes FROM job_artifacts_v WHERE job = ?", job);
    while (row.Step()) artifacts.push_back(row.Artifact());
    return artifacts;
  });
}

absl::Status Transaction::DropArtifacts(JobId job, const std::vector<ResultId>& results, Time at) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "UPDATE tasks SET checkpoint_sha256 = NULL, checkpoint_epochs = 0, weights_sha256 = NULL"
          " WHERE job_id = ?",
          job)
        .Run();
    Query(db_,
          "UPDATE snapshots SET artifact_sha256 = NULL WHERE candidate_id IN"
          " (SELECT candidate_id FROM candidates WHERE job_id = ?)",
          job)
        .Run();
    for (const ResultId result : results) {
      Query(db_,
            "UPDATE results SET weights_removed_at_ms = ?1 WHERE result_id = ?2 AND job_id = ?3"
            " AND weights_removed_at_ms IS NULL",
            at, result, job)
          .Run();
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> Transaction::CountJobs() {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_, "SELECT count(*) FROM jobs");
    row.Step();
    return row.Int();
  });
}

absl::StatusOr<CandidateId> Transaction::InsertCandidate(const CandidateRow& c) {
  return Guard(db_, [&]() -> absl::StatusOr<CandidateId> {
    if (IsSet(c.pretrained)) PutArtifact(c.pretrained);
    Query(db_,
          "INSERT INTO candidates (job_id, name, network, network_hash, replicate, relus,"
          " relus_with_stem, macs, parameters, data_hash, split_hash, role, measured_section,"
          " teacher_id, origin, pretrained_file, pretrained_sha256, replacement, point,"
          " results_seen, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
          c.job, c.name, c.network, c.network_hash, c.replicate, c.relus, c.relus_with_stem, c.macs,
          c.parameters, OrNull(c.data_hash), OrNull(c.split_hash), CandidateRoleName(c.role),
          c.measured_section, OrNull(c.teacher), c.origin, OrNull(c.pretrained_file),
          OrNull(c.pretrained.sha256()), NameOf(c.replacement),
          OrNull(c.point.empty() ? "" : absl::StrCat("[", absl::StrJoin(c.point, ","), "]")),
          c.point.empty() ? std::nullopt : std::optional<int64_t>(c.results_seen.value), c.reason)
        .Run();
    const CandidateId id{db_.LastInsertId()};
    RETURN_IF_ERROR(InsertBudgets(id, c.budgets));
    return id;
  });
}

absl::StatusOr<CandidateRow> Transaction::GetCandidate(CandidateId id) {
  return Guard(db_, [&]() -> absl::StatusOr<CandidateRow> {
    CandidateRow c;
    Query row(db_,
              "SELECT candidate_id, job_id, name, network, network_hash, replicate, relus,"
              " relus_with_stem, macs, parameters, data_hash, split_hash, role, measured_section,"
              " teacher_id, origin, pretrained_file, pretrained_sha256,"
              " (SELECT bytes FROM artifacts WHERE sha256 = pretrained_sha256), replacement,"
              " coalesce(results_seen, 0), reason FROM candidates WHERE candidate_id = ?",
              id);
    if (!row.Step()) return NoSuch("candidate", id);
    c.id = row.IdOf<CandidateId>();
    c.job = row.IdOf<JobId>();
    c.name = row.Text();
    c.network = row.Text();
    c.network_hash = row.Text();
    c.replicate = row.Int();
    c.relus = row.Int();
    c.relus_with_stem = row.Int();
    c.macs = row.Int();
    c.parameters = row.Int();
    c.data_hash = row.Text();
    c.split_hash = row.Text();
    c.role = row.CandidateRoleOf();
    c.measured_section = row.Int();
    c.teacher = row.IdOf<CandidateId>();
    c.origin = row.Text();
    c.pretrained_file = row.Text();
    c.pretrained = row.Artifact();
    c.replacement = row.ReplacementOf();
    c.results_seen = row.IdOf<ResultId>();
    c.reason = row.Text();
    Query point(db_,
                "SELECT p.value FROM candidates c, json_each(c.point) p WHERE c.candidate_id = ?"
                " ORDER BY p.key",
                id);
    while (point.Step()) c.point.push_back(static_cast<int>(point.Int()));
    Query budgets(
        db_, "SELECT budget FROM candidate_budgets WHERE candidate_id = ? ORDER BY budget DESC",
        id);
    while (budgets.Step()) c.budgets.push_back(budgets.Int());
    return c;
  });
}

absl::StatusOr<std::vector<CandidateId>> Transaction::ListCandidates(JobId job, CandidateId after) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<CandidateId>> {
    std::vector<CandidateId> ids;
    Query row(db_,
              "SELECT candidate_id FROM candidates WHERE job_id = ? AND candidate_id > ?"
              " ORDER BY candidate_id",
              job, after);
    while (row.Step()) ids.push_back(row.IdOf<CandidateId>());
    return ids;
  });
}

absl::Status Transaction::InsertBudgets(CandidateId candidate,
                                        const std::vector<int64_t>& budgets) {
  return Guard(db_, [&]() -> absl::Status {
    for (const int64_t budget : budgets) {
      Query(db_, "INSERT INTO candidate_budgets (candidate_id, budget) VALUES (?,?)", candidate,
            budget)
          .Run();
    }
    return absl::OkStatus();
  });
}

absl::Status Transaction::UpdateCandidate(const CandidateRow& c) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "UPDATE candidates SET data_hash = ?, split_hash = ? WHERE candidate_id = ?",
          OrNull(c.data_hash), OrNull(c.split_hash), c.id)
        .Run();
    return db_.Changes() == 1 ? absl::OkStatus() : NoSuch("candidate", c.id);
  });
}

void Transaction::PutArtifact(const v1::Artifact& artifact) {
  Query(db_,
        "INSERT INTO artifacts (sha256, bytes) VALUES (?,?)"
        " ON CONFLICT (sha256) DO UPDATE SET bytes = excluded.bytes",
        artifact.sha256(), artifact.bytes())
      .Run();
}

absl::StatusOr<TaskId> Transaction::InsertTask(const TaskRow& task) {
  return Guard(db_, [&]() -> absl::StatusOr<TaskId> {
    Query(db_,
          "INSERT INTO tasks (job_id, candidate_id, stage, budget, seed, state,"
          " lease_until_steady_ms)"
          " VALUES (?,?,?,?,?,?,?)",
          task.job, task.candidate, task.stage, task.budget, task.seed, task.state,
          task.lease_until)
        .Run();
    TaskRow row = task;
    row.id = TaskId{db_.LastInsertId()};
    // All other columns have the defaults of a fresh TaskRow unless the caller says otherwise.
    if (task.attempt != 0 || IsSet(task.checkpoint) || IsSet(task.weights) ||
        !task.message.empty()) {
      RETURN_IF_ERROR(UpdateTask(row));
    }
    return row.id;
  });
}

absl::StatusOr<TaskRow> Transaction::GetTask(TaskId id) {
  return Guard(db_, [&]() -> absl::StatusOr<TaskRow> {
    Query row(db_, "SELECT " TASK_COLUMNS "FROM tasks t WHERE t.task_id = ?", id);
    if (!row.Step()) return NoSuch("task", id);
    return ReadTask(row);
  });
}

absl::Status Transaction::UpdateTask(const TaskRow& task) {
  return Guard(db_, [&]() -> absl::Status {
    if (IsSet(task.checkpoint)) PutArtifact(task.checkpoint);
    if (IsSet(task.weights)) PutArtifact(task.weights);
    Query(db_,
          "UPDATE tasks SET state = ?, attempt = ?, worker = ?, lease_until_steady_ms = ?,"
          " not_before_steady_ms = ?, epochs_planned = ?, device_seconds = ?,"
          " checkpoint_sha256 = ?, checkpoint_epochs = ?, weights_sha256 = ?, started_at_ms = ?,"
          " finished_at_ms = ?, message = ? WHERE task_id = ?",
          task.state, task.attempt, task.worker, task.lease_until, task.not_before,
          task.epochs_planned, task.device_seconds, OrNull(task.checkpoint.sha256()),
          task.checkpoint_epochs, OrNull(task.weights.sha256()), task.started_at, task.finished_at,
          task.message, task.id)
        .Run();
    return db_.Changes() == 1 ? absl::OkStatus() : NoSuch("task", task.id);
  });
}

template <typename... Values>
std::vector<TaskRow> Transaction::QueryTasks(const char* sql, const Values&... values) {
  std::vector<TaskRow> tasks;
  Query row(db_, sql, values...);
  while (row.Step()) tasks.push_back(ReadTask(row));
  return tasks;
}

absl::StatusOr<std::vector<TaskRow>> Transaction::ListTasks(CandidateId candidate) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<TaskRow>> {
    return QueryTasks("SELECT " TASK_COLUMNS
                      "FROM tasks t WHERE t.candidate_id = ? ORDER BY t.task_id",
                      candidate);
  });
}

absl::StatusOr<std::vector<TaskRow>> Transaction::ListLiveTasks(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<TaskRow>> {
    return QueryTasks("SELECT " TASK_COLUMNS
                      "FROM tasks t WHERE t.job_id = ?"
                      " AND t.state IN ('BLOCKED', 'QUEUED', 'LEASED') ORDER BY t.task_id",
                      job);
  });
}

absl::StatusOr<std::map<TaskState, int64_t>> Transaction::CountTasks(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::map<TaskState, int64_t>> {
    std::map<TaskState, int64_t> counts;
    Query row(db_, "SELECT state, count(*) FROM tasks WHERE job_id = ? GROUP BY state", job);
    while (row.Step()) {
      const TaskState state = row.TaskStateOf();
      counts[state] = row.Int();
    }
    return counts;
  });
}

absl::StatusOr<std::vector<TaskRow>> Transaction::ListLeasedTasks(const std::string& worker) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<TaskRow>> {
    return QueryTasks("SELECT " TASK_COLUMNS
                      "FROM tasks t WHERE t.state = 'LEASED' AND t.worker = ? ORDER BY t.task_id",
                      worker);
  });
}

absl::StatusOr<std::vector<TaskRow>> Transaction::ListExpiredTasks(Time now) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<TaskRow>> {
    return QueryTasks("SELECT " TASK_COLUMNS
                      "FROM tasks t WHERE t.state = 'LEASED' AND t.lease_until_steady_ms <= ?"
                      " ORDER BY t.task_id",
                      now);
  });
}

// Whether another Worker than ?1 may take the Task t and has lost none of its Attempts.
#define OTHERS_MAY_TAKE                                                           \
  "EXISTS (SELECT 1 FROM placement_v o WHERE o.job = t.job_id AND o.worker <> ?1" \
  " AND o.obstacle = '' AND NOT EXISTS (SELECT 1 FROM lost_attempts l"            \
  "  WHERE l.task_id = t.task_id AND l.worker = o.worker))"

// Whether Worker ?1 may have the QUEUED Task t at the steady time ?2, apart from its Job: no pause,
// and no Attempt lost by it where others may take it.
#define MAY_BE_LEASED                                                           \
  "(t.not_before_steady_ms IS NULL OR t.not_before_steady_ms <= ?2)"            \
  " AND NOT (EXISTS (SELECT 1 FROM lost_attempts l WHERE l.task_id = t.task_id" \
  "   AND l.worker = ?1) AND " OTHERS_MAY_TAKE ")"

absl::StatusOr<std::optional<TaskRow>> Transaction::NextQueuedTask(const std::string& worker,
                                                                   Time steady_now, JobId only) {
  return Guard(db_, [&]() -> absl::StatusOr<std::optional<TaskRow>> {
    // In two steps, so that a long queue of Jobs that this Worker cannot take is passed over by the
    // index.
    JobId job;
    {
      Query row(db_,
                "SELECT p.job FROM placement_v p WHERE p.worker = ?1 AND ?3 IN (0, p.job)"
                " AND EXISTS (SELECT 1 FROM tasks t WHERE t.state = 'QUEUED' AND t.job_id = p.job"
                "   AND " MAY_BE_LEASED ") AND p.obstacle = '' ORDER BY p.job LIMIT 1",
                worker, steady_now, only);
      if (!row.Step()) return std::optional<TaskRow>();
      job = row.IdOf<JobId>();
    }
    Query row(
        db_,
        "SELECT " TASK_COLUMNS
        "FROM tasks t WHERE t.state = 'QUEUED' AND t.job_id = ?3 AND " MAY_BE_LEASED
        " ORDER BY (SELECT c.replicate FROM candidates c WHERE c.candidate_id = t.candidate_id),"
        " CASE t.stage WHEN 'linearize' THEN 0 WHEN 'fine-tune' THEN 1 ELSE 2 END,"
        " (SELECT c.macs FROM candidates c WHERE c.candidate_id = t.candidate_id) DESC,"
        " NOT EXISTS (SELECT 1 FROM tasks mine"
        "   WHERE mine.candidate_id = t.candidate_id AND mine.worker = ?1),"
        " t.candidate_id, t.budget DESC LIMIT 1",
        worker, steady_now, job);
    if (!row.Step()) return std::optional<TaskRow>();
    return std::optional<TaskRow>(ReadTask(row));
  });
}

absl::StatusOr<bool> Transaction::OthersMayTake(TaskId task, const std::string& worker) {
  return Guard(db_, [&]() -> absl::StatusOr<bool> {
    Query row(db_, "SELECT 1 FROM tasks t WHERE t.task_id = ?2 AND " OTHERS_MAY_TAKE, worker, task);
    return row.Step();
  });
}

absl::Status Transaction::RenewLeases(Time until) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "UPDATE tasks SET lease_until_steady_ms = ? WHERE state = 'LEASED'", until).Run();
    return absl::OkStatus();
  });
}

absl::Status Transaction::ExtendLeases(Milliseconds by) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "UPDATE tasks SET lease_until_steady_ms = lease_until_steady_ms + ?"
          " WHERE state = 'LEASED'",
          int64_t{by.count()})
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::Epoch>> Transaction::StoreEpochs(
    TaskId task, int64_t attempt, Time at, const std::vector<v1::Epoch>& epochs) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<v1::Epoch>> {
    std::vector<v1::Epoch> stored;
    if (epochs.empty()) return stored;
    int64_t first = epochs.front().epoch();
    for (const v1::Epoch& e : epochs) first = std::min(first, e.epoch());
    Query(db_, "DELETE FROM stage_progress WHERE task_id = ? AND epoch >= ? AND attempt < ?", task,
          first, attempt)
        .Run();
    for (const v1::Epoch& e : epochs) {
      Query(db_,
            "INSERT INTO stage_progress (task_id, epoch, attempt, at_ms, loss, train_accuracy,"
            " validation_accuracy, learning_rate, lambda, relus, seconds)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (task_id, epoch) DO NOTHING",
            task, e.epoch(), attempt, at, e.loss(), e.train_accuracy(), e.validation_accuracy(),
            e.learning_rate(), e.has_lambda() ? std::optional<double>(e.lambda()) : std::nullopt,
            e.relus(), e.seconds())
          .Run();
      if (db_.Changes() > 0) stored.push_back(e);
    }
    return stored;
  });
}

absl::Status Transaction::DropEpochs(TaskId task, int64_t first) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM stage_progress WHERE task_id = ? AND epoch >= ?", task, first).Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> Transaction::EpochsStored(TaskId task) {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_, "SELECT coalesce(max(epoch) + 1, 0) FROM stage_progress WHERE task_id = ?",
              task);
    row.Step();
    return row.Int();
  });
}

absl::Status Transaction::PutProvenance(TaskId task, int64_t attempt,
                                        const v1::Provenance& provenance) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "INSERT OR REPLACE INTO task_provenance (task_id, attempt, provenance) VALUES (?,?,?)",
          task, attempt, provenance)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Provenance> Transaction::GetProvenance(TaskId task, int64_t attempt) {
  return Guard(db_, [&]() -> absl::StatusOr<v1::Provenance> {
    Query row(db_, "SELECT provenance FROM task_provenance WHERE task_id = ? AND attempt = ?", task,
              attempt);
    if (!row.Step()) {
      return absl::NotFoundError(absl::StrCat("attempt ", attempt, " of task ", task.value,
                                              " has not said how it measures"));
    }
    v1::Provenance provenance;
    row.Json(provenance);
    return provenance;
  });
}

absl::Status Transaction::InsertSnapshot(const SnapshotRow& s) {
  return Guard(db_, [&]() -> absl::Status {
    PutArtifact(s.report.artifact());
    Query(db_,
          "INSERT INTO snapshots (candidate_id, budget, task_id, attempt, artifact_sha256, relus,"
          " epoch, device_seconds, created_at_ms) VALUES (?,?,?,?,?,?,?,?,?)",
          s.candidate, s.report.budget(), s.task, s.attempt, s.report.artifact().sha256(),
          s.report.relus(), s.report.epoch(), s.report.device_seconds(), s.created_at)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<SnapshotRow>> Transaction::ListSnapshots(CandidateId candidate) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<SnapshotRow>> {
    std::vector<SnapshotRow> snapshots;
    Query row(db_,
              "SELECT s.task_id, s.attempt, s.budget, s.artifact_sha256, a.bytes, s.relus, s.epoch,"
              " s.device_seconds, s.created_at_ms"
              " FROM snapshots s JOIN artifacts a ON a.sha256 = s.artifact_sha256"
              " WHERE s.candidate_id = ? ORDER BY s.budget DESC",
              candidate);
    while (row.Step()) {
      SnapshotRow s;
      s.candidate = candidate;
      s.task = row.IdOf<TaskId>();
      s.attempt = row.Int();
      s.report.set_budget(row.Int());
      *s.report.mutable_artifact() = row.Artifact();
      s.report.set_relus(row.Int());
      s.report.set_epoch(row.Int());
      s.report.set_device_seconds(row.Real());
      s.created_at = row.At();
      snapshots.push_back(std::move(s));
    }
    return snapshots;
  });
}

absl::Status Transaction::RemoveSnapshot(CandidateId candidate, int64_t budget) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM snapshots WHERE candidate_id = ? AND budget = ?", candidate, budget)
        .Run();
    return absl::OkStatus();
  });
}

absl::Status Transaction::ForgetFindings(CandidateId candidate) {
  return Guard(db_, [&]() -> absl::Status {
    // Events stay as they are but for the number of a Result that is gone.
    Query(db_,
          "UPDATE events SET result_id = NULL WHERE result_id IN"
          " (SELECT result_id FROM results WHERE candidate_id = ?)",
          candidate)
        .Run();
#define OF_ITS_RESULTS " WHERE result_id IN (SELECT result_id FROM results WHERE candidate_id = ?)"
#define OF_ITS_TASKS " WHERE task_id IN (SELECT task_id FROM tasks WHERE candidate_id = ?)"
    for (const char* sql :
         {"DELETE FROM result_costs" OF_ITS_RESULTS, "DELETE FROM result_price_sets" OF_ITS_RESULTS,
          "DELETE FROM result_hypervolumes" OF_ITS_RESULTS,
          "DELETE FROM sealed_test_accuracy" OF_ITS_RESULTS,
          "DELETE FROM results WHERE candidate_id = ?",
          "DELETE FROM snapshots WHERE candidate_id = ?", "DELETE FROM stage_progress" OF_ITS_TASKS,
          "DELETE FROM task_provenance" OF_ITS_TASKS,
          "UPDATE candidates SET data_hash = NULL, split_hash = NULL WHERE candidate_id = ?",
          // Of all replicates together, at the first one.
          "DELETE FROM criticality WHERE candidate_id IN (SELECT first.candidate_id"
          " FROM candidates one JOIN candidates whole"
          "  ON whole.candidate_id = coalesce(one.teacher_id, one.candidate_id)"
          " JOIN candidates first ON first.job_id = whole.job_id"
          "  AND first.network_hash = whole.network_hash WHERE one.candidate_id = ?)"}) {
      Query(db_, sql, candidate).Run();
    }
#undef OF_ITS_RESULTS
#undef OF_ITS_TASKS
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TaskRow>> Transaction::ListResuming(const v1::Artifact& artifact) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<TaskRow>> {
    return QueryTasks("SELECT " TASK_COLUMNS
                      "FROM tasks t WHERE t.checkpoint_sha256 = ?"
                      " AND t.state IN ('BLOCKED', 'QUEUED', 'LEASED') ORDER BY t.task_id",
                      artifact.sha256());
  });
}

absl::StatusOr<std::vector<ArtifactMaker>> Transaction::ListMakers(const v1::Artifact& artifact) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<ArtifactMaker>> {
    std::vector<ArtifactMaker> makers;
    Query row(db_,
              "SELECT t.task_id, 0, t.attempt FROM tasks t JOIN jobs j ON j.job_id = t.job_id"
              " WHERE t.weights_sha256 = ?1 AND j.state = 'RUNNING'"
              " UNION ALL SELECT s.task_id, s.budget, s.attempt FROM snapshots s"
              " JOIN tasks t ON t.task_id = s.task_id JOIN jobs j ON j.job_id = t.job_id"
              " WHERE s.artifact_sha256 = ?1 AND j.state = 'RUNNING' ORDER BY 1, 2",
              artifact.sha256());
    while (row.Step()) {
      ArtifactMaker maker;
      maker.task = row.IdOf<TaskId>();
      maker.budget = row.Int();
      maker.attempt = row.Int();
      makers.push_back(maker);
    }
    return makers;
  });
}

absl::StatusOr<ResultId> Transaction::InsertResult(const ResultRow& r) {
  return Guard(db_, [&]() -> absl::StatusOr<ResultId> {
    PutArtifact(r.report.artifact());
    Query(db_,
          "INSERT INTO results (job_id, candidate_id, task_id, report, data_hash, split_hash,"
          " seconds_pretrain, seconds_linearize, seconds_fine_tune, worker, attempt,"
          " created_at_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
          r.job, r.candidate, r.task, r.report, r.data_hash, r.split_hash, r.seconds_pretrain,
          r.seconds_linearize, r.seconds_fine_tune, r.worker, r.attempt, r.created_at)
        .Run();
    const ResultId id{db_.LastInsertId()};
    Query(db_, "INSERT INTO sealed_test_accuracy (result_id, accuracy_test) VALUES (?,?)", id,
          r.accuracy_test)
        .Run();
    return id;
  });
}

absl::StatusOr<v1::ResultReport> Transaction::GetReport(ResultId result) {
  return Guard(db_, [&]() -> absl::StatusOr<v1::ResultReport> {
    Query row(db_, "SELECT report FROM results WHERE result_id = ?", result);
    if (!row.Step()) return NoSuch("result", result);
    v1::ResultReport report;
    row.Json(report);
    return report;
  });
}

absl::Status Transaction::PutUpload(const v1::Artifact& artifact, Time at) {
  return Guard(db_, [&]() -> absl::Status {
    PutArtifact(artifact);
    Query(db_, "INSERT OR REPLACE INTO uploads (sha256, uploaded_at_ms) VALUES (?,?)",
          artifact.sha256(), at)
        .Run();
    return absl::OkStatus();
  });
}

// Whether nothing refers to the artifact a. One that was uploaded at ?1 or later waits for its Job.
#define IS_UNUSED                                                                  \
  "NOT EXISTS (SELECT 1 FROM tasks t WHERE t.checkpoint_sha256 = a.sha256)"        \
  " AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.weights_sha256 = a.sha256)"      \
  " AND NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.artifact_sha256 = a.sha256)" \
  " AND NOT EXISTS (SELECT 1 FROM results r WHERE r.artifact_sha256 = a.sha256)"   \
  " AND NOT EXISTS (SELECT 1 FROM candidates c JOIN jobs j ON j.job_id = c.job_id" \
  "   WHERE c.pretrained_sha256 = a.sha256 AND j.archived_at_ms IS NULL)"          \
  " AND NOT EXISTS (SELECT 1 FROM uploads u"                                       \
  "   WHERE u.sha256 = a.sha256 AND u.uploaded_at_ms >= ?1)"

absl::StatusOr<std::vector<v1::Artifact>> Transaction::ListUnusedArtifacts(Time uploaded_before,
                                                                           int64_t most) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<v1::Artifact>> {
    std::vector<v1::Artifact> unused;
    Query row(db_, "SELECT a.sha256, a.bytes FROM artifacts a WHERE " IS_UNUSED " LIMIT ?2",
              uploaded_before, most);
    while (row.Step()) unused.push_back(row.Artifact());
    return unused;
  });
}

absl::StatusOr<bool> Transaction::IsUnused(const v1::Artifact& artifact, Time uploaded_before) {
  return Guard(db_, [&]() -> absl::StatusOr<bool> {
    return Query(db_, "SELECT 1 FROM artifacts a WHERE a.sha256 = ?2 AND " IS_UNUSED,
                 uploaded_before, artifact.sha256())
        .Step();
  });
}

absl::Status Transaction::ForgetArtifact(const v1::Artifact& artifact) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM artifacts WHERE sha256 = ?", artifact.sha256()).Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> Transaction::KnowsArtifact(const std::string& sha256) {
  return Guard(db_, [&]() -> absl::StatusOr<bool> {
    return Query(db_, "SELECT 1 FROM artifacts WHERE sha256 = ?", sha256).Step();
  });
}

absl::Status Transaction::AppendEvent(const EventRow& e) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "INSERT INTO events (at_ms, kind, job_id, candidate_id, task_id, result_id, worker,"
          " detail) VALUES (?,?,?,?,?,?,?,?)",
          e.at, e.kind, OrNull(e.job), OrNull(e.candidate), OrNull(e.task), OrNull(e.result),
          e.worker, e.detail)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> Transaction::GetFact(const std::string& name) {
  return Guard(db_, [&]() -> absl::StatusOr<std::string> {
    Query row(db_, "SELECT value FROM facts WHERE name = ?", name);
    return row.Step() ? row.Text() : std::string();
  });
}

absl::Status Transaction::PutFact(const std::string& name, const std::string& value) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)", name, value).Run();
    return absl::OkStatus();
  });
}

}  // namespace reluscape

#include "storage/result_reader.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"
#include "storage/cost_rows.h"
#include "storage/criticality_rows.h"
#include "storage/mark_front.h"
#include "storage/result_rows.h"
#include "storage/sqlite_db.h"
#include "storage/worker_rows.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxEvents = 10'000;  // of one answer
constexpr int kMaxObstacles = 20;       // of one Job: a user reads no more

void ReadEpoch(Query& row, v1::Epoch& epoch) {
  epoch.set_epoch(row.Int());
  epoch.set_loss(row.Real());
  epoch.set_train_accuracy(row.Real());
  epoch.set_validation_accuracy(row.Real());
  epoch.set_learning_rate(row.Real());
  if (const auto lambda = row.OptionalReal()) epoch.set_lambda(*lambda);
  epoch.set_relus(row.Int());
  epoch.set_seconds(row.Real());
}

#define EPOCH_COLUMNS                                                                    \
  "p.epoch, p.loss, p.train_accuracy, p.validation_accuracy, p.learning_rate, p.lambda," \
  " p.relus, p.seconds"

#define SELECT_CURVES                                                                  \
  "SELECT t.task_id, t.stage, nullif(t.budget, 0), p.attempt, p.at_ms, " EPOCH_COLUMNS \
  " FROM tasks t JOIN stage_progress p USING (task_id) "

std::vector<v1::CurvePoint> ReadCurves(Query& row) {
  std::vector<v1::CurvePoint> curves;
  while (row.Step()) {
    v1::CurvePoint& point = curves.emplace_back();
    point.set_task(row.Int());
    point.set_stage(row.Text());
    if (const auto budget = row.OptionalInt()) point.set_budget(*budget);
    point.set_attempt(row.Int());
    point.set_at_ms(row.Int());
    ReadEpoch(row, *point.mutable_epoch());
  }
  return curves;
}

class SqliteResultReader final : public ResultReader {
 public:
  explicit SqliteResultReader(std::unique_ptr<SqliteDb> db)
      : owned_(std::move(db)), db_(owned_.get()) {}
  // Within a unit of work of `db`: for ReadResults alone.
  explicit SqliteResultReader(SqliteDb& db) : db_(&db) {}

  absl::StatusOr<v1::JobList> ListJobs() override {
    return Consistently([&]() -> absl::StatusOr<v1::JobList> {
      std::vector<JobId> ids;
      {
        Query row(*db_, "SELECT job_id FROM jobs ORDER BY job_id DESC");
        while (row.Step()) ids.push_back(row.IdOf<JobId>());
      }
      v1::JobList list;
      for (const JobId id : ids) {
        v1::JobDetail detail;
        RETURN_IF_ERROR(ReadJob(id, detail));
        detail.mutable_job()->clear_obstacles();  // what is long is for GetJob
        *list.add_jobs() = std::move(*detail.mutable_job());
      }
      return list;
    });
  }

  absl::StatusOr<v1::JobDetail> GetJob(JobId job) override {
    return Consistently([&]() -> absl::StatusOr<v1::JobDetail> {
      v1::JobDetail detail;
      RETURN_IF_ERROR(ReadJob(job, detail));
      std::vector<CandidateId> ids;
      {
        Query row(*db_,
                  "SELECT candidate_id FROM candidates WHERE job_id = ? ORDER BY candidate_id",
                  job);
        while (row.Step()) ids.push_back(row.IdOf<CandidateId>());
      }
      for (const CandidateId id : ids) RETURN_IF_ERROR(ReadCandidate(id, *detail.add_candidates()));
      for (v1::Criticality& network : ReadCriticality(*db_, job)) {
        *detail.add_criticality() = std::move(network);
      }
      Query row(*db_, "SELECT count(*), coalesce(sum(bytes), 0) FROM job_artifacts_v WHERE job = ?",
                job);
      row.Step();
      detail.set_artifact_files(row.Int());
      detail.set_artifact_bytes(row.Int());
      return detail;
    });
  }

  absl::StatusOr<v1::ResultList> ListResults(JobId job) override {
    return Consistently([&] { return ReadResults(job); });
  }

  absl::StatusOr<std::vector<v1::CurvePoint>> ListCurves(JobId job) override {
    return Consistently([&]() -> absl::StatusOr<std::vector<v1::CurvePoint>> {
      v1::JobDetail known;
      RETURN_IF_ERROR(ReadJob(job, known));
      Query row(*db_, SELECT_CURVES "WHERE t.job_id = ? ORDER BY t.task_id, p.epoch", job);
      return ReadCurves(row);
    });
  }

  absl::StatusOr<v1::CandidateDetail> GetCandidate(CandidateId candidate) override {
    return Consistently([&]() -> absl::StatusOr<v1::CandidateDetail> {
      v1::CandidateDetail detail;
      RETURN_IF_ERROR(ReadCandidate(candidate, *detail.mutable_candidate()));
      Query row(*db_, SELECT_CURVES "WHERE t.candidate_id = ? ORDER BY t.task_id, p.epoch",
                candidate);
      SetList(detail.mutable_curves(), ReadCurves(row));
      // on_front is against all Results of the Job, so that a page says the same as the Front.
      ASSIGN_OR_RETURN(v1::ResultList list, ReadResults(JobId{detail.candidate().job()}));
      for (v1::Result& result : *list.mutable_results()) {
        if (result.candidate() == candidate.value) *detail.add_results() = std::move(result);
      }
      return detail;
    });
  }

  absl::StatusOr<v1::WorkerList> ListWorkers() override {
    return Consistently([&]() -> absl::StatusOr<v1::WorkerList> {
      v1::WorkerList list;
      {
        // Why the coordinator keeps it out, rather than what it says of itself.
        Query row(*db_,
                  "SELECT worker, host, pid, device, torch_version, build_commit, last_seen_ms,"
                  " connected, protocol, behaviour, coalesce(nullif(quarantine, ''), problem),"
                  " quarantine <> '' FROM workers ORDER BY worker");
        while (row.Step()) {
          v1::Worker& worker = *list.add_workers();
          worker.set_worker(row.Text());
          worker.set_host(row.Text());
          worker.set_pid(row.Int());
          worker.set_device(row.Text());
          worker.set_torch_version(row.Text());
          worker.set_build_commit(row.Text());
          worker.set_last_seen_ms(row.Int());
          worker.set_connected(row.Int() != 0);
          worker.set_protocol(row.Int());
          worker.set_behaviour(row.Int());
          worker.set_problem(row.Text());
          worker.set_quarantined(row.Int() != 0);
        }
      }
      for (v1::Worker& worker : *list.mutable_workers()) {
        Query sets(*db_, "SELECT data_set FROM worker_data_sets WHERE worker = ? ORDER BY data_set",
                   worker.worker());
        while (sets.Step()) worker.add_data_sets(sets.Text());
        Query tasks(*db_,
                    "SELECT task_id FROM tasks WHERE state = 'LEASED' AND worker = ?"
                    " ORDER BY task_id",
                    worker.worker());
        while (tasks.Step()) worker.add_tasks(tasks.Int());
        Query row(*db_,
                  "SELECT data_set, train_images, validation_images, test_images, split_seed,"
                  " data_hash, problem FROM worker_data WHERE worker = ?"
                  " ORDER BY data_set, split_seed",
                  worker.worker());
        while (row.Step()) {
          v1::WorkerData& data = *worker.add_data();
          data.set_data_set(row.Text());
          data.set_train_images(row.Int());
          data.set_validation_images(row.Int());
          data.set_test_images(row.Int());
          data.set_split_seed(row.Int());
          data.set_data_hash(row.Text());
          data.set_problem(row.Text());
        }
      }
      return list;
    });
  }

  absl::StatusOr<v1::EventList> ListEvents(JobId job, int64_t after, int64_t limit) override {
    if (limit < 1 || limit > kMaxEvents) {
      return absl::InvalidArgumentError(
          absl::StrCat("limit: found ", limit, "; allowed: 1 to ", kMaxEvents));
    }
    return Consistently([&]() -> absl::StatusOr<v1::EventList> {
      if (job) {
        v1::JobDetail known;
        RETURN_IF_ERROR(ReadJob(job, known));
      }
      v1::EventList list;
      Query row(*db_,
                job ? "SELECT event_id, at_ms, kind, job_id, candidate_id, task_id,"
                      " result_id, worker, detail FROM events"
                      " WHERE event_id > ?1 AND job_id = ?3 ORDER BY event_id LIMIT ?2"
                    : "SELECT event_id, at_ms, kind, job_id, candidate_id, task_id,"
                      " result_id, worker, detail FROM events"
                      " WHERE event_id > ?1 AND ?3 = 0 ORDER BY event_id LIMIT ?2",
                after, limit, job);
      while (row.Step()) {
        v1::Event& event = *list.add_events();
        event.set_event(row.Int());
        event.set_at_ms(row.Int());
        event.set_kind(row.Text());
        event.set_job(row.Int());
        event.set_candidate(row.Int());
        event.set_task(row.Int());
        event.set_result(row.Int());
        event.set_worker(row.Text());
        event.set_detail(row.Text());
      }
      return list;
    });
  }

 private:
  // All queries of `work` see one state of the database.
  template <typename Work>
  auto Consistently(const Work& work) -> decltype(work()) {
    return Guard(*db_, [&]() -> decltype(work()) {
      const SQLite::Transaction unit(db_->database());  // rolled back: nothing is written
      return work();
    });
  }

  // Job and spec of `detail`.
  absl::Status ReadJob(JobId id, v1::JobDetail& detail) {
    v1::Job& job = *detail.mutable_job();
    {
      Query row(*db_,
                "SELECT v.job, v.name, v.state, v.created_at_ms, v.finished_at_ms,"
                " v.unsealed_at_ms, v.data_set, v.recipe, v.candidates, v.results, v.kind,"
                " coalesce(j.data_hash_stated, j.data_hash_chosen), j.spec, v.archived_at_ms,"
                " v.keeps"
                " FROM jobs_v v JOIN jobs j ON j.job_id = v.job WHERE j.job_id = ?",
                id);
      if (!row.Step()) return absl::NotFoundError(absl::StrCat("there is no job ", id.value));
      job.set_job(row.Int());
      job.set_name(row.Text());
      job.set_state(row.Text());
      job.set_created_at_ms(row.Int());
      if (const auto at = row.OptionalInt()) job.set_finished_at_ms(*at);
      if (const auto at = row.OptionalInt()) job.set_unsealed_at_ms(*at);
      job.set_data_set(row.Text());
      job.set_recipe(row.Text());
      job.set_candidates(row.Int());
      job.set_results(row.Int());
      job.set_kind(row.Text());
      if (const std::string hash = row.Text(); !hash.empty()) job.set_data_hash(hash);
      detail.set_spec_json(row.Text());
      if (const auto at = row.OptionalInt()) job.set_archived_at_ms(*at);
      job.set_keeps(row.Text());
    }
    {
      Query row(*db_, "SELECT objective FROM job_objectives WHERE job_id = ? ORDER BY position",
                id);
      while (row.Step()) job.add_objectives(row.Text());
    }
    {
      Query row(*db_, "SELECT state, count(*) FROM tasks WHERE job_id = ? GROUP BY state", id);
      while (row.Step()) {
        int64_t& count = (*job.mutable_tasks())[row.Text()];
        count = row.Int();
      }
    }
    for (v1::DataCopy& copy : ReadDataCopies(*db_, id)) *job.add_data_copies() = std::move(copy);
    if (IsRunning(job) && CountIn(job, TaskState::kQueued) > 0) ReadObstacles(job);
    job.set_message(MessageOf(job));
    return absl::OkStatus();
  }

  static bool IsRunning(const v1::Job& job) {
    return job.state() == JobStateName(JobState::kRunning);
  }

  static int64_t CountIn(const v1::Job& job, TaskState state) {
    const auto found = job.tasks().find(TaskStateName(state));
    return found == job.tasks().end() ? 0 : found->second;
  }

  void ReadObstacles(v1::Job& job) {
    int64_t left_out = 0;
    Query row(*db_,
              "SELECT p.worker, p.obstacle FROM placement_v p JOIN workers w USING (worker)"
              " WHERE p.job = ? AND p.obstacle <> '' AND w.connected = 1 ORDER BY p.worker",
              job.job());
    while (row.Step()) {
      if (job.obstacles_size() == kMaxObstacles) {
        ++left_out;
        continue;
      }
      const std::string worker = row.Text();
      job.add_obstacles(absl::StrCat("worker ", worker, ": ", row.Text()));
    }
    if (left_out > 0) job.add_obstacles(absl::StrCat("and ", left_out, " workers more"));
  }

  // What a user should know: what is waited for, or what failed first.
  std::string MessageOf(const v1::Job& job) {
    if (IsRunning(job)) {
      if (!job.has_data_hash() && job.data_copies_size() > 1) {
        return absl::StrCat("no task starts: there are ", job.data_copies_size(),
                            " copies of data set ", job.data_set(),
                            " that differ; `reluscape data ", job.job(),
                            "` lists them, and with --use HASH says which one counts");
      }
      if (CountIn(job, TaskState::kQueued) > 0 && CountIn(job, TaskState::kLeased) == 0) {
        return WaitOf(job);
      }
    }
    if (const int64_t failed = CountIn(job, TaskState::kFailed); failed > 0) {
      Query row(*db_,
                "SELECT t.task_id, t.stage, c.name, t.message FROM tasks t"
                " JOIN candidates c ON c.candidate_id = t.candidate_id"
                " WHERE t.job_id = ? AND t.state = 'FAILED' ORDER BY t.finished_at_ms LIMIT 1",
                job.job());
      if (!row.Step()) return "";
      const int64_t task = row.Int();
      const std::string stage = row.Text();
      const std::string name = row.Text();
      return absl::StrCat(failed, failed == 1 ? " task" : " tasks", " failed; the first: ", stage,
                          " of ", name, " (task ", task, "): ", row.Text());
    }
    return "";
  }

  // Why none of its QUEUED Tasks is worked on.
  std::string WaitOf(const v1::Job& job) {
    int64_t connected = 0;
    int64_t able = 0;
    {
      Query row(*db_,
                "SELECT count(*), coalesce(sum(p.obstacle = ''), 0) FROM placement_v p"
                " JOIN workers w USING (worker) WHERE p.job = ? AND w.connected = 1",
                job.job());
      row.Step();
      connected = row.Int();
      able = row.Int();
    }
    if (connected == 0) return "waiting: no worker is connected";
    if (able == 0) {
      return absl::StrCat("waiting: none of the ", connected,
                          connected == 1 ? " connected worker" : " connected workers",
                          " can take its tasks; ", job.obstacles().empty() ? "" : job.obstacles(0));
    }
    Query row(*db_,
              "SELECT t.task_id, t.stage, c.name, t.message FROM tasks t"
              " JOIN candidates c ON c.candidate_id = t.candidate_id"
              " WHERE t.job_id = ? AND t.state = 'QUEUED' AND t.message <> ''"
              " ORDER BY t.not_before_steady_ms, t.task_id LIMIT 1",
              job.job());
    if (!row.Step()) return "waiting for a free worker";
    const int64_t task = row.Int();
    const std::string stage = row.Text();
    const std::string name = row.Text();
    return absl::StrCat("waiting: ", stage, " of ", name, " (task ", task, "): ", row.Text());
  }

  absl::Status ReadCandidate(CandidateId id, v1::Candidate& c) {
    {
      Query row(*db_,
                "SELECT candidate, job, name, network, network_hash, replicate, relus,"
                " relus_with_stem, macs, parameters, role, measured_section, teacher, origin,"
                " pretrained_file, pretrained_sha256 FROM candidates_v WHERE candidate = ?",
                id);
      if (!row.Step()) {
        return absl::NotFoundError(absl::StrCat("there is no candidate ", id.value));
      }
      c.set_candidate(row.Int());
      c.set_job(row.Int());
      c.set_name(row.Text());
      c.set_network(row.Text());
      c.set_network_hash(row.Text());
      c.set_replicate(row.Int());
      c.set_relus(row.Int());
      c.set_relus_with_stem(row.Int());
      c.set_macs(row.Int());
      c.set_parameters(row.Int());
      c.set_role(row.Text());
      if (const auto section = row.OptionalInt()) c.set_measured_section(*section);
      if (const auto teacher = row.OptionalInt()) c.set_teacher(*teacher);
      c.set_origin(row.Text());
      if (!row.NextIsNull()) {
        c.set_pretrained_file(row.Text());
        c.set_pretrained_sha256(row.Text());
      }
    }
    {
      Query row(*db_,
                "SELECT budget FROM candidate_budgets WHERE candidate_id = ? ORDER BY budget DESC",
                id);
      while (row.Step()) c.add_budgets(row.Int());
    }
    Query row(*db_,
              "SELECT t.task_id, t.stage, nullif(t.budget, 0), t.state, t.attempt, t.worker,"
              " t.epochs_planned, t.device_seconds, t.started_at_ms, t.finished_at_ms, "
              "t.message, " EPOCH_COLUMNS
              " FROM tasks t LEFT JOIN stage_progress p ON p.task_id = t.task_id"
              " AND p.epoch = (SELECT max(epoch) FROM stage_progress WHERE task_id = t.task_id)"
              " WHERE t.candidate_id = ? ORDER BY t.task_id",
              id);
    while (row.Step()) {
      v1::Task& t = *c.add_tasks();
      t.set_task(row.Int());
      t.set_candidate(id.value);
      t.set_stage(row.Text());
      if (const auto budget = row.OptionalInt()) t.set_budget(*budget);
      t.set_state(row.Text());
      t.set_attempt(row.Int());
      t.set_worker(row.Text());
      t.set_epochs_planned(row.Int());
      t.set_device_seconds(row.Real());
      if (const auto at = row.OptionalInt()) t.set_started_at_ms(*at);
      if (const auto at = row.OptionalInt()) t.set_finished_at_ms(*at);
      t.set_message(row.Text());
      if (!row.NextIsNull()) {
        ReadEpoch(row, *t.mutable_last_epoch());
        t.set_epochs_done(t.last_epoch().epoch() + 1);
      }
      if (t.state() == TaskStateName(TaskState::kBlocked)) t.set_message(WaitOf(c, t));
    }
    return absl::OkStatus();
  }

  // What a BLOCKED Task waits for.
  static std::string WaitOf(const v1::Candidate& candidate, const v1::Task& task) {
    if (task.stage() == StageName(Stage::kPretrain)) {
      return absl::StrCat("waits for the pretrain of its teacher, candidate ", candidate.teacher());
    }
    const bool pretrained = candidate.tasks(0).state() == TaskStateName(TaskState::kSucceeded);
    return pretrained && task.stage() == StageName(Stage::kFineTune) ? "waits for its snapshot"
                                                                     : "waits for pretrain";
  }

 public:
  absl::StatusOr<v1::ResultList> ReadResults(JobId job) {
    v1::JobDetail detail;
    RETURN_IF_ERROR(ReadJob(job, detail));
    v1::ResultList list;
    list.set_job(job.value);
    *list.mutable_objectives() = detail.job().objectives();
    const std::vector<CostLimit> limits = ReadCostLimits(*db_, job);
    for (const CostLimit& limit : limits) list.add_cost_limits(CostLimitText(limit));
    std::map<int64_t, v1::Result*> results;  // they stay where they are as others are added
    {
      Query row(*db_,
                "SELECT result, v.candidate, name, network, network_hash, r.report,"
                " relus_with_stem, macs, parameters, accuracy_test, seed_pretrain, seed_linearize,"
                " seed_fine_tune, seed_split, recipe, m.provenance, v.data_hash, v.split_hash,"
                " v.seconds_pretrain,"
                " v.seconds_linearize, v.seconds_fine_tune, v.worker, v.attempt, v.created_at_ms,"
                " origin, v.weights_removed_at_ms FROM results_v v"
                " JOIN results r ON r.result_id = v.result"
                " LEFT JOIN task_provenance m ON m.task_id = r.task_id WHERE job = ?"
                " ORDER BY recipe, v.data_hash, v.split_hash, v.relus, result",
                job);
      while (row.Step()) {
        v1::Result& r = *list.add_results();
        r.set_job(job.value);
        r.set_result(row.Int());
        r.set_candidate(row.Int());
        r.set_name(row.Text());
        r.set_network(row.Text());
        r.set_network_hash(row.Text());
        row.Json(*r.mutable_report());
        r.set_relus_with_stem(row.Int());
        r.set_macs(row.Int());
        r.set_parameters(row.Int());
        if (const auto test = row.OptionalReal()) r.set_accuracy_test(*test);
        r.mutable_seeds()->set_pretrain(row.Int());
        if (const auto seed = row.OptionalInt()) r.mutable_seeds()->set_linearize(*seed);
        if (const auto seed = row.OptionalInt()) r.mutable_seeds()->set_fine_tune(*seed);
        r.mutable_seeds()->set_split(row.Int());
        r.set_recipe(row.Text());
        row.Json(*r.mutable_provenance());
        r.mutable_provenance()->set_data_hash(row.Text());  // also where none is stored
        r.mutable_provenance()->set_split_hash(row.Text());
        r.mutable_seconds()->set_pretrain(row.Real());
        r.mutable_seconds()->set_linearize(row.Real());
        r.mutable_seconds()->set_fine_tune(row.Real());
        r.set_worker(row.Text());
        r.set_attempt(row.Int());
        r.set_created_at_ms(row.Int());
        r.set_origin(row.Text());
        if (const auto at = row.OptionalInt()) r.set_weights_removed_at_ms(*at);
        results[r.result()] = &r;
      }
    }
    for (auto& [id, costs] : ReadCosts(*db_, job)) {
      *results.at(id.value)->mutable_costs() = std::move(costs);
    }
    MarkFront(limits, list);
    return list;
  }

 private:
  const std::unique_ptr<SqliteDb> owned_;
  SqliteDb* const db_;
};

}  // namespace

absl::StatusOr<v1::ResultList> ReadResults(SqliteDb& db, JobId job) {
  return SqliteResultReader(db).ReadResults(job);
}

absl::StatusOr<std::unique_ptr<ResultReader>> ResultReader::Open(
    const std::filesystem::path& database) {
  try {
    auto db = std::make_unique<SqliteDb>(database, SqliteDb::Mode::kReadOnly);
    RETURN_IF_ERROR(Guard(*db, [&] { return db->CheckVersion(); }));
    return std::unique_ptr<ResultReader>(new SqliteResultReader(std::move(db)));
  } catch (const SQLite::Exception& error) {
    return ToStatus(error, database);
  }
}

}  // namespace reluscape

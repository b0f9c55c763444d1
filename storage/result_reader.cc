#include "storage/result_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/result_front.h"
#include "storage/cost_rows.h"
#include "storage/criticality_rows.h"
#include "storage/sqlite_db.h"
#include "storage/worker_rows.h"

namespace reluscape {
namespace {

constexpr size_t kShownRecipeDigits = 12;  // as in the views of the schema
constexpr int64_t kMaxEvents = 10'000;     // of one answer
constexpr size_t kMaxObstacles = 20;       // of one Job: a user reads no more

EpochReport ReadEpoch(Query& row) {
  EpochReport e;
  e.epoch = row.Int();
  e.loss = row.Real();
  e.train_accuracy = row.Real();
  e.validation_accuracy = row.Real();
  e.learning_rate = row.Real();
  e.lambda = row.OptionalReal();
  e.relus = row.Int();
  e.seconds = row.Real();
  return e;
}

#define EPOCH_COLUMNS                                                                    \
  "p.epoch, p.loss, p.train_accuracy, p.validation_accuracy, p.learning_rate, p.lambda," \
  " p.relus, p.seconds"

#define SELECT_CURVES                                                       \
  "SELECT t.task_id, t.stage, t.budget, p.attempt, p.at_ms, " EPOCH_COLUMNS \
  " FROM tasks t JOIN stage_progress p USING (task_id) "

std::vector<CurvePoint> ReadCurves(Query& row) {
  std::vector<CurvePoint> curves;
  while (row.Step()) {
    CurvePoint point;
    point.task = row.IdOf<TaskId>();
    point.stage = row.StageOf();
    point.budget = row.Int();
    point.attempt = row.Int();
    point.at = row.At();
    point.report = ReadEpoch(row);
    curves.push_back(point);
  }
  return curves;
}

class SqliteResultReader final : public ResultReader {
 public:
  explicit SqliteResultReader(std::unique_ptr<SqliteDb> db) : db_(std::move(db)) {}

  absl::StatusOr<std::vector<JobView>> ListJobs() override {
    return Consistently([&]() -> absl::StatusOr<std::vector<JobView>> {
      std::vector<JobId> ids;
      {
        Query row(*db_, "SELECT job_id FROM jobs ORDER BY job_id DESC");
        while (row.Step()) ids.push_back(row.IdOf<JobId>());
      }
      std::vector<JobView> jobs;
      for (const JobId id : ids) {
        ASSIGN_OR_RETURN(JobView job, ReadJob(id));
        job.spec_json.clear();  // a listing of many Jobs leaves what is long to GetJob
        job.obstacles.clear();
        jobs.push_back(std::move(job));
      }
      return jobs;
    });
  }

  absl::StatusOr<JobDetailView> GetJob(JobId job) override {
    return Consistently([&]() -> absl::StatusOr<JobDetailView> {
      JobDetailView detail;
      ASSIGN_OR_RETURN(detail.job, ReadJob(job));
      std::vector<CandidateId> ids;
      {
        Query row(*db_,
                  "SELECT candidate_id FROM candidates WHERE job_id = ? ORDER BY candidate_id",
                  job);
        while (row.Step()) ids.push_back(row.IdOf<CandidateId>());
      }
      for (const CandidateId id : ids) {
        ASSIGN_OR_RETURN(CandidateView candidate, ReadCandidate(id));
        detail.candidates.push_back(std::move(candidate));
      }
      detail.criticality = ReadCriticality(*db_, job);
      return detail;
    });
  }

  absl::StatusOr<FrontView> GetFront(JobId job) override {
    return Consistently([&]() -> absl::StatusOr<FrontView> {
      FrontView front;
      ASSIGN_OR_RETURN(const JobView view, ReadJob(job));
      front.job = job;
      front.objectives = view.objectives;
      front.cost_limits = view.cost_limits;
      front.results = ReadResults(view);
      return front;
    });
  }

  absl::StatusOr<std::vector<CurvePoint>> ListCurves(JobId job) override {
    return Consistently([&]() -> absl::StatusOr<std::vector<CurvePoint>> {
      RETURN_IF_ERROR(ReadJob(job).status());
      Query row(*db_, SELECT_CURVES "WHERE t.job_id = ? ORDER BY t.task_id, p.epoch", job);
      return ReadCurves(row);
    });
  }

  absl::StatusOr<CandidateDetailView> GetCandidate(CandidateId candidate) override {
    return Consistently([&]() -> absl::StatusOr<CandidateDetailView> {
      CandidateDetailView detail;
      ASSIGN_OR_RETURN(detail.candidate, ReadCandidate(candidate));
      Query row(*db_, SELECT_CURVES "WHERE t.candidate_id = ? ORDER BY t.task_id, p.epoch",
                candidate);
      detail.curves = ReadCurves(row);
      // on_front is against all Results of the Job, so that a page says the same as the Front.
      ASSIGN_OR_RETURN(const JobView job, ReadJob(detail.candidate.job));
      for (ResultView& result : ReadResults(job)) {
        if (result.candidate == candidate) detail.results.push_back(std::move(result));
      }
      return detail;
    });
  }

  absl::StatusOr<std::vector<WorkerView>> ListWorkers() override {
    return Consistently([&]() -> absl::StatusOr<std::vector<WorkerView>> {
      std::vector<WorkerView> workers;
      {
        Query row(*db_, "SELECT " WORKER_INFO_COLUMNS
                        ", last_seen_ms, connected, quarantine"
                        " FROM workers ORDER BY worker");
        while (row.Step()) {
          WorkerView w;
          w.info = ReadWorkerInfo(row);
          w.last_seen = row.At();
          w.connected = row.Int() != 0;
          w.quarantine = row.Text();
          workers.push_back(std::move(w));
        }
      }
      for (WorkerView& w : workers) {
        Query sets(*db_, "SELECT data_set FROM worker_data_sets WHERE worker = ? ORDER BY data_set",
                   w.info.id);
        while (sets.Step()) w.info.data_sets.push_back(sets.Text());
        w.info.data = ReadDataStates(*db_, w.info.id);
        Query tasks(*db_,
                    "SELECT task_id FROM tasks WHERE state = 'LEASED' AND worker = ?"
                    " ORDER BY task_id",
                    w.info.id);
        while (tasks.Step()) w.tasks.push_back(tasks.IdOf<TaskId>());
      }
      return workers;
    });
  }

  absl::StatusOr<std::vector<EventView>> ListEvents(JobId job, int64_t after,
                                                    int64_t limit) override {
    if (limit < 1 || limit > kMaxEvents) {
      return absl::InvalidArgumentError(
          absl::StrCat("limit: found ", limit, "; allowed: 1 to ", kMaxEvents));
    }
    return Consistently([&]() -> absl::StatusOr<std::vector<EventView>> {
      if (job) RETURN_IF_ERROR(ReadJob(job).status());
      std::vector<EventView> events;
      Query row(*db_,
                job ? "SELECT event_id, at_ms, kind, job_id, candidate_id, task_id,"
                      " result_id, worker, detail FROM events"
                      " WHERE event_id > ?1 AND job_id = ?3 ORDER BY event_id LIMIT ?2"
                    : "SELECT event_id, at_ms, kind, job_id, candidate_id, task_id,"
                      " result_id, worker, detail FROM events"
                      " WHERE event_id > ?1 AND ?3 = 0 ORDER BY event_id LIMIT ?2",
                after, limit, job);
      while (row.Step()) {
        EventView e;
        e.id = row.Int();
        e.at = row.At();
        e.kind = row.Text();
        e.job = row.IdOf<JobId>();
        e.candidate = row.IdOf<CandidateId>();
        e.task = row.IdOf<TaskId>();
        e.result = row.IdOf<ResultId>();
        e.worker = row.Text();
        e.detail = row.Text();
        events.push_back(std::move(e));
      }
      return events;
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

  absl::StatusOr<JobView> ReadJob(JobId id) {
    JobView job;
    {
      Query row(*db_,
                "SELECT job_id, name, state, created_at_ms, finished_at_ms, unsealed_at_ms,"
                " data_set, recipe, spec_json,"
                " (SELECT count(*) FROM candidates c WHERE c.job_id = j.job_id),"
                " (SELECT count(*) FROM results r WHERE r.job_id = j.job_id), kind,"
                " coalesce(data_hash_stated, data_hash_chosen)"
                " FROM jobs j WHERE job_id = ?",
                id);
      if (!row.Step()) return absl::NotFoundError(absl::StrCat("there is no job ", id.value));
      job.id = row.IdOf<JobId>();
      job.name = row.Text();
      job.state = row.JobStateOf();
      job.created_at = row.At();
      job.finished_at = row.OptionalTime();
      job.unsealed_at = row.OptionalTime();
      job.data_set = row.Text();
      job.recipe = row.Text().substr(0, kShownRecipeDigits);
      job.spec_json = row.Text();
      job.candidates = row.Int();
      job.results = row.Int();
      job.kind = row.JobKindOf();
      job.data_hash = row.Text();
    }
    {
      Query row(*db_, "SELECT objective FROM job_objectives WHERE job_id = ? ORDER BY position",
                id);
      while (row.Step()) job.objectives.push_back(row.Text());
      job.cost_limits = ReadCostLimits(*db_, id);
    }
    {
      Query row(*db_, "SELECT state, count(*) FROM tasks WHERE job_id = ? GROUP BY state", id);
      while (row.Step()) {
        std::string state = row.Text();
        job.tasks[std::move(state)] = row.Int();
      }
    }
    job.data_copies = ReadDataCopies(*db_, id);
    if (job.state == JobState::kRunning && CountIn(job, TaskState::kQueued) > 0) {
      job.obstacles = ReadObstacles(id);
    }
    job.message = MessageOf(job);
    return job;
  }

  static int64_t CountIn(const JobView& job, TaskState state) {
    const auto found = job.tasks.find(TaskStateName(state));
    return found == job.tasks.end() ? 0 : found->second;
  }

  std::vector<std::string> ReadObstacles(JobId job) {
    std::vector<std::string> obstacles;
    int64_t left_out = 0;
    Query row(*db_,
              "SELECT p.worker, p.obstacle FROM placement_v p JOIN workers w USING (worker)"
              " WHERE p.job = ? AND p.obstacle <> '' AND w.connected = 1 ORDER BY p.worker",
              job);
    while (row.Step()) {
      if (obstacles.size() == kMaxObstacles) {
        ++left_out;
        continue;
      }
      const std::string worker = row.Text();
      obstacles.push_back(absl::StrCat("worker ", worker, ": ", row.Text()));
    }
    if (left_out > 0) obstacles.push_back(absl::StrCat("and ", left_out, " workers more"));
    return obstacles;
  }

  // What a user should know: what is waited for, or what failed first.
  std::string MessageOf(const JobView& job) {
    if (job.state == JobState::kRunning) {
      if (job.data_hash.empty() && job.data_copies.size() > 1) {
        return absl::StrCat("no task starts: there are ", job.data_copies.size(),
                            " copies of data set ", job.data_set, " that differ; `reluscape data ",
                            job.id.value,
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
                job.id);
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
  std::string WaitOf(const JobView& job) {
    int64_t connected = 0;
    int64_t able = 0;
    {
      Query row(*db_,
                "SELECT count(*), coalesce(sum(p.obstacle = ''), 0) FROM placement_v p"
                " JOIN workers w USING (worker) WHERE p.job = ? AND w.connected = 1",
                job.id);
      row.Step();
      connected = row.Int();
      able = row.Int();
    }
    if (connected == 0) return "waiting: no worker is connected";
    if (able == 0) {
      return absl::StrCat("waiting: none of the ", connected,
                          connected == 1 ? " connected worker" : " connected workers",
                          " can take its tasks; ", job.obstacles.empty() ? "" : job.obstacles[0]);
    }
    Query row(*db_,
              "SELECT t.task_id, t.stage, c.name, t.message FROM tasks t"
              " JOIN candidates c ON c.candidate_id = t.candidate_id"
              " WHERE t.job_id = ? AND t.state = 'QUEUED' AND t.message <> ''"
              " ORDER BY t.not_before_steady_ms, t.task_id LIMIT 1",
              job.id);
    if (!row.Step()) return "waiting for a free worker";
    const int64_t task = row.Int();
    const std::string stage = row.Text();
    const std::string name = row.Text();
    return absl::StrCat("waiting: ", stage, " of ", name, " (task ", task, "): ", row.Text());
  }

  absl::StatusOr<CandidateView> ReadCandidate(CandidateId id) {
    CandidateView c;
    {
      Query row(*db_,
                "SELECT candidate_id, job_id, name, network, network_hash, replicate, relus,"
                " relus_with_stem, macs, parameters, role, measured_stage, teacher_id, origin,"
                " pretrained_file, pretrained_sha256,"
                " (SELECT bytes FROM artifacts WHERE sha256 = pretrained_sha256)"
                " FROM candidates WHERE candidate_id = ?",
                id);
      if (!row.Step()) {
        return absl::NotFoundError(absl::StrCat("there is no candidate ", id.value));
      }
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
      c.role = row.CandidateRoleOf();
      c.measured_stage = row.Int();
      c.teacher = row.IdOf<CandidateId>();
      c.origin = row.Text();
      c.pretrained_file = row.Text();
      c.pretrained = row.Artifact();
    }
    {
      Query row(*db_,
                "SELECT budget FROM candidate_budgets WHERE candidate_id = ? ORDER BY budget DESC",
                id);
      while (row.Step()) c.budgets.push_back(row.Int());
    }
    Query row(*db_,
              "SELECT t.task_id, t.stage, t.budget, t.state, t.attempt, t.worker,"
              " t.epochs_planned, t.device_seconds, t.started_at_ms, t.finished_at_ms, "
              "t.message, " EPOCH_COLUMNS
              " FROM tasks t LEFT JOIN stage_progress p ON p.task_id = t.task_id"
              " AND p.epoch = (SELECT max(epoch) FROM stage_progress WHERE task_id = t.task_id)"
              " WHERE t.candidate_id = ? ORDER BY t.task_id",
              id);
    while (row.Step()) {
      TaskView t;
      t.id = row.IdOf<TaskId>();
      t.candidate = id;
      t.stage = row.StageOf();
      t.budget = row.Int();
      t.state = row.TaskStateOf();
      t.attempt = row.Int();
      t.worker = row.Text();
      t.epochs_planned = row.Int();
      t.device_seconds = row.Real();
      t.started_at = row.OptionalTime();
      t.finished_at = row.OptionalTime();
      t.message = row.Text();
      if (!row.NextIsNull()) {
        t.last_epoch = ReadEpoch(row);
        t.epochs_done = t.last_epoch->epoch + 1;
      }
      if (t.state == TaskState::kBlocked) {
        t.message =
            t.stage == Stage::kFineTune && c.tasks.at(0).state == TaskState::kSucceeded
                ? "waits for its snapshot"
            : t.stage == Stage::kPretrain
                ? absl::StrCat("waits for the pretrain of its teacher, candidate ", c.teacher.value)
                : "waits for pretrain";
      }
      c.tasks.push_back(std::move(t));
    }
    return c;
  }

  std::vector<ResultView> ReadResults(const JobView& job) {
    std::vector<ResultView> results;
    std::map<int64_t, size_t> place;
    {
      Query row(*db_,
                "SELECT result, candidate, name, network, network_hash, budget, relus,"
                " relus_with_stem, macs, parameters, accuracy_soft, accuracy_trimmed,"
                " accuracy_validation, accuracy_test, seed_pretrain, seed_linearize,"
                " seed_fine_tune, seed_split, recipe, build_commit, torch_version, device,"
                " precision, threads, v.data_hash, v.split_hash, train_images, validation_images,"
                " test_images, seconds_pretrain, seconds_linearize, seconds_fine_tune, worker,"
                " attempt, created_at_ms, v.artifact_sha256, a.bytes, origin"
                " FROM results_v v JOIN artifacts a ON a.sha256 = v.artifact_sha256"
                " WHERE job = ? ORDER BY recipe, v.data_hash, v.split_hash, relus, result",
                job.id);
      while (row.Step()) {
        ResultView r;
        r.id = row.IdOf<ResultId>();
        r.job = job.id;
        r.candidate = row.IdOf<CandidateId>();
        r.name = row.Text();
        r.network = row.Text();
        r.network_hash = row.Text();
        r.budget = row.Int();
        r.relus = row.Int();
        r.relus_with_stem = row.Int();
        r.macs = row.Int();
        r.parameters = row.Int();
        r.accuracy_soft = row.Real();
        r.accuracy_trimmed = row.Real();
        r.accuracy_validation = row.Real();
        r.accuracy_test = row.OptionalReal();
        r.seed_pretrain = row.Seed();
        r.seed_linearize = row.OptionalSeed();
        r.seed_fine_tune = row.OptionalSeed();
        r.seed_split = row.Seed();
        r.recipe = row.Text();
        r.measurement.build_commit = row.Text();
        r.measurement.torch_version = row.Text();
        r.measurement.device = row.Text();
        r.measurement.precision = row.Text();
        r.measurement.threads = row.Int();
        r.measurement.data_hash = row.Text();
        r.measurement.split_hash = row.Text();
        r.measurement.train_images = row.Int();
        r.measurement.validation_images = row.Int();
        r.measurement.test_images = row.Int();
        r.seconds_pretrain = row.Real();
        r.seconds_linearize = row.Real();
        r.seconds_fine_tune = row.Real();
        r.worker = row.Text();
        r.attempt = row.Int();
        r.created_at = row.At();
        r.artifact = row.Artifact();
        r.origin = row.Text();
        place[r.id.value] = results.size();
        results.push_back(std::move(r));
      }
    }
    {
      Query row(*db_,
                "SELECT l.result_id, l.layer, l.units, l.kept, l.polynomials, l.input_min,"
                " l.input_max FROM result_layers l JOIN results r ON r.result_id = l.result_id"
                " WHERE r.job_id = ? ORDER BY l.result_id, l.position",
                job.id);
      while (row.Step()) {
        ResultView& result = results[place.at(row.Int())];
        LayerRelus layer = row.Layer();
        result.polynomials += layer.polynomials;
        result.layers.push_back(std::move(layer));
      }
    }
    {
      Query row(*db_,
                "SELECT k.result_id, k.name, k.images, k.correct FROM result_classes k"
                " JOIN results r ON r.result_id = k.result_id"
                " WHERE r.job_id = ? ORDER BY k.result_id, k.class",
                job.id);
      while (row.Step()) {
        ResultView& result = results[place.at(row.Int())];
        ClassAccuracy one;
        one.name = row.Text();
        one.images = row.Int();
        one.correct = row.Int();
        result.classes.push_back(std::move(one));
      }
    }
    {
      Query row(*db_,
                "SELECT l.result_id, l.model, l.seconds FROM result_latencies l"
                " JOIN results r ON r.result_id = l.result_id WHERE r.job_id = ?",
                job.id);
      while (row.Step()) {
        ResultView& result = results[place.at(row.Int())];
        std::string model = row.Text();
        result.latency[std::move(model)] = row.Real();
      }
    }
    for (auto& [id, costs] : ReadCosts(*db_, job.id)) {
      results[place.at(id.value)].costs = std::move(costs);
    }
    MarkFront(job.objectives, job.cost_limits, results);
    return results;
  }

  const std::unique_ptr<SqliteDb> db_;
};

}  // namespace

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

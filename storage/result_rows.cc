#include "storage/result_rows.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"
#include "storage/cost_rows.h"
#include "storage/mark_front.h"
#include "storage/sqlite_db.h"
#include "storage/worker_rows.h"

namespace reluscape {
namespace {

constexpr int kMaxObstacles = 20;  // of one Job: a user reads no more

bool IsRunning(const v1::Job& job) { return job.state() == JobStateName(JobState::kRunning); }

int64_t CountIn(const v1::Job& job, TaskState state) {
  const auto found = job.tasks().find(TaskStateName(state));
  return found == job.tasks().end() ? 0 : found->second;
}

void ReadObstacles(SqliteDb& db, v1::Job& job) {
  int64_t left_out = 0;
  Query row(db,
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

// Why none of its QUEUED Tasks is worked on.
std::string WaitOf(SqliteDb& db, const v1::Job& job) {
  int64_t connected = 0;
  int64_t able = 0;
  {
    Query row(db,
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
  Query row(db,
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

// What a user should know: what is waited for, or what failed first.
std::string MessageOf(SqliteDb& db, const v1::Job& job) {
  if (IsRunning(job)) {
    if (!job.has_data_hash() && job.data_copies_size() > 1) {
      return absl::StrCat("no task starts: there are ", job.data_copies_size(),
                          " copies of data set ", job.data_set(), " that differ; `reluscape data ",
                          job.job(), "` lists them, and with --use HASH says which one counts");
    }
    if ((job.searching() || CountIn(job, TaskState::kQueued) > 0) &&
        CountIn(job, TaskState::kLeased) == 0) {
      return WaitOf(db, job);
    }
  }
  if (const int64_t failed = CountIn(job, TaskState::kFailed); failed > 0) {
    Query row(db,
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

// What a BLOCKED Task waits for.
std::string WaitOf(const v1::Candidate& candidate, const v1::Task& task) {
  if (task.stage() == StageName(Stage::kPretrain)) {
    return absl::StrCat("waits for the pretrain of its teacher, candidate ", candidate.teacher());
  }
  const bool pretrained = candidate.tasks(0).state() == TaskStateName(TaskState::kSucceeded);
  return pretrained && task.stage() == StageName(Stage::kFineTune) ? "waits for its snapshot"
                                                                   : "waits for pretrain";
}

}  // namespace

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

// Job and spec of `detail`.
absl::Status ReadJob(SqliteDb& db, JobId id, v1::JobDetail& detail) {
  v1::Job& job = *detail.mutable_job();
  {
    Query row(db,
              "SELECT v.job, v.name, v.state, v.created_at_ms, v.finished_at_ms,"
              " v.unsealed_at_ms, v.data_set, v.recipe, v.candidates, v.results, v.kind,"
              " coalesce(j.data_hash_stated, j.data_hash_chosen), j.spec, v.archived_at_ms,"
              " v.keeps, v.threads, v.strategy, v.search_ended_at_ms, v.search_message,"
              " v.hypervolume FROM jobs_v v JOIN jobs j ON j.job_id = v.job WHERE j.job_id = ?",
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
    job.set_threads(row.Int());
    if (const std::string strategy = row.Text(); !strategy.empty()) job.set_strategy(strategy);
    const bool ended = row.OptionalInt().has_value();
    job.set_searching(job.has_strategy() && IsRunning(job) && !ended);
    job.set_search_message(row.Text());
    if (const auto hypervolume = row.OptionalReal()) job.set_hypervolume(*hypervolume);
  }
  {
    Query row(db, "SELECT objective FROM job_objectives WHERE job_id = ? ORDER BY position", id);
    while (row.Step()) job.add_objectives(row.Text());
  }
  {
    Query row(db, "SELECT state, count(*) FROM tasks WHERE job_id = ? GROUP BY state", id);
    while (row.Step()) {
      int64_t& count = (*job.mutable_tasks())[row.Text()];
      count = row.Int();
    }
  }
  for (v1::DataCopy& copy : ReadDataCopies(db, id)) *job.add_data_copies() = std::move(copy);
  if (IsRunning(job) && (job.searching() || CountIn(job, TaskState::kQueued) > 0)) {
    ReadObstacles(db, job);
  }
  job.set_message(MessageOf(db, job));
  return absl::OkStatus();
}

absl::Status ReadCandidate(SqliteDb& db, CandidateId id, v1::Candidate& c) {
  {
    Query row(db,
              "SELECT candidate, job, name, network, network_hash, replicate, relus,"
              " relus_with_stem, macs, parameters, role, measured_section, teacher, origin,"
              " pretrained_file, pretrained_sha256, replacement, results_seen, reason"
              " FROM candidates_v WHERE candidate = ?",
              id);
    if (!row.Step()) return absl::NotFoundError(absl::StrCat("there is no candidate ", id.value));
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
    if (const std::string file = row.Text(); !file.empty()) c.set_pretrained_file(file);
    if (const std::string hash = row.Text(); !hash.empty()) c.set_pretrained_sha256(hash);
    c.set_replacement(row.Text());
    if (const auto seen = row.OptionalInt()) c.set_results_seen(*seen);
    c.set_reason(row.Text());
  }
  {
    Query row(
        db, "SELECT budget FROM candidate_budgets WHERE candidate_id = ? ORDER BY budget DESC", id);
    while (row.Step()) c.add_budgets(row.Int());
  }
  Query row(db,
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

absl::StatusOr<v1::ResultList> ReadResults(SqliteDb& db, JobId job) {
  v1::JobDetail detail;
  RETURN_IF_ERROR(ReadJob(db, job, detail));
  v1::ResultList list;
  list.set_job(job.value);
  *list.mutable_objectives() = detail.job().objectives();
  const std::vector<CostLimit> limits = ReadCostLimits(db, job);
  for (const CostLimit& limit : limits) list.add_cost_limits(CostLimitText(limit));
  std::map<int64_t, v1::Result*> results;  // they stay where they are as others are added
  {
    Query row(db,
              "SELECT result, v.candidate, name, network, network_hash, r.report,"
              " relus_with_stem, macs, parameters, accuracy_test, seed_pretrain, seed_linearize,"
              " seed_fine_tune, seed_split, recipe, m.provenance, v.data_hash, v.split_hash,"
              " v.seconds_pretrain,"
              " v.seconds_linearize, v.seconds_fine_tune, v.worker, v.attempt, v.created_at_ms,"
              " origin, v.weights_removed_at_ms, v.replacement, v.reused_from,"
              " v.hypervolume_gain FROM results_v v"
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
      r.set_replacement(row.Text());
      if (const auto from = row.OptionalInt()) r.set_reused_from(*from);
      if (const auto gain = row.OptionalReal()) r.set_hypervolume_gain(*gain);
      results[r.result()] = &r;
    }
  }
  for (auto& [id, costs] : ReadCosts(db, job)) {
    *results.at(id.value)->mutable_costs() = std::move(costs);
  }
  MarkFront(limits, list);
  return list;
}

}  // namespace reluscape

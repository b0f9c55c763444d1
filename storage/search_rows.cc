// What a search reads and writes: Results in their order, hypervolumes, and Results that are copied
// from earlier Jobs.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "search/vocabulary/messages.h"
#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {

absl::StatusOr<std::vector<JobId>> Transaction::ListSearchingJobs() {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<JobId>> {
    std::vector<JobId> jobs;
    Query row(db_,
              "SELECT job_id FROM jobs WHERE state = 'RUNNING' AND strategy IS NOT NULL"
              " AND search_ended_at_ms IS NULL ORDER BY job_id");
    while (row.Step()) jobs.push_back(row.IdOf<JobId>());
    return jobs;
  });
}

absl::StatusOr<int64_t> Transaction::CountIdleWorkers(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_,
              "SELECT (SELECT count(*) FROM placement_v p WHERE p.job = ?1 AND p.obstacle = ''"
              "   AND NOT EXISTS (SELECT 1 FROM tasks t"
              "     WHERE t.state = 'LEASED' AND t.worker = p.worker))"
              " - (SELECT count(*) FROM tasks t WHERE t.job_id = ?1 AND t.state = 'QUEUED')",
              job);
    row.Step();
    return std::max<int64_t>(0, row.Int());
  });
}

absl::StatusOr<std::vector<FoundResult>> Transaction::ListFoundResults(JobId job, ResultId after,
                                                                       bool raising) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<FoundResult>> {
    std::vector<FoundResult> results;
    std::map<int64_t, size_t> places;
    {
      Query row(db_,
                "SELECT r.result_id, r.candidate_id, r.data_hash, r.split_hash, r.report,"
                " NOT EXISTS (SELECT 1 FROM result_limits_v l"
                "   WHERE l.result = r.result_id AND NOT l.holds),"
                " r.seconds_pretrain, r.seconds_linearize, r.seconds_fine_tune FROM results r"
                " WHERE r.job_id = ?1 AND r.result_id > ?2 AND (?3 = 0 OR EXISTS (SELECT 1"
                "   FROM result_hypervolumes h WHERE h.result_id = r.result_id AND h.gain > 0))"
                " ORDER BY r.result_id",
                job, after, raising ? 1 : 0);
      while (row.Step()) {
        FoundResult& result = results.emplace_back();
        result.id = row.IdOf<ResultId>();
        result.candidate = row.IdOf<CandidateId>();
        result.data_hash = row.Text();
        result.split_hash = row.Text();
        row.Json(result.report);
        result.within_limits = row.Int() != 0;
        result.seconds_pretrain = row.Real();
        result.seconds_linearize = row.Real();
        result.seconds_fine_tune = row.Real();
      }
    }
    for (FoundResult& result : results) {
      Query row(db_,
                "SELECT value FROM result_objectives WHERE result_id = ? AND position >= 0"
                " ORDER BY position",
                result.id);
      while (row.Step()) result.objectives.push_back(row.OptionalReal());
    }
    return results;
  });
}

absl::StatusOr<int64_t> Transaction::CountResults(JobId job, ResultId last) {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_, "SELECT count(*) FROM results WHERE job_id = ? AND result_id <= ?", job, last);
    row.Step();
    return row.Int();
  });
}

absl::StatusOr<int64_t> Transaction::CountTrainings(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_, "SELECT count(DISTINCT candidate_id) FROM results WHERE job_id = ?", job);
    row.Step();
    return row.Int();
  });
}

absl::StatusOr<std::vector<JobId>> Transaction::ListJobsWithHypervolumes() {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<JobId>> {
    std::vector<JobId> jobs;
    Query row(db_, "SELECT DISTINCT job FROM hypervolume_v ORDER BY job");
    while (row.Step()) jobs.push_back(row.IdOf<JobId>());
    return jobs;
  });
}

absl::StatusOr<double> Transaction::SumDeviceSeconds(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<double> {
    Query row(db_, "SELECT coalesce(sum(device_seconds), 0.0) FROM tasks WHERE job_id = ?", job);
    row.Step();
    return row.Real();
  });
}

absl::Status Transaction::PutHypervolume(const HypervolumeRow& h) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "INSERT OR REPLACE INTO result_hypervolumes (result_id, hypervolume, gain, trainings,"
          " device_seconds) VALUES (?,?,?,?,?)",
          h.result, h.hypervolume, h.gain, h.trainings, h.device_seconds)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<HypervolumeRow>> Transaction::ListHypervolumes(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<HypervolumeRow>> {
    std::vector<HypervolumeRow> rows;
    Query row(db_,
              "SELECT result, hypervolume, gain, trainings, device_seconds FROM hypervolume_v"
              " WHERE job = ? ORDER BY result",
              job);
    while (row.Step()) {
      HypervolumeRow& h = rows.emplace_back();
      h.result = row.IdOf<ResultId>();
      h.hypervolume = row.Real();
      h.gain = row.Real();
      h.trainings = row.Int();
      h.device_seconds = row.Real();
    }
    return rows;
  });
}

absl::StatusOr<std::optional<CandidateId>> Transaction::FindReusable(const JobRow& job,
                                                                     const CandidateRow& candidate,
                                                                     const std::string& data_hash) {
  return Guard(db_, [&]() -> absl::StatusOr<std::optional<CandidateId>> {
    const v1::LinearizeSpec& linearize = job.spec.stages().linearize();
    // Elsewhere the course of the descent depends on where it ends.
    const bool any_end = linearize.method() == v1::LinearizeSpec::SNL &&
                         linearize.lambda_schedule() == v1::LinearizeSpec::GROWING;
    std::vector<CandidateId> alike;
    {
      Query row(db_,
                "SELECT c.candidate_id FROM candidates c JOIN jobs j ON j.job_id = c.job_id"
                " WHERE c.network_hash = ?1 AND c.replacement = ?2 AND c.replicate = ?3"
                " AND c.role = 'search' AND c.pretrained_sha256 IS NULL AND c.data_hash = ?4"
                " AND j.recipe = ?5 AND j.seed = ?6 AND j.data_set = ?7 AND j.classes = ?8"
                " AND j.side = ?9 AND j.train_images = ?10 AND j.validation_images = ?11"
                " AND j.test_images = ?12 AND j.archived_at_ms IS NULL ORDER BY c.candidate_id",
                candidate.network_hash, NameOf(candidate.replacement), candidate.replicate,
                data_hash, job.recipe, job.spec.seed(), job.spec.data().set(),
                job.spec.data().classes(), job.spec.data().side(), job.spec.data().train_images(),
                job.spec.data().validation_images(), job.spec.data().test_images());
      while (row.Step()) alike.push_back(row.IdOf<CandidateId>());
    }
    for (const CandidateId one : alike) {
      std::vector<int64_t> found;  // largest first
      Query row(db_,
                "SELECT budget FROM results WHERE candidate_id = ? AND artifact_sha256 IS NOT NULL"
                " ORDER BY budget DESC",
                one);
      while (row.Step()) found.push_back(row.Int());
      const bool has_all = std::includes(found.begin(), found.end(), candidate.budgets.begin(),
                                         candidate.budgets.end(), std::greater<>());
      if (!has_all || (!any_end && found.back() != candidate.budgets.back())) continue;
      return std::optional<CandidateId>(one);
    }
    return std::optional<CandidateId>();
  });
}

absl::StatusOr<std::vector<ResultId>> Transaction::ReuseCandidate(CandidateId source,
                                                                  CandidateId target, Time at) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<ResultId>> {
    Query(db_,
          "UPDATE candidates SET (data_hash, split_hash) = (SELECT s.data_hash, s.split_hash"
          " FROM candidates s WHERE s.candidate_id = ?1) WHERE candidate_id = ?2",
          source, target)
        .Run();
    Query(db_,
          "UPDATE tasks SET state = 'SUCCEEDED', attempt = s.attempt, worker = s.worker,"
          " epochs_planned = s.epochs_planned, checkpoint_sha256 = s.checkpoint_sha256,"
          " checkpoint_epochs = s.checkpoint_epochs, weights_sha256 = s.weights_sha256,"
          " started_at_ms = ?3, finished_at_ms = ?3,"
          " message = 'reused from task ' || s.task_id || ' of job ' || s.job_id"
          " FROM tasks s WHERE s.candidate_id = ?1 AND tasks.candidate_id = ?2"
          " AND s.stage = tasks.stage AND s.budget = tasks.budget",
          source, target, at)
        .Run();
// Of the Tasks s of the source and t of the target that are alike.
#define ALIKE                                                      \
  " JOIN tasks s ON s.task_id = x.task_id AND s.candidate_id = ?1" \
  " JOIN tasks t ON t.candidate_id = ?2 AND t.stage = s.stage AND t.budget = s.budget"
    Query(db_,
          "INSERT INTO stage_progress (task_id, epoch, attempt, at_ms, loss, train_accuracy,"
          " validation_accuracy, learning_rate, lambda, relus, seconds)"
          " SELECT t.task_id, x.epoch, x.attempt, x.at_ms, x.loss, x.train_accuracy,"
          " x.validation_accuracy, x.learning_rate, x.lambda, x.relus, x.seconds"
          " FROM stage_progress x" ALIKE,
          source, target)
        .Run();
    Query(db_,
          "INSERT INTO task_provenance (task_id, attempt, provenance)"
          " SELECT t.task_id, x.attempt, x.provenance FROM task_provenance x" ALIKE,
          source, target)
        .Run();
    Query(db_,
          "INSERT INTO snapshots (candidate_id, budget, task_id, attempt, artifact_sha256, relus,"
          " epoch, device_seconds, created_at_ms)"
          " SELECT ?2, x.budget, t.task_id, x.attempt, x.artifact_sha256, x.relus, x.epoch,"
          " x.device_seconds, x.created_at_ms FROM snapshots x" ALIKE
          " WHERE EXISTS (SELECT 1 FROM candidate_budgets b"
          "   WHERE b.candidate_id = ?2 AND b.budget = x.budget)",
          source, target)
        .Run();
#undef ALIKE
    std::vector<std::pair<ResultId, TaskId>> results;
    {
      Query row(db_,
                "SELECT r.result_id, t.task_id FROM results r JOIN tasks t ON t.candidate_id = ?2"
                " AND t.stage = 'fine-tune' AND t.budget = r.budget WHERE r.candidate_id = ?1"
                " ORDER BY r.result_id",
                source, target);
      while (row.Step()) {
        const auto result = row.IdOf<ResultId>();
        results.emplace_back(result, row.IdOf<TaskId>());
      }
    }
    std::vector<ResultId> copies;
    for (const auto& [result, task] : results) {
      Query(db_,
            "INSERT INTO results (job_id, candidate_id, task_id, report, data_hash, split_hash,"
            " seconds_pretrain, seconds_linearize, seconds_fine_tune, worker, attempt,"
            " created_at_ms, reused_from)"
            " SELECT t.job_id, t.candidate_id, t.task_id, r.report, r.data_hash, r.split_hash,"
            " r.seconds_pretrain, r.seconds_linearize, r.seconds_fine_tune, r.worker, r.attempt,"
            " ?3, coalesce(r.reused_from, r.result_id) FROM results r JOIN tasks t"
            " WHERE r.result_id = ?1 AND t.task_id = ?2",
            result, task, at)
          .Run();
      const ResultId copy{db_.LastInsertId()};
      Query(db_,
            "INSERT INTO sealed_test_accuracy (result_id, accuracy_test)"
            " SELECT ?2, accuracy_test FROM sealed_test_accuracy WHERE result_id = ?1",
            result, copy)
          .Run();
      copies.push_back(copy);
    }
    return copies;
  });
}

}  // namespace reluscape

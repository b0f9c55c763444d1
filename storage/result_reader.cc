#include "storage/result_reader.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/vocabulary/messages.h"
#include "storage/criticality_rows.h"
#include "storage/result_rows.h"
#include "storage/sqlite_db.h"
#include "storage/worker_rows.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxEvents = 10'000;  // of one answer

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

// All queries of `work` see one state of the database.
template <typename Work>
auto Consistently(SqliteDb& db, const Work& work) -> decltype(work()) {
  return Guard(db, [&]() -> decltype(work()) {
    const SQLite::Transaction unit(db.database());  // rolled back: nothing is written
    return work();
  });
}

}  // namespace

ResultReader::ResultReader(std::unique_ptr<SqliteDb> db) : db_(std::move(db)) {}

ResultReader::~ResultReader() = default;

absl::StatusOr<std::unique_ptr<ResultReader>> ResultReader::Open(
    const std::filesystem::path& database) {
  try {
    auto db = std::make_unique<SqliteDb>(database, SqliteDb::Mode::kReadOnly);
    RETURN_IF_ERROR(Guard(*db, [&] { return db->CheckVersion(); }));
    return std::unique_ptr<ResultReader>(new ResultReader(std::move(db)));
  } catch (const SQLite::Exception& error) {
    return ToStatus(error, database);
  }
}

absl::StatusOr<v1::JobList> ResultReader::ListJobs() {
  return Consistently(*db_, [&]() -> absl::StatusOr<v1::JobList> {
    std::vector<JobId> ids;
    {
      Query row(*db_, "SELECT job_id FROM jobs ORDER BY job_id DESC");
      while (row.Step()) ids.push_back(row.IdOf<JobId>());
    }
    v1::JobList list;
    for (const JobId id : ids) {
      v1::JobDetail detail;
      RETURN_IF_ERROR(ReadJob(*db_, id, detail));
      detail.mutable_job()->clear_obstacles();  // what is long is for GetJob
      *list.add_jobs() = std::move(*detail.mutable_job());
    }
    return list;
  });
}

absl::StatusOr<v1::JobDetail> ResultReader::GetJob(JobId job) {
  return Consistently(*db_, [&]() -> absl::StatusOr<v1::JobDetail> {
    v1::JobDetail detail;
    RETURN_IF_ERROR(ReadJob(*db_, job, detail));
    std::vector<CandidateId> ids;
    {
      Query row(*db_, "SELECT candidate_id FROM candidates WHERE job_id = ? ORDER BY candidate_id",
                job);
      while (row.Step()) ids.push_back(row.IdOf<CandidateId>());
    }
    for (const CandidateId id : ids) {
      RETURN_IF_ERROR(ReadCandidate(*db_, id, *detail.add_candidates()));
    }
    for (v1::Criticality& network : ReadCriticality(*db_, job)) {
      *detail.add_criticality() = std::move(network);
    }
    Query row(*db_, "SELECT count(*), coalesce(sum(bytes), 0) FROM job_artifacts_v WHERE job = ?",
              job);
    row.Step();
    detail.set_artifact_files(row.Int());
    detail.set_artifact_bytes(row.Int());
    Query box(*db_, "SELECT hypervolume_box FROM jobs WHERE job_id = ?", job);
    box.Step();
    box.Json(*detail.mutable_hypervolume_box());
    Query grown(*db_,
                "SELECT h.result, r.candidate_id, h.trainings, h.device_seconds, h.hypervolume,"
                " h.gain FROM hypervolume_v h JOIN results r ON r.result_id = h.result"
                " WHERE h.job = ? ORDER BY h.result",
                job);
    while (grown.Step()) {
      v1::HypervolumePoint& point = *detail.add_hypervolumes();
      point.set_result(grown.Int());
      point.set_candidate(grown.Int());
      point.set_trainings(grown.Int());
      point.set_device_seconds(grown.Real());
      point.set_hypervolume(grown.Real());
      point.set_gain(grown.Real());
    }
    return detail;
  });
}

absl::StatusOr<v1::ResultList> ResultReader::ListResults(JobId job) {
  return Consistently(*db_, [&] { return reluscape::ReadResults(*db_, job); });
}

absl::StatusOr<std::vector<v1::CurvePoint>> ResultReader::ListCurves(JobId job) {
  return Consistently(*db_, [&]() -> absl::StatusOr<std::vector<v1::CurvePoint>> {
    v1::JobDetail known;
    RETURN_IF_ERROR(ReadJob(*db_, job, known));
    Query row(*db_, SELECT_CURVES "WHERE t.job_id = ? ORDER BY t.task_id, p.epoch", job);
    return ReadCurves(row);
  });
}

absl::StatusOr<v1::CandidateDetail> ResultReader::GetCandidate(CandidateId candidate) {
  return Consistently(*db_, [&]() -> absl::StatusOr<v1::CandidateDetail> {
    v1::CandidateDetail detail;
    RETURN_IF_ERROR(ReadCandidate(*db_, candidate, *detail.mutable_candidate()));
    Query row(*db_, SELECT_CURVES "WHERE t.candidate_id = ? ORDER BY t.task_id, p.epoch",
              candidate);
    SetList(detail.mutable_curves(), ReadCurves(row));
    // on_front is against all Results of the Job, so that a page says the same as the Front.
    ASSIGN_OR_RETURN(v1::ResultList list,
                     reluscape::ReadResults(*db_, JobId{detail.candidate().job()}));
    for (v1::Result& result : *list.mutable_results()) {
      if (result.candidate() == candidate.value) *detail.add_results() = std::move(result);
    }
    return detail;
  });
}

absl::StatusOr<v1::WorkerList> ResultReader::ListWorkers() {
  return Consistently(*db_, [&]() -> absl::StatusOr<v1::WorkerList> {
    v1::WorkerList list;
    {
      // Why the coordinator keeps it out, rather than what it says of itself.
      Query row(*db_,
                "SELECT worker, host, pid, device, torch_version, build_commit, last_seen_ms,"
                " connected, protocol, behaviour, coalesce(nullif(quarantine, ''), problem),"
                " quarantine <> '', cores, sharers, fast_precisions FROM workers ORDER BY worker");
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
        worker.set_cores(row.Int());
        worker.set_sharers(row.Int());
        SetList(worker.mutable_fast_precisions(), PrecisionsIn(row.Text()));
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

absl::StatusOr<v1::EventList> ResultReader::ListEvents(JobId job, int64_t after, int64_t limit) {
  if (limit < 1 || limit > kMaxEvents) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: found ", limit, "; allowed: 1 to ", kMaxEvents));
  }
  return Consistently(*db_, [&]() -> absl::StatusOr<v1::EventList> {
    if (job) {
      v1::JobDetail known;
      RETURN_IF_ERROR(ReadJob(*db_, job, known));
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

}  // namespace reluscape

// All that is stored about Workers: what each says of itself, what it has opened, what it may take
// and what it lost.

#include "storage/worker_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {
namespace {

// Columns in the order in which ReadRequest takes them.
#define REQUEST_COLUMNS(row)                                                 \
  row ".data_set, " row ".classes, " row ".side, " row ".train_images, " row \
      ".validation_images, " row ".test_images, " row ".split_seed"
// The rows that `d` of worker_data has for the images of Job `j`.
#define OF_THE_IMAGES                                                                 \
  "d.data_set = j.data_set AND d.split_seed = j.split_seed AND d.classes = j.classes" \
  " AND d.side = j.side AND d.train_images = j.train_images"                          \
  " AND d.validation_images = j.validation_images AND d.test_images = j.test_images"

v1::DataRequest ReadRequest(Query& row) {
  v1::DataRequest request;
  request.mutable_data()->set_set(row.Text());
  request.mutable_data()->set_classes(row.Int());
  request.mutable_data()->set_side(row.Int());
  request.mutable_data()->set_train_images(row.Int());
  request.mutable_data()->set_validation_images(row.Int());
  request.mutable_data()->set_test_images(row.Int());
  request.set_split_seed(row.Int());
  return request;
}

}  // namespace

v1::WorkerInfo ReadWorkerInfo(Query& row) {
  v1::WorkerInfo info;
  info.set_id(row.Text());
  info.set_incarnation(row.Text());
  info.set_host(row.Text());
  info.set_pid(row.Int());
  info.set_device(row.Text());
  info.set_torch_version(row.Text());
  info.set_build_commit(row.Text());
  info.set_protocol(row.Int());
  info.set_behaviour(row.Int());
  info.set_machine(row.Text());
  info.set_cores(row.Int());
  info.set_sharers(row.Int());
  info.set_problem(row.Text());
  SetList(info.mutable_fast_precisions(), PrecisionsIn(row.Text()));
  return info;
}

std::vector<std::string> PrecisionsIn(const std::string& text) {
  return absl::StrSplit(text, ' ', absl::SkipEmpty());
}

std::vector<v1::DataState> ReadDataStates(SqliteDb& db, const std::string& worker) {
  std::vector<v1::DataState> states;
  Query row(db,
            "SELECT " REQUEST_COLUMNS("d") ", d.data_hash, d.split_hash, d.problem"
            " FROM worker_data d WHERE d.worker = ? ORDER BY d.data_set, d.split_seed",
            worker);
  while (row.Step()) {
    v1::DataState state;
    *state.mutable_request() = ReadRequest(row);
    state.set_data_hash(row.Text());
    state.set_split_hash(row.Text());
    state.set_problem(row.Text());
    states.push_back(std::move(state));
  }
  return states;
}

std::vector<v1::DataCopy> ReadDataCopies(SqliteDb& db, JobId job) {
  std::vector<v1::DataCopy> copies;
  Query row(db,
            "SELECT data_hash, worker, candidates FROM data_copies_v WHERE job = ?"
            " ORDER BY data_hash, worker",
            job);
  while (row.Step()) {
    const std::string hash = row.Text();
    if (copies.empty() || copies.back().data_hash() != hash) {
      copies.emplace_back().set_data_hash(hash);
    }
    v1::DataCopy& copy = copies.back();
    if (row.NextIsNull()) {
      row.Text();
    } else {
      copy.add_workers(row.Text());
    }
    copy.set_candidates(copy.candidates() + row.Int());
  }
  return copies;
}

absl::StatusOr<std::optional<WorkerRow>> Transaction::FindWorker(const std::string& worker) {
  return Guard(db_, [&]() -> absl::StatusOr<std::optional<WorkerRow>> {
    WorkerRow w;
    {
      Query row(db_,
                "SELECT " WORKER_INFO_COLUMNS
                ", first_seen_ms, last_seen_ms, heard_steady_ms,"
                " connected, failures_in_row, quarantine FROM workers WHERE worker = ?",
                worker);
      if (!row.Step()) return std::optional<WorkerRow>();
      w.info = ReadWorkerInfo(row);
      w.first_seen = row.At();
      w.last_seen = row.At();
      w.heard = row.At();
      w.connected = row.Int() != 0;
      w.failures_in_row = row.Int();
      w.quarantine = row.Text();
    }
    Query sets(db_, "SELECT data_set FROM worker_data_sets WHERE worker = ? ORDER BY data_set",
               worker);
    while (sets.Step()) w.info.add_data_sets(sets.Text());
    SetList(w.info.mutable_data(), ReadDataStates(db_, worker));
    return std::optional<WorkerRow>(std::move(w));
  });
}

absl::StatusOr<std::vector<SharedCores>> Transaction::ListConnectedCores() {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<SharedCores>> {
    std::vector<SharedCores> list;
    Query row(db_,
              "SELECT max(cores), max(sharers) FROM workers WHERE connected = 1 AND cores > 0"
              " GROUP BY CASE machine WHEN '' THEN worker ELSE machine END");
    while (row.Step()) {
      SharedCores cores;
      cores.cores = row.Int();
      cores.workers = std::max<int64_t>(row.Int(), 1);
      list.push_back(cores);
    }
    return list;
  });
}

absl::StatusOr<int64_t> Transaction::CountThreadsBeside(const std::string& worker) {
  return Guard(db_, [&]() -> absl::StatusOr<int64_t> {
    Query row(db_,
              "SELECT coalesce(sum(j.threads), 0) FROM workers mine"
              " JOIN workers w ON w.machine = mine.machine AND w.cores > 0"
              " JOIN tasks t ON t.worker = w.worker AND t.state = 'LEASED'"
              " JOIN jobs j ON j.job_id = t.job_id WHERE mine.worker = ? AND mine.machine <> ''",
              worker);
    return row.Step() ? row.Int() : 0;
  });
}

absl::Status Transaction::PutWorker(const WorkerRow& w) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "INSERT INTO workers (worker, incarnation, host, pid, device, torch_version,"
          " build_commit, first_seen_ms, last_seen_ms, protocol, behaviour, problem,"
          " heard_steady_ms, connected, failures_in_row, quarantine, machine, cores, sharers,"
          " fast_precisions)"
          " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)"
          " ON CONFLICT (worker) DO UPDATE SET incarnation = ?2, host = ?3, pid = ?4,"
          " device = ?5, torch_version = ?6, build_commit = ?7, last_seen_ms = ?9,"
          " protocol = ?10, behaviour = ?11, problem = ?12, heard_steady_ms = ?13,"
          " connected = ?14, failures_in_row = ?15, quarantine = ?16, machine = ?17,"
          " cores = ?18, sharers = ?19, fast_precisions = ?20",
          w.info.id(), w.info.incarnation(), w.info.host(), w.info.pid(), w.info.device(),
          w.info.torch_version(), w.info.build_commit(), w.first_seen, w.last_seen,
          w.info.protocol(), w.info.behaviour(), w.info.problem(), w.heard, w.connected ? 1 : 0,
          w.failures_in_row, w.quarantine, w.info.machine(), w.info.cores(), w.info.sharers(),
          absl::StrJoin(w.info.fast_precisions(), " "))
        .Run();
    Query(db_, "INSERT OR IGNORE INTO worker_incarnations (worker, incarnation) VALUES (?,?)",
          w.info.id(), w.info.incarnation())
        .Run();
    // Lists that are as they were cost no write.
    std::vector<std::string> known_sets;
    {
      Query sets(db_, "SELECT data_set FROM worker_data_sets WHERE worker = ? ORDER BY data_set",
                 w.info.id());
      while (sets.Step()) known_sets.push_back(sets.Text());
    }
    std::vector<std::string> sets = ListOf(w.info.data_sets());
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    if (sets != known_sets) {
      Query(db_, "DELETE FROM worker_data_sets WHERE worker = ?", w.info.id()).Run();
      for (const std::string& set : sets) {
        Query(db_, "INSERT INTO worker_data_sets (worker, data_set) VALUES (?,?)", w.info.id(), set)
            .Run();
      }
    }
    const std::vector<v1::DataState> known_states = ReadDataStates(db_, w.info.id());
    if (!std::is_permutation(known_states.begin(), known_states.end(), w.info.data().begin(),
                             w.info.data().end())) {
      Query(db_, "DELETE FROM worker_data WHERE worker = ?", w.info.id()).Run();
      for (const v1::DataState& state : w.info.data()) {
        const v1::DataSpec& data = state.request().data();
        Query(db_,
              "INSERT OR REPLACE INTO worker_data (worker, data_set, classes, side, train_images,"
              " validation_images, test_images, split_seed, data_hash, split_hash, problem)"
              " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
              w.info.id(), data.set(), data.classes(), data.side(), data.train_images(),
              data.validation_images(), data.test_images(), state.request().split_seed(),
              OrNull(state.data_hash()), OrNull(state.split_hash()), state.problem())
            .Run();
      }
    }
    return absl::OkStatus();
  });
}

absl::Status Transaction::Disconnect(Time heard) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "UPDATE workers SET connected = 0 WHERE connected = 1 AND heard_steady_ms <= ?",
          heard)
        .Run();
    return absl::OkStatus();
  });
}

absl::Status Transaction::BeginSession(Time steady_now) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "UPDATE workers SET connected = 0,"
          " heard_steady_ms = CASE heard_steady_ms WHEN 0 THEN 0 ELSE ? END",
          steady_now)
        .Run();
    Query(db_,
          "UPDATE tasks SET not_before_steady_ms = NULL WHERE not_before_steady_ms IS NOT NULL")
        .Run();
    return absl::OkStatus();
  });
}

absl::Status Transaction::DismissWorkers() {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "UPDATE workers SET connected = 0, heard_steady_ms = 0").Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> Transaction::KnowsIncarnation(const std::string& worker,
                                                   const std::string& incarnation) {
  return Guard(db_, [&]() -> absl::StatusOr<bool> {
    Query row(db_, "SELECT 1 FROM worker_incarnations WHERE worker = ? AND incarnation = ?", worker,
              incarnation);
    return row.Step();
  });
}

absl::StatusOr<std::string> Transaction::ObstacleOf(const std::string& worker, JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::string> {
    Query row(db_, "SELECT obstacle FROM placement_v WHERE worker = ? AND job = ?", worker, job);
    return row.Step() ? row.Text() : std::string();
  });
}

absl::StatusOr<std::vector<v1::DataRequest>> Transaction::ListWantedData(const std::string& worker,
                                                                         int64_t most, JobId only) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<v1::DataRequest>> {
    std::vector<v1::DataRequest> wanted;
    Query row(db_,
              "SELECT " REQUEST_COLUMNS("j") ", min(j.job_id) FROM jobs j"
              " JOIN worker_data_sets s ON s.data_set = j.data_set AND s.worker = ?1"
              " LEFT JOIN worker_data d ON d.worker = ?1 AND " OF_THE_IMAGES
              " WHERE j.state = 'RUNNING' AND ?3 IN (0, j.job_id) AND (d.data_hash IS NULL"
              "   OR d.data_hash <> coalesce(j.data_hash_stated, j.data_hash_chosen))"
              " AND (EXISTS (SELECT 1 FROM tasks t"
              "   WHERE t.state = 'QUEUED' AND t.job_id = j.job_id)"
              "  OR (j.strategy IS NOT NULL AND j.search_ended_at_ms IS NULL))"
              " GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY max(d.worker IS NOT NULL), 8 LIMIT ?2",
              worker, most, only);
    while (row.Step()) wanted.push_back(ReadRequest(row));
    return wanted;
  });
}

absl::StatusOr<std::vector<v1::DataCopy>> Transaction::ListDataCopies(JobId job) {
  return Guard(
      db_, [&]() -> absl::StatusOr<std::vector<v1::DataCopy>> { return ReadDataCopies(db_, job); });
}

absl::Status Transaction::PutLostAttempt(const LostAttempt& lost) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_,
          "INSERT OR IGNORE INTO lost_attempts (task_id, attempt, worker, expired, artifact, at_ms,"
          " reason) VALUES (?,?,?,?,?,?,?)",
          lost.task, lost.attempt, lost.worker, lost.expired ? 1 : 0, lost.artifact, lost.at,
          lost.reason)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<LostAttempt>> Transaction::ListLostAttempts(TaskId task) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<LostAttempt>> {
    std::vector<LostAttempt> attempts;
    Query row(db_,
              "SELECT attempt, worker, expired, artifact, at_ms, reason FROM lost_attempts"
              " WHERE task_id = ? ORDER BY attempt",
              task);
    while (row.Step()) {
      LostAttempt lost;
      lost.task = task;
      lost.attempt = row.Int();
      lost.worker = row.Text();
      lost.expired = row.Int() != 0;
      lost.artifact = row.Text();
      lost.at = row.At();
      lost.reason = row.Text();
      attempts.push_back(std::move(lost));
    }
    return attempts;
  });
}

absl::Status Transaction::ForgetLostAttempts(TaskId task, int64_t attempt) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM lost_attempts WHERE task_id = ?1 AND (?2 = 0 OR attempt = ?2)", task,
          attempt)
        .Run();
    return absl::OkStatus();
  });
}

}  // namespace reluscape

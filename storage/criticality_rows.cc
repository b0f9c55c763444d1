#include "storage/criticality_rows.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {

v1::CriticalitySpec ReadCriticalitySettings(Query& row) {
  v1::CriticalitySpec settings;
  settings.set_exponent(row.Real());
  const std::string baseline = row.Text();
  v1::CriticalitySpec::Baseline known{};
  if (!v1::CriticalitySpec::Baseline_Parse(absl::AsciiStrToUpper(baseline), &known)) {
    throw SQLite::Exception("unknown criticality baseline " + baseline, SQLITE_CORRUPT);
  }
  settings.set_baseline(known);
  return settings;
}

std::vector<v1::Criticality> ReadCriticality(SqliteDb& db, JobId job) {
  std::vector<v1::Criticality> networks;
  Query row(
      db,
      "SELECT c.candidate_id, c.name, c.network, c.network_hash, j.spec ->> "
      "'$.criticality.exponent',"
      " j.spec ->> '$.criticality.baseline', k.section, k.relus, k.accuracy, k.accuracy_lowest,"
      " k.accuracy_highest, k.replicates, k.score, k.rank FROM candidates c"
      " JOIN criticality k ON k.candidate_id = c.candidate_id"
      " JOIN jobs j ON j.job_id = c.job_id"
      " WHERE c.job_id = ? ORDER BY c.candidate_id, k.section",
      job);
  while (row.Step()) {
    v1::Criticality network;
    network.set_candidate(row.Int());
    network.set_name(row.Text());
    network.set_network(row.Text());
    network.set_network_hash(row.Text());
    network.set_exponent(row.Real());
    network.set_baseline(row.Text());
    if (networks.empty() || networks.back().candidate() != network.candidate()) {
      networks.push_back(std::move(network));
    }
    v1::SectionCriticality& section = *networks.back().add_sections();
    section.set_section(row.Int());
    section.set_relus(row.Int());
    section.set_accuracy(row.Real());
    section.set_accuracy_lowest(row.Real());
    section.set_accuracy_highest(row.Real());
    section.set_replicates(row.Int());
    section.set_score(row.Real());
    section.set_rank(row.Int());
  }
  for (v1::Criticality& network : networks) {
    network.mutable_order()->Resize(network.sections_size(), 0);
    for (const v1::SectionCriticality& section : network.sections()) {
      if (section.rank() > network.sections_size()) continue;
      network.set_order(static_cast<int>(section.rank()) - 1, section.section());
    }
  }
  return networks;
}

absl::StatusOr<std::vector<CandidateId>> Transaction::ListStudents(CandidateId teacher) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<CandidateId>> {
    std::vector<CandidateId> students;
    Query row(db_, "SELECT candidate_id FROM candidates WHERE teacher_id = ? ORDER BY candidate_id",
              teacher);
    while (row.Step()) students.push_back(row.IdOf<CandidateId>());
    return students;
  });
}

absl::StatusOr<std::string> Transaction::FindDataHash(const v1::DataSpec& data,
                                                      uint64_t split_seed) {
  return Guard(db_, [&]() -> absl::StatusOr<std::string> {
    Query row(db_,
              "SELECT c.data_hash FROM candidates c JOIN jobs j ON j.job_id = c.job_id"
              " WHERE c.data_hash IS NOT NULL AND j.data_set = ? AND j.classes = ? AND j.side = ?"
              " AND j.train_images = ? AND j.validation_images = ? AND j.test_images = ?"
              " AND j.split_seed = ? ORDER BY c.candidate_id DESC LIMIT 1",
              data.set(), data.classes(), data.side(), data.train_images(),
              data.validation_images(), data.test_images(), split_seed);
    return row.Step() ? row.Text() : std::string();
  });
}

absl::StatusOr<std::vector<SectionMeasurement>> Transaction::ListSectionMeasurements(
    CandidateId teacher) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<SectionMeasurement>> {
    std::vector<SectionMeasurement> measurements;
    Query row(db_,
              "SELECT c.teacher_id, c.replicate, c.measured_section, c.relus, t.state,"
              " (SELECT p.validation_accuracy FROM stage_progress p WHERE p.task_id = t.task_id"
              "  ORDER BY p.epoch DESC LIMIT 1)"
              " FROM candidates one"
              " JOIN candidates whole ON whole.job_id = one.job_id"
              "  AND whole.network_hash = one.network_hash"
              " JOIN candidates c ON c.teacher_id = whole.candidate_id AND c.role = 'section'"
              " JOIN tasks t ON t.candidate_id = c.candidate_id AND t.stage = 'pretrain'"
              " WHERE one.candidate_id = ? ORDER BY c.replicate, c.measured_section",
              teacher);
    while (row.Step()) {
      SectionMeasurement m;
      m.teacher = row.IdOf<CandidateId>();
      m.replicate = row.Int();
      m.section = row.Int();
      m.relus = row.Int();
      m.state = row.TaskStateOf();
      m.accuracy = row.Real();
      measurements.push_back(m);
    }
    return measurements;
  });
}

absl::Status Transaction::InsertCriticality(CandidateId candidate,
                                            const std::vector<v1::SectionCriticality>& sections) {
  return Guard(db_, [&]() -> absl::Status {
    for (const v1::SectionCriticality& s : sections) {
      Query(db_,
            "INSERT INTO criticality (candidate_id, section, relus, accuracy, accuracy_lowest,"
            " accuracy_highest, replicates, score, rank) VALUES (?,?,?,?,?,?,?,?,?)",
            candidate, s.section(), s.relus(), s.accuracy(), s.accuracy_lowest(),
            s.accuracy_highest(), s.replicates(), s.score(), s.rank())
          .Run();
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<v1::Criticality>> Transaction::ListCriticality(JobId job) {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<v1::Criticality>> {
    return ReadCriticality(db_, job);
  });
}

}  // namespace reluscape

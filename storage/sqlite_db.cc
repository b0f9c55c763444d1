#include "storage/sqlite_db.h"

#include <sqlite3.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "storage/migrations.h"

namespace reluscape {
namespace {

// "ReLU" as a big-endian number: marks the file as ours for file(1) and for Migrate.
constexpr int64_t kApplicationId = 0x52654C55;
// How long a unit of work waits for another process that holds the database (a user's SQLite
// program, a backup): long enough for both, short enough that callers see an error.
constexpr int kBusyTimeoutMs = 10'000;

absl::StatusCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xff) {  // the primary code of an extended one
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kAlreadyExists;
    case SQLITE_CORRUPT:
      return absl::StatusCode::kDataLoss;
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

// Of the views that this program makes; a user's own stay.
std::vector<std::string> ViewNames() {
  constexpr std::string_view kCreate = "CREATE VIEW ";
  const std::string_view script = Views();
  std::vector<std::string> names;
  for (size_t at = script.find(kCreate); at != std::string_view::npos;
       at = script.find(kCreate, at)) {
    at += kCreate.size();
    names.emplace_back(script.substr(at, script.find(' ', at) - at));
  }
  return names;
}

int64_t Pragma(SQLite::Database& db, const char* sql) { return db.execAndGet(sql).getInt64(); }

}  // namespace

absl::Status ToStatus(const SQLite::Exception& error, const std::filesystem::path& path) {
  absl::StatusCode code = CodeOf(error.getErrorCode());
  // Uniqueness is something a caller can meet; any other broken constraint is our own mistake.
  if (code == absl::StatusCode::kAlreadyExists &&
      error.getExtendedErrorCode() != SQLITE_CONSTRAINT_UNIQUE &&
      error.getExtendedErrorCode() != SQLITE_CONSTRAINT_PRIMARYKEY) {
    code = absl::StatusCode::kInternal;
  }
  return absl::Status(code, absl::StrCat("database ", path.string(), ": ", error.what()));
}

SqliteDb::SqliteDb(const std::filesystem::path& path, Mode mode)
    : path_(path),
      db_(path.string(),
          mode == Mode::kReadOnly ? SQLite::OPEN_READONLY
                                  : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
          kBusyTimeoutMs) {
  db_.exec("PRAGMA foreign_keys = ON");
}

absl::Status SqliteDb::CheckVersion() {
  const int64_t version = Pragma(db_, "PRAGMA user_version");
  const auto newest = static_cast<int64_t>(Migrations().size());
  if (Pragma(db_, "PRAGMA application_id") != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", path_.string(),
                     " is not one of Reluscape's, or was written "
                     "before its first version; use another folder"));
  }
  if (version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", path_.string(), " has schema version ", version,
                     " and this program knows versions up to ", newest,
                     ": it was written by a newer Reluscape; use that, or another database"));
  }
  if (version < newest) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", path_.string(), " has schema version ", version, " and needs ",
                     newest, ": start its coordinator once to bring it up to date"));
  }
  return absl::OkStatus();
}

absl::Status SqliteDb::Migrate() {
  // Looked at first: a file that is refused stays as it was.
  const bool empty = Pragma(db_, "SELECT count(*) FROM sqlite_master") == 0;
  const auto newest = static_cast<int64_t>(Migrations().size());
  int64_t version = Pragma(db_, "PRAGMA user_version");
  if (!empty && (version > newest || Pragma(db_, "PRAGMA application_id") != kApplicationId)) {
    return CheckVersion();
  }
  // WAL lets readers go on while the coordinator writes; FULL flushes at every commit, so that
  // what was answered as accepted survives a power cut.
  db_.exec("PRAGMA journal_mode = WAL");
  db_.exec("PRAGMA synchronous = FULL");
  SQLite::Transaction unit(db_, SQLite::TransactionBehavior::IMMEDIATE);
  if (empty) db_.exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
  // Views first: a migration may change what they read.
  for (const std::string& view : ViewNames()) db_.exec(absl::StrCat("DROP VIEW IF EXISTS ", view));
  for (; version < newest; ++version) db_.exec(Migrations()[static_cast<size_t>(version)].sql);
  db_.exec(Views());
  db_.exec(absl::StrCat("PRAGMA user_version = ", newest));
  unit.commit();
  return absl::OkStatus();
}

SQLite::Statement& SqliteDb::Prepared(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (statement == nullptr) statement = std::make_unique<SQLite::Statement>(db_, sql);
  return *statement;
}

void Query::Json(google::protobuf::Message& message) {
  if (NextIsNull()) {
    ++column_;
    return;
  }
  FieldErrors errors;
  JsonToMessage(Text(), message, errors);
  if (errors.empty()) return;
  throw SQLite::Exception(absl::StrCat("a stored ", message.GetDescriptor()->name(),
                                       " cannot be read: ", errors.ToStatus().ToString()),
                          SQLITE_CORRUPT);
}

Stage Query::StageOf() {
  const std::string name = Text();
  for (const Stage stage : {Stage::kPretrain, Stage::kLinearize, Stage::kFineTune}) {
    if (name == StageName(stage)) return stage;
  }
  throw SQLite::Exception("unknown stage " + name, SQLITE_CORRUPT);
}

TaskState Query::TaskStateOf() {
  const std::string name = Text();
  const std::optional<TaskState> state = ParseTaskState(name);
  if (!state.has_value()) throw SQLite::Exception("unknown task state " + name, SQLITE_CORRUPT);
  return *state;
}

JobState Query::JobStateOf() {
  const std::string name = Text();
  if (const auto state = ParseJobState(name)) return *state;
  throw SQLite::Exception("unknown job state " + name, SQLITE_CORRUPT);
}

v1::JobSpec::Kind Query::JobKindOf() {
  const std::string name = Text();
  v1::JobSpec::Kind kind{};
  if (v1::JobSpec::Kind_Parse(absl::AsciiStrToUpper(name), &kind)) return kind;
  throw SQLite::Exception("unknown job kind " + name, SQLITE_CORRUPT);
}

v1::JobSpec::Retention Query::RetentionOf() {
  const std::string name = Text();
  v1::JobSpec::Retention retention{};
  if (v1::JobSpec::Retention_Parse(absl::AsciiStrToUpper(name), &retention)) return retention;
  throw SQLite::Exception("unknown retention " + name, SQLITE_CORRUPT);
}

v1::LinearizeSpec::Replacement Query::ReplacementOf() {
  const std::string name = Text();
  v1::LinearizeSpec::Replacement replacement{};
  if (v1::LinearizeSpec::Replacement_Parse(absl::AsciiStrToUpper(name), &replacement)) {
    return replacement;
  }
  throw SQLite::Exception("unknown replacement " + name, SQLITE_CORRUPT);
}

CandidateRole Query::CandidateRoleOf() {
  const std::string name = Text();
  for (const CandidateRole role : {CandidateRole::kSearch, CandidateRole::kTeacher,
                                   CandidateRole::kSection, CandidateRole::kWhole}) {
    if (name == CandidateRoleName(role)) return role;
  }
  throw SQLite::Exception("unknown candidate role " + name, SQLITE_CORRUPT);
}

}  // namespace reluscape

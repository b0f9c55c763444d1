#pragma once

// One SQLite connection with its prepared statements. Only for storage/*.cc: throws
// SQLite::Exception, which storage/ turns into a Status at its edge (see Guard). Not thread-safe.

#include <SQLiteCpp/SQLiteCpp.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "search/vocabulary/artifact.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/stage.h"
#include "search/vocabulary/states.h"

namespace reluscape {

// NOT_FOUND, DATA_LOSS, ... with the database's path, from what SQLite says.
absl::Status ToStatus(const SQLite::Exception& error, const std::filesystem::path& path);

class SqliteDb {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // Opens the connection with foreign keys on and a busy timeout of 10 s. Throws.
  SqliteDb(const std::filesystem::path& path, Mode mode);

  // For writing: turns on WAL with synchronous=FULL, brings the schema up to date and makes all
  // views anew. For reading:
  // checks that it is. FAILED_PRECONDITION with the path where the schema is newer than this
  // program or none of Reluscape's. Throws.
  absl::Status Migrate();
  absl::Status CheckVersion();

  // For SQLite::Transaction.
  SQLite::Database& database() { return db_; }
  int64_t LastInsertId() const { return db_.getLastInsertRowid(); }
  // Rows changed by the newest statement.
  int64_t Changes() const { return db_.getChanges(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  friend class Query;

  // The prepared statement of `sql`, a literal: its address is its key.
  SQLite::Statement& Prepared(const char* sql);

  const std::filesystem::path path_;
  SQLite::Database db_;
  std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// One execution of a statement: parameters in order, then rows, then columns in order. At most one
// Query per SQL text at a time. Throws.
class Query {
 public:
  template <typename... Values>
  Query(SqliteDb& db, const char* sql, const Values&... values) : statement_(db.Prepared(sql)) {
    (Bind(values), ...);
  }
  // An unfinished SELECT would hold its read lock. Bound values stay until the next Query of this
  // SQL text, which binds all of them anew.
  ~Query() { statement_.tryReset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The next row, or false after the last.
  bool Step() {
    column_ = 0;
    return statement_.executeStep();
  }
  // Runs a statement whose rows do not matter.
  void Run() {
    while (Step()) {
    }
  }

  bool NextIsNull() { return statement_.isColumnNull(column_); }
  int64_t Int() { return statement_.getColumn(column_++).getInt64(); }
  double Real() { return statement_.getColumn(column_++).getDouble(); }
  std::string Text() { return statement_.getColumn(column_++).getString(); }
  bool IsReal() { return statement_.getColumn(column_).isFloat(); }
  uint64_t Seed() { return static_cast<uint64_t>(Int()); }
  std::optional<int64_t> OptionalInt() {
    if (NextIsNull()) return ++column_, std::nullopt;
    return Int();
  }
  Time At() { return TimeFromUnixMs(Int()); }
  std::optional<Time> OptionalTime() {
    if (NextIsNull()) return ++column_, std::nullopt;
    return At();
  }
  std::optional<double> OptionalReal() {
    if (NextIsNull()) return ++column_, std::nullopt;
    return Real();
  }
  // A NULL text reads as empty, a NULL number as 0 (SQLite's own rule).
  template <typename IdType>
  IdType IdOf() {
    return IdType{Int()};
  }
  Stage StageOf();
  TaskState TaskStateOf();
  JobState JobStateOf();
  v1::JobSpec::Kind JobKindOf();
  v1::JobSpec::Retention RetentionOf();
  CandidateRole CandidateRoleOf();
  v1::LinearizeSpec::Replacement ReplacementOf();
  // Two columns.
  v1::Artifact Artifact() {
    v1::Artifact artifact;
    artifact.set_sha256(Text());
    artifact.set_bytes(Int());
    return artifact;
  }
  // Fills a message from its JSON text; NULL leaves it empty.
  void Json(google::protobuf::Message& message);

 private:
  void Bind(int64_t value) { statement_.bind(++parameter_, value); }
  void Bind(uint64_t value) { statement_.bind(++parameter_, static_cast<int64_t>(value)); }
  void Bind(int value) { statement_.bind(++parameter_, value); }
  void Bind(double value) { statement_.bind(++parameter_, value); }
  void Bind(const std::string& value) { statement_.bind(++parameter_, value); }
  void Bind(const char* value) { statement_.bind(++parameter_, value); }
  void Bind(std::nullptr_t) { statement_.bind(++parameter_); }
  void Bind(Time value) { Bind(ToUnixMs(value)); }
  template <typename Tag>
  void Bind(const Id<Tag>& id) {
    Bind(id.value);
  }
  void Bind(Stage stage) { Bind(StageName(stage)); }
  void Bind(TaskState state) { Bind(TaskStateName(state)); }
  void Bind(JobState state) { Bind(JobStateName(state)); }
  void Bind(const google::protobuf::Message& message) {
    Bind(MessageToShortJson(message, /*compact=*/true));
  }
  template <typename T>
  void Bind(const std::optional<T>& value) {
    if (value.has_value()) {
      Bind(*value);
    } else {
      Bind(nullptr);
    }
  }

  SQLite::Statement& statement_;
  int parameter_ = 0;
  int column_ = 0;
};

// NULL instead of 0 or "": for columns that refer to another row.
template <typename Tag>
std::optional<int64_t> OrNull(const Id<Tag>& id) {
  return id ? std::optional<int64_t>(id.value) : std::nullopt;
}
inline std::optional<std::string> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

// Calls `work` (which returns a Status or a StatusOr) and turns a thrown error into one.
template <typename Work>
auto Guard(const SqliteDb& db, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    return ToStatus(error, db.path());
  }
}

}  // namespace reluscape

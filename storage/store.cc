#include "storage/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/sqlite_db.h"

namespace reluscape {

Store::Store(std::unique_ptr<FileLock> lock, std::unique_ptr<SqliteDb> db)
    : lock_(std::move(lock)), db_(std::move(db)) {}

Store::~Store() = default;

absl::Status Store::Transact(const std::function<absl::Status(Transaction&)>& work) {
  const MutexLock hold(mutex_);
  SqliteDb& db = *db_;
  return Guard(db, [&]() -> absl::Status {
    // Rolls back however this ends without a commit: by an error or by whatever is thrown.
    SQLite::Transaction unit(db.database(), SQLite::TransactionBehavior::IMMEDIATE);
    Transaction transaction(db);
    RETURN_IF_ERROR(work(transaction));
    unit.commit();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& database) {
  std::unique_ptr<FileLock> lock;
  if (database != ":memory:") {
    ASSIGN_OR_RETURN(
        lock, FileLock::Take(database.string() + ".lock",
                             "another coordinator uses this database; stop it or choose another "
                             "folder"));
  }
  try {
    auto db = std::make_unique<SqliteDb>(database, SqliteDb::Mode::kReadWrite);
    RETURN_IF_ERROR(Guard(*db, [&] { return db->Migrate(); }));
    return std::unique_ptr<Store>(new Store(std::move(lock), std::move(db)));
  } catch (const SQLite::Exception& error) {
    return ToStatus(error, database);
  }
}

}  // namespace reluscape

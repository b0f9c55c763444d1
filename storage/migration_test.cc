// What is done to a database that is there.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/store_test_util.h"

namespace reluscape {
namespace {

// Views may change without a new version of the schema.
TEST(MigrationTest, ViewsAreMadeAnewAtEachStart) {
  const TestFolder folder;
  ASSERT_TRUE(Store::Open(folder / "a.db").ok());
  const auto count = [&](const std::string& name) {
    const SQLite::Database db((folder / "a.db").string());
    SQLite::Statement row(db,
                          "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND sql LIKE ?");
    row.bind(1, name);
    row.executeStep();
    return row.getColumn(0).getInt();
  };
  const int views = count("%");
  EXPECT_GT(views, 10);
  SQLite::Database((folder / "a.db").string(), SQLite::OPEN_READWRITE)
      .exec(
          "DROP VIEW jobs_v; CREATE VIEW jobs_v AS SELECT 1 AS older;"
          "CREATE VIEW mine AS SELECT 'a user''s own' AS text");
  EXPECT_EQ(count("%older%"), 1);
  ASSERT_TRUE(Store::Open(folder / "a.db").ok());
  EXPECT_EQ(count("%older%"), 0);
  EXPECT_EQ(count("%"), views + 1) << "a user's own stays";
}

}  // namespace
}  // namespace reluscape

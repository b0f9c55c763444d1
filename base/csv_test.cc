#include "base/csv.h"

#include <gtest/gtest.h>

namespace reluscape {
namespace {

TEST(CsvTest, QuotesWhatRfc4180AsksFor) {
  EXPECT_EQ(CsvRecord({"a", "b c", ""}), "a,b c,\r\n");
  EXPECT_EQ(CsvRecord({"a,b", "say \"x\"", "two\nlines"}),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\r\n");
}

}  // namespace
}  // namespace reluscape

#include "client/text_table.h"

#include <gtest/gtest.h>

namespace reluscape {
namespace {

TEST(TextTableTest, AlignsNumbersRightAndTextLeft) {
  TextTable table({{"network"}, {"ReLUs", true}, {"note"}});
  table.AddRow({"resnet18@4", "30,720", ""});
  table.AddRow({"hrn", "1", "small"});
  EXPECT_EQ(table.ToString(),
            "network      ReLUs  note\n"
            "----------  ------  -----\n"
            "resnet18@4  30,720\n"
            "hrn              1  small\n");
}

TEST(TextTableTest, CountsCodePointsAndHidesControlCharacters) {
  TextTable table({{"a"}, {"b"}});
  table.AddRow({"größe", "x\ny"});
  EXPECT_EQ(table.ToString(),
            "a      b\n"
            "-----  ---\n"
            "größe  x?y\n");
}

TEST(TextTableTest, MissingCellsAreEmpty) {
  TextTable table({{"a"}, {"b"}});
  table.AddRow({"1"});
  EXPECT_EQ(table.ToString(), "a  b\n-  -\n1\n");
}

}  // namespace
}  // namespace reluscape

#include "base/field_errors.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

TEST(FieldErrorsTest, NothingAddedIsOk) { EXPECT_TRUE(FieldErrors().ToStatus().ok()); }

TEST(FieldErrorsTest, EveryErrorGetsALineWithFieldFoundAndAllowed) {
  FieldErrors errors;
  errors.Add("budgets.relus[0]", "0", "1 to 99");
  errors.Add("seed", "\"x\"", "an integer");
  const absl::Status status = errors.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "budgets.relus[0]: found 0; allowed: 1 to 99\nseed: found \"x\"; allowed: an integer");
}

TEST(FieldErrorsTest, LongInputsAreCut) {
  FieldErrors errors;
  for (int i = 0; i < 250; ++i) errors.Add("f", std::string(100'000, 'x'), "less");
  const std::string text(errors.ToStatus().message());
  EXPECT_LT(text.size(), 30'000u);
  EXPECT_NE(text.find("(and 150 more)"), std::string::npos);
}

}  // namespace
}  // namespace reluscape

#include "base/exit_codes.h"

#include <gtest/gtest.h>

namespace reluscape {
namespace {

// The numbers of docs/cli.md.
TEST(ExitCodesTest, EveryKindHasItsNumber) {
  const auto code = [](absl::StatusCode kind) {
    return static_cast<int>(ExitCodeOf(absl::Status(kind, "")));
  };
  EXPECT_EQ(static_cast<int>(ExitCodeOf(absl::OkStatus())), 0);
  EXPECT_EQ(code(absl::StatusCode::kInvalidArgument), 3);
  EXPECT_EQ(code(absl::StatusCode::kNotFound), 4);
  EXPECT_EQ(code(absl::StatusCode::kUnavailable), 5);
  EXPECT_EQ(code(absl::StatusCode::kDeadlineExceeded), 5);
  EXPECT_EQ(code(absl::StatusCode::kFailedPrecondition), 6);
  EXPECT_EQ(code(absl::StatusCode::kInternal), 1);
  EXPECT_EQ(code(absl::StatusCode::kResourceExhausted), 1);
  EXPECT_EQ(code(absl::StatusCode::kDataLoss), 1);
}

TEST(ExitCodesTest, ProgramsThatRunOnSayWhetherARestartHelps) {
  const auto code = [](absl::StatusCode kind) {
    return static_cast<int>(ServiceExitCodeOf(absl::Status(kind, "")));
  };
  EXPECT_EQ(static_cast<int>(ServiceExitCodeOf(absl::OkStatus())), 0);
  EXPECT_EQ(code(absl::StatusCode::kInvalidArgument), 2);
  for (const absl::StatusCode unfit :
       {absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnimplemented,
        absl::StatusCode::kPermissionDenied, absl::StatusCode::kUnauthenticated,
        absl::StatusCode::kNotFound, absl::StatusCode::kAlreadyExists}) {
    EXPECT_EQ(code(unfit), 8) << absl::StatusCodeToString(unfit);
  }
  EXPECT_EQ(code(absl::StatusCode::kAborted), 9);
  for (const absl::StatusCode other :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kInternal,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kDataLoss,
        absl::StatusCode::kUnknown, absl::StatusCode::kCancelled}) {
    EXPECT_EQ(code(other), 1) << absl::StatusCodeToString(other);
  }
}

}  // namespace
}  // namespace reluscape

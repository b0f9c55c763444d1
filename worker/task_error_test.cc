#include "worker/task_error.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace reluscape {
namespace {

TEST(TaskErrorTest, CarriesItsFaultThroughStatuses) {
  const ArtifactRef artifact{std::string(64, 'a'), 7};
  const absl::Status error = WithPrefix(
      "snapshot: ", TaskError({.kind = FailureKind::kArtifact, .artifact = artifact}, "no mask"));
  const TaskOutcome outcome = FailureOf(error);
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(*outcome.failure, (Failure{FailureKind::kArtifact, "snapshot: no mask", -1, artifact}));
  EXPECT_EQ(outcome.unstored_bytes, 0);
  EXPECT_EQ(FailureOf(TaskError({.kind = FailureKind::kStorage, .unstored_bytes = 1 << 20}, "full"))
                .unstored_bytes,
            1 << 20);
}

TEST(TaskErrorTest, WhereTheErrorAroseIsWhereItsKindIsKnown) {
  const absl::Status inner = TaskError({.kind = FailureKind::kStorage}, "unreadable");
  EXPECT_EQ(FailureOf(WithFault(inner, {.kind = FailureKind::kRefused})).failure->kind,
            FailureKind::kStorage);
}

TEST(TaskErrorTest, AnErrorThatNobodyExplainedMayPass) {
  EXPECT_EQ(FailureOf(absl::InvalidArgumentError("odd")).failure->kind, FailureKind::kTransient);
}

TEST(TaskErrorTest, NeitherSuccessNorStopIsAFault) {
  EXPECT_TRUE(WithFault(absl::OkStatus(), {.kind = FailureKind::kData}).ok());
  EXPECT_EQ(WithFault(absl::CancelledError("stopped"), {.kind = FailureKind::kData}),
            absl::CancelledError("stopped"));
}

}  // namespace
}  // namespace reluscape

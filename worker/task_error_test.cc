#include "worker/task_error.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace reluscape {
namespace {

TEST(TaskErrorTest, CarriesItsFaultThroughStatuses) {
  const v1::Artifact artifact = MakeArtifact(std::string(64, 'a'), 7);
  const absl::Status error = WithPrefix(
      "snapshot: ", TaskError({.kind = v1::Failure::ARTIFACT, .artifact = artifact}, "no mask"));
  const TaskOutcome outcome = FailureOf(error);
  ASSERT_TRUE(outcome.failure.has_value());
  v1::Failure expected = MakeFailure(v1::Failure::ARTIFACT, "snapshot: no mask");
  *expected.mutable_artifact() = artifact;
  EXPECT_EQ(*outcome.failure, expected);
  EXPECT_EQ(outcome.unstored_bytes, 0);
  EXPECT_EQ(FailureOf(TaskError({.kind = v1::Failure::STORAGE, .unstored_bytes = 1 << 20}, "full"))
                .unstored_bytes,
            1 << 20);
}

TEST(TaskErrorTest, WhereTheErrorAroseIsWhereItsKindIsKnown) {
  const absl::Status inner = TaskError({.kind = v1::Failure::STORAGE}, "unreadable");
  EXPECT_EQ(FailureOf(WithFault(inner, {.kind = v1::Failure::REFUSED})).failure->kind(),
            v1::Failure::STORAGE);
}

TEST(TaskErrorTest, AnErrorThatNobodyExplainedMayPass) {
  EXPECT_EQ(FailureOf(absl::InvalidArgumentError("odd")).failure->kind(), v1::Failure::TRANSIENT);
}

TEST(TaskErrorTest, NeitherSuccessNorStopIsAFault) {
  EXPECT_TRUE(WithFault(absl::OkStatus(), {.kind = v1::Failure::DATA}).ok());
  EXPECT_EQ(WithFault(absl::CancelledError("stopped"), {.kind = v1::Failure::DATA}),
            absl::CancelledError("stopped"));
}

}  // namespace
}  // namespace reluscape

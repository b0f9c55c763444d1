#include "base/rpc/status.h"

#include <gtest/gtest.h>

#include <string>

namespace reluscape {
namespace {

TEST(StatusTest, EveryCodeAndItsMessageSurvive) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what happened");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status) << code;
  }
}

TEST(StatusTest, MessagesThatWouldNotFitAreCut) {
  const grpc::Status status = ToGrpc(absl::InternalError(std::string(1'000'000, 'x')));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_LT(status.error_message().size(), 90'000u);
  EXPECT_TRUE(status.error_message().ends_with("(cut)"));
}

}  // namespace
}  // namespace reluscape

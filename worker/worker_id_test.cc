#include "worker/worker_id.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

// No other process of this machine uses it.
std::string Folder() { return absl::StrCat("test-", ::getpid()); }

TEST(WorkerIdTest, AnIdIsHeldByOneAtATime) {
  auto first = WorkerId::Claim("w", "host", "cpu", Folder());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->text(), "w");
  EXPECT_EQ(WorkerId::Claim("w", "host", "cpu", Folder()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(WorkerId::Claim("w", "host", "cpu", Folder() + "-other").ok());
  { const WorkerId ended = *std::move(first); }
  EXPECT_TRUE(WorkerId::Claim("w", "host", "cpu", Folder()).ok());
}

TEST(WorkerIdTest, WithoutAWishItIsTheFirstFreeOneOfHostAndDevice) {
  auto first = WorkerId::Claim("", "Host", "NVIDIA H200", Folder());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->text(), "host-nvidia-h200");
  EXPECT_EQ(WorkerId::Claim("", "Host", "NVIDIA H200", Folder())->text(), "host-nvidia-h200-2");
  { const WorkerId ended = *std::move(first); }
  EXPECT_EQ(WorkerId::Claim("", "Host", "NVIDIA H200", Folder())->text(), "host-nvidia-h200");
}

TEST(WorkerIdTest, RefusesOddIds) {
  for (const std::string& id : {std::string("a b"), std::string(201, 'x'), std::string("a\n")}) {
    EXPECT_EQ(WorkerId::Claim(id, "host", "cpu", Folder()).status().code(),
              absl::StatusCode::kInvalidArgument)
        << id;
  }
}

}  // namespace
}  // namespace reluscape

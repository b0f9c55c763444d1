#include "client/calibrate_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "client/calibrate/half_gates.h"
#include "client/cli.h"
#include "search/cost/hardware.h"

namespace reluscape {
namespace {

class CalibrateTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status status = CheckAesInstructions(); !status.ok()) GTEST_SKIP() << status;
  }
};

TEST_F(CalibrateTest, PrintsAProfileThatEstimateReads) {
  std::ostringstream out;
  const absl::Status status = Calibrate({.name = "mine", .budget_s = 0.05}, out);
  ASSERT_TRUE(status.ok()) << status;
  const auto profile = HardwareFromJson(out.str(), "printed");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->name, "mine");
  EXPECT_EQ(profile->gc, "lean");
  EXPECT_EQ(profile->status, "calibrated");
  EXPECT_TRUE(profile->ntt_4096_s && profile->ntt_8192_s && profile->garble_s);
  EXPECT_GT(*profile->ntt_8192_s, *profile->ntt_4096_s);
  EXPECT_GE(profile->gc_threads, 1);
  EXPECT_THAT(profile->source, testing::HasSubstr("not DELPHI's software"));
}

TEST_F(CalibrateTest, WritesTheFileThatIsNamed) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "calibrate_test_profile.json";
  std::ostringstream out;
  ASSERT_TRUE(Calibrate({.out = path.string(), .budget_s = 0.002, .gc_threads = 3}, out).ok());
  EXPECT_THAT(out.str(), testing::HasSubstr("transform of size 8192"));
  const auto text = ReadFile(path, 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(HardwareFromJson(*text, "written")->gc_threads, 3);
  std::filesystem::remove(path);
}

TEST_F(CalibrateTest, AnEmptyNameIsRefused) {
  std::ostringstream out;
  EXPECT_EQ(Calibrate({.name = "", .budget_s = 0.002}, out).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EstimateCommandTest, LeavesWithTheDocumentedStatus) {
  const auto run = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "reluscape");
    std::vector<std::string> texts(arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& text : texts) argv.push_back(text.data());
    std::ostringstream out;
    std::ostringstream err;
    return RunClient(static_cast<int>(argv.size()), argv.data(), out, err);
  };
  EXPECT_EQ(run({"estimate", "resnet20", "--protocol", "cheetah", "--format", "latex"}), 0);
  EXPECT_EQ(run({"estimate", "--list"}), 0);
  EXPECT_EQ(run({"estimate"}), 2) << "no network";
  EXPECT_EQ(run({"estimate", "resnet20", "--he-threads", "0"}), 2);
  EXPECT_EQ(run({"estimate", "resnet20", "--format", "pdf"}), 2);
  EXPECT_EQ(run({"estimate", "resnet20", "--json", "--format", "csv"}), 2);
  EXPECT_EQ(run({"estimate", "resnet20", "--protocol", "gazelle"}), 3);
  EXPECT_EQ(run({"estimate", "resnet20", "--relus", "-1"}), 3);
  EXPECT_EQ(run({"estimate", "resnet20", "--client", "nowhere.json"}), 4);
}

}  // namespace
}  // namespace reluscape

#include "client/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"
#include "client/example_job.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kJob[] = R"({
  "data": {"set": "cifar10"},
  "candidates": {"space": {"base_channels": [4, 8], "multipliers": [2, 3]}},
  "budgets": {"fractions": [0.1, 0.01]},
  "objectives": ["relus", "cheetah.online_s@lan"],
  "limits": {"max_trainings": 10, "max_macs": 12000000}})";

absl::StatusOr<std::string> Shown(const std::string& job, SpaceFormat format) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) /
      (std::string("space_test_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  EXPECT_TRUE(WriteFileAtomically(file, job).ok());
  std::ostringstream out;
  const absl::Status status = ShowSpace({.file = file.string(), .format = format}, out);
  std::filesystem::remove(file);
  if (!status.ok()) return status;
  return out.str();
}

TEST(SpaceCommandTest, SaysWhatTheSpaceHolds) {
  const auto text = Shown(kJob, SpaceFormat::kText);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, AllOf(HasSubstr("16 combinations: "), HasSubstr("above limits.max_macs"),
                           HasSubstr("strategy ehvi"), HasSubstr("cheetah.online_s@wan"),
                           HasSubstr("MACs\n"), HasSubstr("both axes logarithmic")));
}

TEST(SpaceCommandTest, JsonHoldsTheNumbers) {
  const auto text = Shown(kJob, SpaceFormat::kJson);
  ASSERT_TRUE(text.ok()) << text.status();
  const auto document = nlohmann::json::parse(*text);
  EXPECT_EQ(document["combinations"], 16);
  EXPECT_EQ(
      document["networks"].get<int>() + document["left_out"]["above limits.max_macs"].get<int>(),
      16);
  EXPECT_LT(document["prices"]["cheetah.online_s@lan"]["smallest_budgets"]["most"].get<double>(),
            document["prices"]["cheetah.online_s@lan"]["largest_budgets"]["most"].get<double>());
  EXPECT_LE(document["macs"]["most"].get<double>(), 12000000);
}

TEST(SpaceCommandTest, CsvHasALinePerNetworkAndBudget) {
  const auto text = Shown(kJob, SpaceFormat::kCsv);
  const auto json = Shown(kJob, SpaceFormat::kJson);
  ASSERT_TRUE(text.ok() && json.ok());
  const int64_t networks = nlohmann::json::parse(*json)["networks"];
  EXPECT_EQ(std::count(text->begin(), text->end(), '\n'), 1 + 2 * networks);
  EXPECT_THAT(*text, HasSubstr("name,network,relus,macs,parameters,budget,replacement,"
                               "cheetah.online_s@lan"));
}

TEST(SpaceCommandTest, TheExampleSearchHasASpace) {
  const auto text = Shown(ExampleSearchText(), SpaceFormat::kText);
  EXPECT_TRUE(text.ok()) << text.status();
}

TEST(SpaceCommandTest, AJobWithoutSpaceIsAnError) {
  const auto text = Shown(ExampleJobText(), SpaceFormat::kText);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("candidates.space: found nothing"));
}

}  // namespace
}  // namespace reluscape

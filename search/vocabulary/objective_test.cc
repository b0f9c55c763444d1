#include "search/vocabulary/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/cost/metric_test_util.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ObjectiveTest : public ::testing::Test {
 protected:
  std::string Error(const FieldErrors& errors) { return std::string(errors.ToStatus().message()); }
  std::string ObjectiveError(const std::string& text) {
    FieldErrors errors;
    EXPECT_EQ(ParseObjective(text, catalog_, "objectives[1]", errors), std::nullopt) << text;
    return Error(errors);
  }
  std::string LimitError(const std::string& text) {
    FieldErrors errors;
    EXPECT_EQ(ParseCostLimit(text, catalog_, "limits.costs[0]", errors), std::nullopt) << text;
    return Error(errors);
  }

  const FakeProtocol toy_{{}};
  const MetricCatalog catalog_{{&toy_}};
};

TEST_F(ObjectiveTest, CountsAndMetricsAreObjectives) {
  FieldErrors errors;
  for (const char* text : {"relus", "macs", "parameters", "toy.online_s@wan"}) {
    EXPECT_EQ(ParseObjective(text, catalog_, "f", errors), text);
  }
  EXPECT_EQ(ParseObjective("toy.online_s", catalog_, "f", errors), "toy.online_s@lan");
  EXPECT_TRUE(errors.empty());
}

TEST_F(ObjectiveTest, ErrorsNameTheFieldWhatWasFoundAndWhatIsAllowed) {
  EXPECT_THAT(ObjectiveError("speed"),
              AllOf(HasSubstr("objectives[1]: found \"speed\"; allowed: relus, macs, parameters, "
                              "<protocol>.<output>@<setting>"),
                    HasSubstr("toy")));
  EXPECT_THAT(ObjectiveError("toy.online_s@moon"),
              AllOf(HasSubstr("objectives[1]: found \"toy.online_s@moon\" with the unknown link"),
                    HasSubstr("allowed: a link of loopback")));
}

TEST_F(ObjectiveTest, LimitIsReadAndWrittenBack) {
  FieldErrors errors;
  for (const char* text : {"toy.online_s@wan <= 2", "toy.online_s@lan <= 0.1",
                           "toy.online_s@lan <= 0", "toy.online_up_bytes@lan <= 1e+15"}) {
    const auto limit = ParseCostLimit(text, catalog_, "f", errors);
    ASSERT_TRUE(limit.has_value()) << text << ": " << Error(errors);
    EXPECT_EQ(CostLimitText(*limit), text);
  }
  const auto loose = ParseCostLimit("  toy.online_s<=1.50 ", catalog_, "f", errors);
  ASSERT_TRUE(loose.has_value());
  EXPECT_EQ(*loose, (CostLimit{.metric = "toy.online_s@lan", .at_most = 1.5}));
}

TEST_F(ObjectiveTest, LimitErrors) {
  EXPECT_THAT(
      LimitError("toy.online_s@wan < 2"),
      HasSubstr("limits.costs[0]: found \"toy.online_s@wan < 2\"; allowed: \"<metric> <= "));
  for (const char* value : {"", "nan", "inf", "-1", "2 s", "1e999"}) {
    EXPECT_THAT(LimitError(absl::StrCat("toy.online_s@wan <= ", value)),
                HasSubstr("allowed: a number from 0"))
        << value;
  }
  EXPECT_THAT(LimitError("relus <= 5"), HasSubstr("allowed: <protocol>"));
  EXPECT_THAT(LimitError("toy.speed <= 5"), HasSubstr("unknown output \"speed\""));
  EXPECT_LT(LimitError(std::string(1'000'000, 'x')).size(), 1000u);
}

TEST_F(ObjectiveTest, NamedMetricsAreThoseOfTheCatalogEachOnce) {
  const std::vector<CostMetric> named =
      NamedMetrics({"relus", "toy.online_s@wan", "gone.online_s@wan"},
                   {{"toy.total_s@lan", 1}, {"toy.online_s@wan", 2}}, catalog_);
  std::vector<std::string> texts;
  for (const CostMetric& metric : named) texts.push_back(metric.Text());
  EXPECT_THAT(texts, ElementsAre("toy.online_s@wan", "toy.total_s@lan"));
}

}  // namespace
}  // namespace reluscape

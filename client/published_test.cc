#include "client/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "client/client_test_util.h"

namespace reluscape {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string Printed(const PublishedOptions& options) {
  std::ostringstream out;
  const absl::Status status = PrintPublished(options, out);
  EXPECT_TRUE(status.ok()) << status;
  return out.str();
}

TEST(PublishedTest, ATableWithItsDoubtsAndSources) {
  const std::string text = Printed({.data_set = "cifar100", .method = "autorep"});
  EXPECT_THAT(text, StartsWith("data set  method"));
  EXPECT_THAT(text, HasSubstr("67.73 [1]"));
  EXPECT_THAT(text, HasSubstr("0.150 [2]"));
  EXPECT_THAT(text, HasSubstr("\n[1] doubtful: AutoReP's abstract"));
  EXPECT_THAT(text, HasSubstr("\nSource A: "));
  EXPECT_THAT(text, HasSubstr("\nSource R: "));
  EXPECT_THAT(text, Not(HasSubstr("Source F")));
  EXPECT_THAT(text, HasSubstr("\nAutoReP: Peng et al."));
  EXPECT_THAT(text, HasSubstr("arXiv 2308.10134"));
  EXPECT_THAT(text, Not(HasSubstr("SENet")));
  EXPECT_THAT(text, HasSubstr("not for a comparison"));
  EXPECT_THAT(Printed({.method = "SNL"}),
              HasSubstr("Teacher of SNL on cifar100: 76.04 %, resnet18"));
}

TEST(PublishedTest, FormsForPapers) {
  PublishedOptions options = {.data_set = "tinyimagenet", .method = "SENet", .format = "markdown"};
  EXPECT_THAT(Printed(options), HasSubstr("| tinyimagenet | SENet | 142,000 | 58.90 | 3.08 | "
                                          "not stated | counted | R |\n"));
  EXPECT_THAT(Printed(options), HasSubstr("\n- Source R: "));
  options.format = "latex";
  EXPECT_THAT(Printed(options), HasSubstr("58.90 & 3.08 & not stated"));
  EXPECT_THAT(Printed(options), HasSubstr("\n% Source R: "));
}

TEST(PublishedTest, CsvHasPlainNumbersAndNothingElse) {
  const std::string csv = Printed({.data_set = "cifar100", .method = "SNL", .format = "csv"});
  EXPECT_THAT(csv, StartsWith("data_set,method,relus,accuracy,online_s,backbone,stem_relu,"
                              "teacher_accuracy,source,arxiv,doubts\r\n"));
  EXPECT_THAT(csv, HasSubstr("cifar100,SNL,12900,0.6653,0.291,resnet18 or wrn-22-8,not_counted,"
                             "0.7604,R,2202.02340,\r\n"));
  EXPECT_THAT(csv, HasSubstr("\"relus: one accuracy with two counts: 49.4K in F, 49.9K in R\""));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 14 + 4);
}

TEST(PublishedTest, JsonHasTheDocumentedKeys) {
  const nlohmann::json document =
      nlohmann::json::parse(Printed({.format = "json"}), nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(document.is_array());
  ASSERT_GT(document.size(), 20);
  for (const nlohmann::json& front : document) {
    for (const char* key : {"data_set", "method", "paper", "arxiv", "source", "read_from",
                            "stem_relu", "teacher_accuracy", "teacher_note", "points"}) {
      EXPECT_TRUE(front.contains(key)) << key;
    }
    ASSERT_FALSE(front["points"].empty());
    for (const nlohmann::json& point : front["points"]) {
      for (const char* key : {"relus", "accuracy", "online_s", "backbone", "doubts"}) {
        EXPECT_TRUE(point.contains(key)) << key;
      }
      EXPECT_TRUE(point["doubts"].is_object());
    }
  }
}

TEST(PublishedTest, IsACommandThatNeedsNoCoordinator) {
  const ClientRun run =
      RunWith({"--server", "127.0.0.1:1", "published", "--data", "cifar10", "--method", "snl"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, Printed({.data_set = "cifar10", .method = "SNL"}));
  EXPECT_EQ(RunWith({"published", "--json"}).out, Printed({.format = "json"}));
  EXPECT_EQ(RunWith({"published", "--format", "json"}).out, Printed({.format = "json"}));
  EXPECT_EQ(RunWith({"published", "--json", "--format", "csv"}).status, 2);
  EXPECT_EQ(RunWith({"published", "--method", "magic"}).status, 3);
  EXPECT_EQ(RunWith({"published", "--method", "Sphynx", "--data", "cifar10"}).status, 4);
}

TEST(PublishedTest, SaysWhatIsNotThere) {
  struct Case {
    PublishedOptions options;
    absl::StatusCode code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{.data_set = "mnist"},
       absl::StatusCode::kInvalidArgument,
       "--data: found mnist; allowed: cifar10, cifar100, tinyimagenet"},
      {{.method = "magic"},
       absl::StatusCode::kInvalidArgument,
       "--method: found magic; allowed: A"},
      {{.format = "xml"}, absl::StatusCode::kInvalidArgument, "--format: found xml"},
      {{.data_set = "cifar10", .method = "Sphynx"},
       absl::StatusCode::kNotFound,
       "no published points of Sphynx on cifar10"},
  };
  for (const Case& c : cases) {
    std::ostringstream out;
    const absl::Status status = PrintPublished(c.options, out);
    EXPECT_EQ(status.code(), c.code);
    EXPECT_THAT(std::string(status.message()), StartsWith(c.message));
    EXPECT_EQ(out.str(), "");
  }
}

}  // namespace
}  // namespace reluscape

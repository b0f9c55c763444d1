#include "search/published/published_fronts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace reluscape {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAreArray;

std::vector<PublishedFront> BuiltIn() {
  const absl::StatusOr<std::vector<PublishedFront>> fronts = PublishedFronts();
  EXPECT_TRUE(fronts.ok()) << fronts.status();
  return fronts.value_or(std::vector<PublishedFront>());
}

std::string NameOf(const PublishedFront& front) {
  return absl::StrCat(front.data_set, " ", front.method, " ", front.source);
}

TEST(PublishedFrontsTest, EveryFrontIsWhole) {
  for (const PublishedFront& front : BuiltIn()) {
    SCOPED_TRACE(NameOf(front));
    EXPECT_THAT(front.paper, Not(IsEmpty()));
    EXPECT_THAT(front.read_from, Not(IsEmpty()));
    EXPECT_EQ(front.arxiv.empty(), front.method == "ReLUPruner");
    EXPECT_THAT(front.stem_relu, AnyOf("counted", "not_counted", "unknown"));
    EXPECT_TRUE(std::is_sorted(
        front.points.begin(), front.points.end(),
        [](const PublishedPoint& a, const PublishedPoint& b) { return a.relus < b.relus; }));
    for (const PublishedPoint& point : front.points) {
      // Below 40 % an accuracy would be a slip of the unit.
      EXPECT_GT(point.accuracy, 0.4);
      EXPECT_LE(point.accuracy, 1);
      EXPECT_GT(point.relus, 10'000);
      EXPECT_LT(point.relus, 1'000'000);
      EXPECT_THAT(point.backbone, Not(IsEmpty()));
      // About 21.5 us per ReLU and up to 0.2 s, or marked.
      if (!point.online_s || point.doubts.contains("online_s")) continue;
      const double line = static_cast<double>(point.relus) * 21.5e-6;
      EXPECT_NEAR(*point.online_s, line, 0.1 * line + 0.2) << point.relus;
    }
  }
}

TEST(PublishedFrontsTest, SoManyPointsPerDataSetAndMethod) {
  std::map<std::string, size_t> data_sets;
  std::map<std::string, size_t> methods;
  for (const PublishedFront& front : BuiltIn()) {
    data_sets[front.data_set] += front.points.size();
    methods[front.method] += front.points.size();
  }
  EXPECT_THAT(data_sets,
              ElementsAre(Pair("cifar10", 38), Pair("cifar100", 58), Pair("tinyimagenet", 29)));
  EXPECT_THAT(methods, ElementsAre(Pair("AutoReP", 13), Pair("CryptoNAS", 12),
                                   Pair("DeepReDuce", 15), Pair("ReLUPruner", 12), Pair("SENet", 8),
                                   Pair("SNIP", 10), Pair("SNL", 43), Pair("Sphynx", 12)));
}

// All that is doubtful but seconds, which the check above holds to their line or to a mark.
TEST(PublishedFrontsTest, EveryDoubtfulValueIsMarked) {
  std::vector<std::string> doubts;
  for (const PublishedFront& front : BuiltIn()) {
    for (const PublishedPoint& point : front.points) {
      for (const auto& [column, reason] : point.doubts) {
        EXPECT_THAT(reason, Not(IsEmpty()));
        if (column != "online_s") {
          doubts.push_back(absl::StrCat(NameOf(front), " ", point.relus, " ", column));
        }
      }
    }
  }
  EXPECT_THAT(doubts, UnorderedElementsAreArray({
                          "cifar10 AutoReP A 12900 accuracy",
                          "cifar10 SENet R 82000 accuracy",
                          "cifar10 SNL R 240000 accuracy",
                          "cifar100 AutoReP A 12900 accuracy",
                          "cifar100 AutoReP R 12900 accuracy",
                          "cifar100 SNL F 49400 relus",
                          "cifar100 SNL R 120000 backbone",
                          "cifar100 SNL R 180000 backbone",
                          "cifar100 SNL R 49900 relus",
                          "tinyimagenet AutoReP A 55000 accuracy",
                          "tinyimagenet AutoReP R 55000 accuracy",
                          "tinyimagenet SNL R 298800 relus",
                          "tinyimagenet SNL R 59400 relus",
                      }));
}

TEST(PublishedFrontsTest, SecondsOfPolynomialsAndOtherStacksAreMarked) {
  size_t marked = 0;
  for (const PublishedFront& front : BuiltIn()) {
    const bool other_stack = front.method == "AutoReP" || front.method == "ReLUPruner";
    for (const PublishedPoint& point : front.points) {
      marked += point.doubts.count("online_s");
      if (other_stack && point.online_s) {
        EXPECT_TRUE(point.doubts.contains("online_s")) << NameOf(front) << " " << point.relus;
      }
    }
  }
  EXPECT_EQ(marked, 26);
}

TEST(PublishedFrontsTest, OnePointOfEachKind) {
  const std::vector<PublishedFront> fronts = BuiltIn();
  const auto find = [&](const std::string& name) {
    return *std::find_if(fronts.begin(), fronts.end(),
                         [&](const PublishedFront& front) { return NameOf(front) == name; });
  };
  const PublishedFront snl = find("cifar100 SNL R");
  EXPECT_EQ(snl.arxiv, "2202.02340");
  EXPECT_EQ(snl.stem_relu, "not_counted");
  EXPECT_EQ(snl.teacher_accuracy, 0.7604);
  EXPECT_EQ(snl.points[0].relus, 12'900);
  EXPECT_EQ(snl.points[0].accuracy, 0.6653);
  EXPECT_EQ(snl.points[0].online_s, 0.291);
  EXPECT_EQ(snl.points[0].backbone, "resnet18 or wrn-22-8");
  EXPECT_EQ(snl.points[3].backbone, "resnet18");
  const PublishedFront senet = find("cifar100 SENet R");
  EXPECT_EQ(senet.stem_relu, "counted");
  EXPECT_EQ(senet.teacher_accuracy, std::nullopt);
  EXPECT_EQ(senet.points.back().backbone, "wrn-22-8");
}

constexpr char kSmall[] = R"({
  "papers": [{"method": "M", "title": "A title", "arxiv": "1234.56789"}],
  "sources": [{"name": "S", "text": "a table"}],
  "doubts": [{"name": "odd", "text": "too good"}],
  "fronts": [{"data_set": "cifar10", "method": "M", "source": "S", "backbone": "b",
    "stem_relu": "counted", "teacher_accuracy": null, "teacher_note": null,
    "points": [{"relus": 10, "accuracy": 0.5, "online_s": null, "doubts": {"accuracy": "odd"}},
               {"relus": 20, "accuracy": 0.6, "online_s": 1.5, "backbone": "c"}]}]})";

TEST(PublishedFrontsFromJsonTest, ReadsAFile) {
  const auto fronts = PublishedFrontsFromJson(kSmall, "file");
  ASSERT_TRUE(fronts.ok()) << fronts.status();
  ASSERT_EQ(fronts->size(), 1);
  const PublishedFront& front = fronts->front();
  EXPECT_EQ(front.paper, "A title");
  EXPECT_EQ(front.arxiv, "1234.56789");
  EXPECT_EQ(front.read_from, "a table");
  ASSERT_EQ(front.points.size(), 2);
  EXPECT_THAT(front.points[0].doubts, ElementsAre(Pair("accuracy", "too good")));
  EXPECT_EQ(front.points[0].backbone, "b");
  EXPECT_EQ(front.points[1].backbone, "c");
  EXPECT_EQ(front.points[1].online_s, 1.5);
}

TEST(PublishedFrontsFromJsonTest, SaysWhatIsWrong) {
  struct Case {
    std::string instead_of;
    std::string with;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"cifar10", "mnist", "data_set"},
      {"0.5", "50", "accuracy"},
      {"\"relus\": 10", "\"relus\": 0", "relus"},
      {"\"relus\": 20", "\"relus\": 10", "not sorted at 10"},
      {"1.5", "-1", "online_s"},
      {"\"backbone\": \"c\"", "\"backbone\": 3", "backbone is no text"},
      {"\"backbone\": \"c\"", "\"colour\": 3", "colour"},
      {"\"accuracy\": \"odd\"", "\"colour\": \"odd\"", "colour is no value"},
      {"\"accuracy\": \"odd\"", "\"accuracy\": \"even\"", "not in the list"},
      {"\"accuracy\": \"odd\"", "\"online_s\": \"odd\"", "no online_s"},
      {"{\"accuracy\": \"odd\"}", "[]", "doubts is no object"},
      {"\"method\": \"M\", \"source\"", "\"method\": \"N\", \"source\"", "no paper"},
      {"\"source\": \"S\"", "\"source\": \"T\"", "source is not in the list"},
      {"\"counted\"", "\"maybe\"", "stem_relu"},
      {"\"teacher_accuracy\": null", "\"teacher_accuracy\": 0.9", "need each other"},
      {"\"teacher_note\": null", "\"teacher_note\": \"x\"", "need each other"},
      {"\"papers\"", "\"leaflets\"", "papers: is not a list"},
      {"\"fronts\"", "\"backs\"", "fronts is not a list"},
      {"[{\"name\": \"S\"", "[{\"name\": \"S\", \"text\": \"x\"}, {\"name\": \"S\"", "S twice"},
      {"\"papers\"", "\"colour\": 1, \"papers\"", "colour"},
  };
  for (const Case& c : cases) {
    const auto fronts =
        PublishedFrontsFromJson(absl::StrReplaceAll(kSmall, {{c.instead_of, c.with}}), "file");
    EXPECT_EQ(fronts.status().code(), absl::StatusCode::kInvalidArgument) << c.with;
    EXPECT_THAT(std::string(fronts.status().message()),
                AllOf(HasSubstr("file"), HasSubstr(c.message)));
  }
  for (const char* text : {"", "[]", "{", "3", "{}"}) {
    EXPECT_FALSE(PublishedFrontsFromJson(text, "file").ok()) << text;
  }
}

}  // namespace
}  // namespace reluscape

#include "web/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reluscape {
namespace {

using ::testing::HasSubstr;

TEST(ParseRouteTest, KnowsEveryRoute) {
  const auto kind = [](const std::string& path) { return ParseRoute(path)->kind; };
  EXPECT_EQ(kind("/api/jobs"), RouteKind::kJobs);
  EXPECT_EQ(kind("/api/jobs/7"), RouteKind::kJob);
  EXPECT_EQ(kind("/api/jobs/7/results"), RouteKind::kResults);
  EXPECT_EQ(kind("/api/candidates/7"), RouteKind::kCandidate);
  EXPECT_EQ(kind("/api/workers"), RouteKind::kWorkers);
  EXPECT_EQ(kind("/api/events"), RouteKind::kEvents);
  EXPECT_EQ(kind("/healthz"), RouteKind::kHealth);
  EXPECT_EQ(ParseRoute("/api/jobs/9223372036854775807/results")->id, 9223372036854775807);
}

TEST(ParseRouteTest, OtherPathsAreNotFound) {
  for (const std::string path :
       {"", "/", "/api", "/api/", "/api/jobs/", "/api/jobs/1/", "/api/jobs/1/back", "/jobs",
        "/api/jobs/1/results/1", "/api/workers/1", "/api/candidates", "//api/jobs", "/api//jobs",
        "/API/jobs", "api/jobs", "/api/../api/jobs", "/healthz/"}) {
    const auto route = ParseRoute(path);
    // "/api/jobs/" has an empty id.
    const int expected = path == "/api/jobs/" ? 400 : 404;
    EXPECT_EQ(HttpStatus(route.status()), expected) << path;
  }
}

TEST(ParseRouteTest, RefusesEveryIdThatIsNotAPlainNumber) {
  for (const std::string id :
       {"0", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "x", "0x1", "9223372036854775808",
        "99999999999999999999999999", "1\n", "\xd9\xa1"}) {
    const auto route = ParseRoute("/api/jobs/" + id);
    EXPECT_EQ(route.status().code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_THAT(route.status().message(), HasSubstr("job: found")) << id;
  }
}

TEST(ParseRouteTest, RepeatsOnlyTheStartOfALongText) {
  const auto route = ParseRoute("/api/candidates/" + std::string(5000, 'x'));
  EXPECT_THAT(route.status().message(), HasSubstr("candidate: found \"xxxx"));
  EXPECT_LT(route.status().message().size(), 300U);
}

TEST(HttpStatusTest, MapsEveryKindOfError) {
  EXPECT_EQ(HttpStatus(absl::InvalidArgumentError("")), 400);
  EXPECT_EQ(HttpStatus(absl::NotFoundError("")), 404);
  EXPECT_EQ(HttpStatus(absl::UnavailableError("")), 503);
  EXPECT_EQ(HttpStatus(absl::ResourceExhaustedError("")), 503);
  EXPECT_EQ(HttpStatus(absl::InternalError("")), 500);
  EXPECT_EQ(HttpStatus(absl::DataLossError("")), 500);
}

TEST(ErrorJsonTest, EscapesWhatJsonDoesNotAllow) {
  EXPECT_EQ(ErrorJson("a \"b\" \\c"), R"({"error": "a \"b\" \\c"})");
  EXPECT_EQ(ErrorJson("1\n2\t\x7f"), R"({"error": "1\u000a2\u0009\u007f"})");
  EXPECT_EQ(ErrorJson("Größe \xe2\x82\xac \xf0\x9f\x98\x80"),
            "{\"error\": \"Größe \xe2\x82\xac \xf0\x9f\x98\x80\"}");
  // A cut sequence, a lone continuation, an overlong slash, a surrogate, above U+10FFFF.
  EXPECT_EQ(ErrorJson("\xe2\x82"), R"({"error": "??"})");
  EXPECT_EQ(ErrorJson("\x80x"), R"({"error": "?x"})");
  EXPECT_EQ(ErrorJson("\xc0\xaf"), R"({"error": "??"})");
  EXPECT_EQ(ErrorJson("\xed\xa0\x80"), R"({"error": "???"})");
  EXPECT_EQ(ErrorJson("\xf4\x90\x80\x80"), R"({"error": "????"})");
}

TEST(IsLoopbackHostTest, AcceptsOnlyNamesOfTheLoopback) {
  for (const std::string host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080",
                                 "127.1.2.3", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const std::string host :
       {"", "example.org", "localhost.example.org", "127.0.0.1.example.org",
        "127.0.0.1:", "127.0.0", "127.0.0.256", "1270.0.1", "128.0.0.1", "10.0.0.1", "[::2]",
        "[::1", "[::1]x", "[::1]:x", "::1", "localhost:x", "localhost:80:80", "0.0.0.0"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

}  // namespace
}  // namespace reluscape

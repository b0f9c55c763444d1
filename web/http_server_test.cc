// The gateway over a real socket, on a database that the real Store has filled.
#include "web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "search/vocabulary/json_test_util.h"
#include "storage/store.h"

namespace reluscape {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("http_server_test_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    auto store = Store::Open(Database());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(
        store_->Transact([this](Transaction& transaction) { return Fill(transaction); }).ok());
  }

  void TearDown() override {
    server_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path Database() const { return folder_ / "reluscape.db"; }

  // One Job with one Candidate, and three events.
  absl::Status Fill(Transaction& transaction) {
    JobRow job;
    job.spec = FromJson<v1::JobSpec>(R"({"name": "<b>job \"one\"</b>",
        "data": {"set": "synthetic", "classes": 10, "side": 32}})");
    job.recipe = std::string(64, 'a');
    job.created_at = clock_.Now();
    const auto job_id = transaction.InsertJob(job);
    if (!job_id.ok()) return job_id.status();
    job_ = *job_id;
    CandidateRow candidate;
    candidate.job = job_;
    candidate.name = "resnet18@8";
    candidate.network = "network";
    candidate.network_hash = std::string(64, 'b');
    candidate.relus = 1000;
    candidate.relus_with_stem = 1100;
    candidate.budgets = {500};
    const auto candidate_id = transaction.InsertCandidate(candidate);
    if (!candidate_id.ok()) return candidate_id.status();
    candidate_ = *candidate_id;
    for (int i = 0; i < 3; ++i) {
      if (const auto status = transaction.AppendEvent(Event("old", job_)); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  EventRow Event(const std::string& kind, JobId job) const {
    EventRow event;
    event.at = clock_.Now();
    event.kind = kind;
    event.job = job;
    return event;
  }

  void AppendEvents(const std::vector<EventRow>& events) {
    const absl::Status status = store_->Transact([&](Transaction& transaction) {
      for (const EventRow& event : events) {
        if (absl::Status appended = transaction.AppendEvent(event); !appended.ok()) return appended;
      }
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
  }

  void Start(int max_listeners = 8) {
    HttpServerOptions options;
    options.port = 0;
    options.max_listeners = max_listeners;
    auto server = HttpServer::Start(options, Database());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<httplib::Client> Client() const {
    auto client = std::make_unique<httplib::Client>("127.0.0.1", server_->port());
    client->set_read_timeout(10);
    return client;
  }

  httplib::Result Get(const std::string& path, const httplib::Headers& headers = {}) const {
    return Client()->Get(path, headers);
  }

  SystemClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<HttpServer> server_;
  JobId job_;
  CandidateId candidate_;
};

// Reads /api/events in a thread of its own until told to stop, or the server ends it.
class Stream {
 public:
  Stream(int port, const std::string& path, const httplib::Headers& headers = {})
      : client_("127.0.0.1", port), thread_([this, path, headers] {
          client_.set_read_timeout(30);
          const auto result = client_.Get(
              path, headers,
              [this](const httplib::Response& response) {
                status_ = response.status;
                return true;
              },
              [this](const char* data, size_t size) {
                const MutexLock lock(mutex_);
                text_.append(data, size);
                changed_.NotifyAll();
                return !stop_;
              });
          ended_ = true;
        }) {}

  ~Stream() {
    stop_ = true;
    client_.stop();
  }

  bool WaitFor(const std::string& text, milliseconds timeout = seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const MutexLock lock(mutex_);
    while (text_.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed_.WaitFor(mutex_, milliseconds(50));
    }
    return true;
  }

  // The server sends this line when the stream is open.
  bool WaitUntilOpen() { return WaitFor("retry: "); }

  std::string Text() {
    const MutexLock lock(mutex_);
    return text_;
  }

  int status() const { return status_; }
  bool ended() const { return ended_; }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string text_ GUARDED_BY(mutex_);
  std::atomic<bool> stop_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int> status_ = 0;
  httplib::Client client_;
  std::jthread thread_;
};

TEST_F(HttpServerTest, AnswersEveryListing) {
  Start();
  const std::string job = std::to_string(job_.value);
  const std::string candidate = std::to_string(candidate_.value);
  for (const auto& [path, part] : std::vector<std::pair<std::string, std::string>>{
           {"/api/jobs", R"("name": "<b>job \"one\"</b>")"},
           {"/api/jobs/" + job, R"("network": "network")"},
           {"/api/jobs/" + job + "/results", R"("results": [])"},
           {"/api/candidates/" + candidate, R"("name": "resnet18@8")"},
           {"/api/workers", R"("workers": [])"},
           {"/healthz", R"("status": "ok")"}}) {
    const auto response = Get(path);
    ASSERT_TRUE(response) << path;
    EXPECT_EQ(response->status, 200) << path << response->body;
    EXPECT_THAT(response->body, HasSubstr(part)) << path;
    EXPECT_THAT(response->get_header_value("Content-Type"), StartsWith("application/json"));
    EXPECT_EQ(response->get_header_value("Cache-Control"), "no-store");
  }
}

TEST_F(HttpServerTest, SendsSecurityHeadersWithEveryAnswer) {
  Start();
  for (const std::string path : {"/", "/api/jobs", "/nothing", "/api/jobs/x"}) {
    const auto response = Get(path);
    ASSERT_TRUE(response) << path;
    EXPECT_EQ(response->get_header_value("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_THAT(response->get_header_value("Content-Security-Policy"),
                StartsWith("default-src 'none'; script-src 'self'"))
        << path;
  }
}

TEST_F(HttpServerTest, BadIdsAndUnknownOnesAreErrorsInJson) {
  Start();
  for (const auto& [path, status] :
       std::vector<std::pair<std::string, int>>{{"/api/jobs/x", 400},
                                                {"/api/jobs/0", 400},
                                                {"/api/jobs/-1", 400},
                                                {"/api/jobs/1%0a", 400},
                                                {"/api/jobs/99999999999999999999", 400},
                                                {"/api/candidates/1e3/", 404},
                                                {"/api/candidates/1e3", 400},
                                                {"/api/jobs/4711", 404},
                                                {"/api/jobs/4711/results", 404},
                                                {"/api/candidates/9223372036854775807", 404},
                                                {"/api/events?job=x", 400},
                                                {"/api/events?job=1&job=2", 400},
                                                {"/nothing", 404},
                                                {"/../../etc/passwd", 404},
                                                {"/app.js/", 404}}) {
    const auto response = Get(path);
    ASSERT_TRUE(response) << path;
    EXPECT_EQ(response->status, status) << path << response->body;
    EXPECT_THAT(response->body, StartsWith("{\"error\": \"")) << path;
  }
  EXPECT_EQ(Get("/api/events", {{"Last-Event-ID", "x"}})->status, 400);
  EXPECT_THAT(Get("/api/jobs/4711")->body, HasSubstr("4711"));
}

TEST_F(HttpServerTest, OnlyReads) {
  Start();
  EXPECT_EQ(Client()->Post("/api/jobs", "{}", "application/json")->status, 405);
  EXPECT_EQ(Client()->Delete("/api/jobs/1")->status, 405);
  EXPECT_EQ(Client()->Post("/api/jobs", std::string(100'000, 'x'), "text/plain")->status / 100, 4);
  const auto head = Client()->Head("/api/jobs");
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
}

TEST_F(HttpServerTest, RefusesRangesAndLivesOn) {
  Start();
  for (const std::string range : {"bytes=0-1", "bytes=999999-", "bytes=-5", "bytes=5-1",
                                  "bytes=0-0,1-1,2-2,0-,0-,0-", "bytes=-", "lines=1"}) {
    const auto response = Get("/app.js", {{"Range", range}});
    ASSERT_TRUE(response) << range;
    EXPECT_TRUE(response->status == 416 || response->status == 200) << range << response->status;
  }
  EXPECT_EQ(Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, AnswersOnlyForTheLoopbacksOwnNames) {
  Start();
  const std::string port = ":" + std::to_string(server_->port());
  EXPECT_EQ(Get("/api/jobs", {{"Host", "localhost" + port}})->status, 200);
  EXPECT_EQ(Get("/api/jobs", {{"Host", "evil.example" + port}})->status, 403);
  EXPECT_EQ(Get("/", {{"Host", "127.0.0.1.evil.example"}})->status, 403);
}

TEST_F(HttpServerTest, ServesTheDashboardOutOfItsBinary) {
  Start();
  const auto page = Get("/");
  EXPECT_THAT(page->get_header_value("Content-Type"), StartsWith("text/html"));
  EXPECT_THAT(page->body, HasSubstr("<title>Reluscape</title>"));
  const auto script = Get("/app.js");
  EXPECT_THAT(script->get_header_value("Content-Type"), StartsWith("text/javascript"));
  EXPECT_GT(script->body.size(), 50'000U);
  EXPECT_THAT(Get("/app.css")->get_header_value("Content-Type"), StartsWith("text/css"));
  EXPECT_THAT(Get("/icon.svg")->get_header_value("Content-Type"), StartsWith("image/svg+xml"));

  EXPECT_THAT(Get("/licenses.txt")->body, HasSubstr("uplot"));

  const std::string etag = script->get_header_value("ETag");
  const auto again = Get("/app.js", {{"If-None-Match", etag}});
  EXPECT_EQ(again->status, 304);
  EXPECT_EQ(again->body, "");
}

TEST_F(HttpServerTest, StreamDeliversAnEventSoonAfterItsCommit) {
  Start();
  Stream stream(server_->port(), "/api/events");
  ASSERT_TRUE(stream.WaitUntilOpen());
  AppendEvents({Event("result", job_)});
  const auto committed = std::chrono::steady_clock::now();
  ASSERT_TRUE(stream.WaitFor("event: result\ndata: {"));
  EXPECT_LT(std::chrono::steady_clock::now() - committed, seconds(1));
  EXPECT_THAT(stream.Text(), Not(HasSubstr("event: old")));  // a new listener gets no history
  EXPECT_THAT(stream.Text(), HasSubstr("id: 4\nevent: result\n"));
}

TEST_F(HttpServerTest, StreamGoesOnBehindLastEventId) {
  Start();
  Stream stream(server_->port(), "/api/events", {{"Last-Event-ID", "1"}});
  ASSERT_TRUE(stream.WaitFor("id: 3\n"));
  EXPECT_THAT(stream.Text(), Not(HasSubstr("id: 1\n")));
  EXPECT_THAT(stream.Text(), HasSubstr("id: 2\n"));
  AppendEvents({Event("new", job_)});
  ASSERT_TRUE(stream.WaitFor("id: 4\nevent: new\n"));
}

TEST_F(HttpServerTest, LastEventIdOfAnotherDatabaseCountsAsTheNewest) {
  Start();
  Stream stream(server_->port(), "/api/events", {{"Last-Event-ID", "1000000"}});
  ASSERT_TRUE(stream.WaitUntilOpen());
  AppendEvents({Event("new", job_)});
  EXPECT_TRUE(stream.WaitFor("id: 4\nevent: new\n"));
}

TEST_F(HttpServerTest, StreamOfAJobHasItsEventsOnly) {
  Start();
  Stream stream(server_->port(), "/api/events?job=" + std::to_string(job_.value));
  ASSERT_TRUE(stream.WaitUntilOpen());
  AppendEvents({Event("other", JobId{}), Event("mine", job_)});
  ASSERT_TRUE(stream.WaitFor("event: mine\n"));
  EXPECT_THAT(stream.Text(), Not(HasSubstr("event: other")));
}

// A client that asks for a stream and reads nothing while far more is sent than socket buffers
// hold.
TEST_F(HttpServerTest, AListenerThatReadsNothingBlocksNobody) {
  Start();
  const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(silent, 0);
  const int small = 4096;
  ::setsockopt(silent, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server_->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::send(silent, request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));

  Stream reading(server_->port(), "/api/events");
  ASSERT_TRUE(reading.WaitUntilOpen());
  constexpr int kEvents = 1500;
  EventRow large = Event("large", job_);
  large.detail = std::string(10'000, 'x');
  AppendEvents(std::vector<EventRow>(kEvents, large));
  AppendEvents({Event("last", job_)});
  EXPECT_TRUE(reading.WaitFor("event: last\n", seconds(20)));
  EXPECT_EQ(Get("/api/jobs")->status, 200);
  ::close(silent);
}

// More events than the hub's window holds, so that the listener must read the database.
TEST_F(HttpServerTest, AListenerFarBehindGetsEveryEventOnceAndInOrder) {
  constexpr int kEvents = 6000;
  AppendEvents(std::vector<EventRow>(kEvents, Event("many", job_)));
  Start();
  AppendEvents(std::vector<EventRow>(kEvents, Event("many", job_)));
  Stream stream(server_->port(), "/api/events", {{"Last-Event-ID", "0"}});
  ASSERT_TRUE(stream.WaitFor("id: " + std::to_string(3 + 2 * kEvents) + "\n", seconds(60)));
  const std::string text = stream.Text();
  int64_t expected = 1;
  for (size_t at = text.find("\nid: "); at != std::string::npos; at = text.find("\nid: ", at + 1)) {
    ASSERT_EQ(std::stoll(text.substr(at + 5, 12)), expected++);
  }
  EXPECT_EQ(expected, 4 + 2 * kEvents);
}

TEST_F(HttpServerTest, OneListenerTooManyIsTurnedAwayUntilAPlaceIsFree) {
  Start(/*max_listeners=*/2);
  auto first = std::make_unique<Stream>(server_->port(), "/api/events");
  Stream second(server_->port(), "/api/events");
  ASSERT_TRUE(first->WaitUntilOpen());
  ASSERT_TRUE(second.WaitUntilOpen());
  const auto refused = Get("/api/events");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_THAT(refused->body, HasSubstr("all 2 event streams are in use"));
  // Listeners take no thread from other requests.
  EXPECT_EQ(Get("/api/jobs")->status, 200);

  first.reset();
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  bool open = false;
  while (!open && std::chrono::steady_clock::now() < deadline) {
    Stream third(server_->port(), "/api/events");
    open = third.WaitFor("retry: ", milliseconds(300));
  }
  EXPECT_TRUE(open);
}

TEST_F(HttpServerTest, StopsQuicklyWithStreamsOpen) {
  Start();
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 8; ++i) {
    streams.push_back(std::make_unique<Stream>(server_->port(), "/api/events"));
    ASSERT_TRUE(streams.back()->WaitUntilOpen());
  }
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
  // Each stream was ended, not left hanging.
  const auto deadline = std::chrono::steady_clock::now() + seconds(5);
  for (const auto& stream : streams) {
    while (!stream->ended() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_TRUE(stream->ended());
  }
}

TEST_F(HttpServerTest, StartsOnlyWhereItCan) {
  Start();
  HttpServerOptions options;
  options.port = server_->port();
  EXPECT_EQ(HttpServer::Start(options, Database()).status().code(), absl::StatusCode::kUnavailable);
  options.port = 70000;
  EXPECT_EQ(HttpServer::Start(options, Database()).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.port = 0;
  options.max_listeners = 0;
  EXPECT_EQ(HttpServer::Start(options, Database()).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.max_listeners = 1;
  options.address = "";
  EXPECT_EQ(HttpServer::Start(options, Database()).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.address = "127.0.0.1";
  EXPECT_FALSE(HttpServer::Start(options, folder_ / "missing.db").ok());
}

}  // namespace
}  // namespace reluscape

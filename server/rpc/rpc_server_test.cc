#include "server/rpc/rpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/rpc/channel.h"
#include "base/sha256.h"
#include "reluscape/v1/job_service.grpc.pb.h"
#include "reluscape/v1/worker_service.grpc.pb.h"
#include "storage/store.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

constexpr char kJob[] = R"({"name": "wired", "data": {"set": "synthetic"},
                            "candidates": {"networks": ["resnet20@2"]},
                            "budgets": {"fractions": [0.5, 0.1]}})";

class RpcServerTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              absl::StrCat("rpc-", ::getpid(), "-", info->name());
    std::filesystem::create_directories(folder_);
    artifacts_ = std::make_unique<ArtifactFolder>(folder_ / "artifacts");
    auto store = Store::Open(folder_ / "reluscape.db");
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    auto coordinator = Coordinator::Start({}, *store_, *artifacts_, clock_);
    ASSERT_TRUE(coordinator.ok()) << coordinator.status();
    coordinator_ = *std::move(coordinator);
    RpcServerOptions options;
    options.port = 0;
    auto server = RpcServer::Start(options, *coordinator_, folder_ / "reluscape.db", *artifacts_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = MakeChannel(absl::StrCat("127.0.0.1:", server_->port()));
    jobs_ = v1::JobService::NewStub(channel);
    workers_ = v1::WorkerService::NewStub(channel);
  }
  void TearDown() override {
    server_ = nullptr;
    coordinator_ = nullptr;
    store_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  template <typename Stub, typename Request, typename Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    Stub& stub, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    context.set_wait_for_ready(true);
    return (stub.*method)(&context, request, &response);
  }
  grpc::Status Submit(const v1::SubmitJobRequest& request, v1::SubmitJobResponse& response) {
    return Call(&v1::JobService::Stub::SubmitJob, *jobs_, request, response);
  }
  v1::SubmitJobRequest FromText(const std::string& text) {
    v1::SubmitJobRequest request;
    request.set_job_json(text);
    return request;
  }
  v1::SynchronizeRequest Worker() {
    v1::SynchronizeRequest request;
    request.mutable_worker()->set_id("w");
    request.mutable_worker()->set_incarnation("1");
    request.mutable_worker()->set_protocol(kProtocolNumber);
    request.mutable_worker()->set_behaviour(kBehaviourNumber);
    request.mutable_worker()->add_data_sets("synthetic");
    request.set_artifact_folder_id(*artifacts_->ReadId());
    request.set_accepts_work(true);
    return request;
  }

  const SystemClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<ArtifactFolder> artifacts_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

TEST_F(RpcServerTest, ASubmittedJobIsListedAndItsTaskLeased) {
  v1::SubmitJobResponse submitted;
  const grpc::Status status = Submit(FromText(kJob), submitted);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_GT(submitted.job(), 0);
  EXPECT_EQ(submitted.preview().candidates(), 1);
  EXPECT_EQ(submitted.preview().tasks().at("fine-tune"), 2);

  v1::JobList list;
  ASSERT_TRUE(Call(&v1::JobService::Stub::ListJobs, *jobs_, v1::ListJobsRequest(), list).ok());
  ASSERT_EQ(list.jobs_size(), 1);
  EXPECT_EQ(list.jobs(0).name(), "wired");

  v1::GetJobRequest get;
  get.set_job(submitted.job());
  v1::JobDetail detail;
  ASSERT_TRUE(Call(&v1::JobService::Stub::GetJob, *jobs_, get, detail).ok());
  // Every default is filled in.
  EXPECT_THAT(detail.spec_json(), HasSubstr("\"max_epochs\": 2000"));

  v1::SynchronizeResponse asked;
  v1::SynchronizeRequest worker = Worker();
  grpc::Status sync = Call(&v1::WorkerService::Stub::Synchronize, *workers_, worker, asked);
  ASSERT_TRUE(sync.ok()) << sync.error_message();
  EXPECT_EQ(asked.leases_size(), 0);
  ASSERT_EQ(asked.open_size(), 1);
  EXPECT_EQ(asked.open(0).data().set(), "synthetic");
  v1::DataState& opened = *worker.mutable_worker()->add_data();
  *opened.mutable_request() = asked.open(0);
  opened.set_data_hash(std::string(64, 'd'));
  opened.set_split_hash(std::string(64, 'e'));
  v1::SynchronizeResponse leased;
  sync = Call(&v1::WorkerService::Stub::Synchronize, *workers_, worker, leased);
  ASSERT_TRUE(sync.ok()) << sync.error_message();
  ASSERT_EQ(leased.leases_size(), 1);
  EXPECT_EQ(leased.leases(0).description().stage(), "pretrain");
  EXPECT_EQ(leased.leases(0).description().job(), submitted.job());

  v1::WorkerList workers;
  ASSERT_TRUE(
      Call(&v1::JobService::Stub::ListWorkers, *jobs_, v1::ListWorkersRequest(), workers).ok());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_TRUE(workers.workers(0).connected());

  v1::CancelJobRequest cancel;
  cancel.set_job(submitted.job());
  v1::Job cancelled;
  ASSERT_TRUE(Call(&v1::JobService::Stub::CancelJob, *jobs_, cancel, cancelled).ok());
  EXPECT_EQ(cancelled.state(), "CANCELLED");

  v1::UnsealJobRequest unseal;
  unseal.set_job(submitted.job());
  v1::Job unsealed;
  ASSERT_TRUE(Call(&v1::JobService::Stub::UnsealJob, *jobs_, unseal, unsealed).ok());
  EXPECT_TRUE(unsealed.has_unsealed_at_ms());

  v1::ListEventsRequest after;
  v1::EventList events;
  ASSERT_TRUE(Call(&v1::JobService::Stub::ListEvents, *jobs_, after, events).ok());
  ASSERT_GT(events.events_size(), 1);
  after.set_after(events.events(0).event());
  after.set_limit(1);
  v1::EventList second;
  ASSERT_TRUE(Call(&v1::JobService::Stub::ListEvents, *jobs_, after, second).ok());
  ASSERT_EQ(second.events_size(), 1);
  EXPECT_EQ(second.events(0).event(), events.events(1).event());
}

TEST_F(RpcServerTest, ValidateOnlyWritesNothing) {
  v1::SubmitJobRequest request = FromText(kJob);
  request.set_validate_only(true);
  v1::SubmitJobResponse response;
  ASSERT_TRUE(Submit(request, response).ok());
  EXPECT_EQ(response.job(), 0);
  EXPECT_EQ(response.preview().networks_size(), 1);
  v1::JobList list;
  ASSERT_TRUE(Call(&v1::JobService::Stub::ListJobs, *jobs_, v1::ListJobsRequest(), list).ok());
  EXPECT_EQ(list.jobs_size(), 0);
}

TEST_F(RpcServerTest, ARepeatedSubmissionAnswersWithTheFirstJob) {
  v1::SubmitJobRequest request = FromText(kJob);
  request.set_request_id("once");
  v1::SubmitJobResponse first;
  v1::SubmitJobResponse second;
  ASSERT_TRUE(Submit(request, first).ok());
  ASSERT_TRUE(Submit(request, second).ok());
  EXPECT_EQ(first.job(), second.job());
}

TEST_F(RpcServerTest, EveryErrorOfAJobFileArrivesAtOnce) {
  v1::SubmitJobResponse response;
  const grpc::Status status =
      Submit(FromText(R"({"data": {"set": "synthetic"}, "candidates": {"networks": ["x"]},
                          "budgets": {"relus": [0]}, "seed": "one", "colour": 1})"),
             response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("seed: found \"one\"; allowed: an integer\n"));
  EXPECT_THAT(status.error_message(), HasSubstr("colour: found an unknown field;"));
  EXPECT_THAT(status.error_message(), HasSubstr("budgets.relus[0]: found 0;"));
}

TEST_F(RpcServerTest, AHundredErrorsFitIntoTheAnswer) {
  std::string networks;
  for (int i = 0; i < 150; ++i) absl::StrAppend(&networks, i == 0 ? "" : ",", i);
  v1::SubmitJobResponse response;
  const grpc::Status status =
      Submit(FromText(absl::StrCat(R"({"candidates": {"networks": [)", networks, "]}}")), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("candidates.networks[99]"));
  EXPECT_THAT(status.error_message(), HasSubstr(" more)"));
}

TEST_F(RpcServerTest, EmptyAndOversizedRequestsAreRefused) {
  v1::SubmitJobResponse response;
  EXPECT_EQ(Submit({}, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Submit(FromText(std::string(5'000'000, ' ')), response).error_message(),
              HasSubstr("at most 4194304 bytes"));
  EXPECT_EQ(Submit(FromText(std::string(9'000'000, ' ')), response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::SubmitJobRequest request = FromText(kJob);
  request.set_request_id(std::string(101, 'x'));
  EXPECT_THAT(Submit(request, response).error_message(),
              HasSubstr("request_id: found 101 characters"));
  v1::AddBudgetsRequest budgets;
  for (int i = 0; i < 100'000; ++i) budgets.add_relus(1'000'000 + i);
  v1::AddBudgetsResponse added;
  const grpc::Status too_many = Call(&v1::JobService::Stub::AddBudgets, *jobs_, budgets, added);
  EXPECT_EQ(too_many.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "before the job is read";
  EXPECT_THAT(too_many.error_message(),
              HasSubstr("budgets.relus: found 100000 entries; allowed: at most 100"));
  v1::ListEventsRequest events;
  events.set_limit(10'001);
  v1::EventList list;
  EXPECT_EQ(Call(&v1::JobService::Stub::ListEvents, *jobs_, events, list).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RpcServerTest, UnknownIdsAreNotFound) {
  v1::GetJobRequest job;
  job.set_job(99);
  v1::JobDetail detail;
  const grpc::Status status = Call(&v1::JobService::Stub::GetJob, *jobs_, job, detail);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("99"));
  v1::GetCandidateRequest candidate;
  candidate.set_candidate(99);
  v1::CandidateDetail candidate_detail;
  EXPECT_EQ(
      Call(&v1::JobService::Stub::GetCandidate, *jobs_, candidate, candidate_detail).error_code(),
      grpc::StatusCode::NOT_FOUND);
  v1::ListResultsRequest front;
  front.set_job(99);
  v1::ResultList no_front;
  EXPECT_EQ(Call(&v1::JobService::Stub::ListResults, *jobs_, front, no_front).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::CancelJobRequest cancel;
  cancel.set_job(99);
  v1::Job no_job;
  EXPECT_EQ(Call(&v1::JobService::Stub::CancelJob, *jobs_, cancel, no_job).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(RpcServerTest, ReadsAnArtifactInPiecesAndNothingElse) {
  const std::string content(2'500'000, 'x');
  const absl::StatusOr<v1::Artifact> stored = artifacts_->Put(content);
  ASSERT_TRUE(stored.ok());
  const auto read = [&](const std::string& sha256, std::string& bytes) {
    v1::ReadArtifactRequest request;
    request.set_sha256(sha256);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const auto reader = jobs_->ReadArtifact(&context, request);
    v1::ArtifactChunk chunk;
    int chunks = 0;
    while (reader->Read(&chunk)) {
      ++chunks;
      EXPECT_LE(chunk.data().size(), 1024u * 1024);
      bytes += chunk.data();
    }
    EXPECT_TRUE(chunks == 3 || chunks == 0) << chunks;
    return reader->Finish();
  };
  std::string bytes;
  EXPECT_TRUE(read(stored->sha256(), bytes).ok());
  EXPECT_EQ(bytes, content);
  EXPECT_EQ(read(std::string(64, '0'), bytes).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(read("../reluscape.db", bytes).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RpcServerTest, AFileIsStoredUnderItsHashOrNotAtAll) {
  const std::string content(3 * 1024 * 1024 + 5, 'w');
  bool stored = false;
  const auto write = [&](const std::string& sha256, const std::string& sent, size_t piece) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::WriteArtifactResponse response;
    const auto writer = jobs_->WriteArtifact(&context, &response);
    v1::WriteArtifactRequest part;
    part.set_sha256(sha256);
    part.set_bytes(static_cast<int64_t>(content.size()));
    bool goes_on = true;
    for (size_t begin = 0; begin < sent.size() && goes_on; begin += piece) {
      part.set_data(sent.substr(begin, piece));
      goes_on = writer->Write(part);
      part.Clear();
    }
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    stored = response.stored();
    return status;
  };
  constexpr size_t kPiece = 1024 * 1024;
  const v1::Artifact artifact =
      MakeArtifact(Sha256Hex(content), static_cast<int64_t>(content.size()));
  const auto code = [&](const std::string& sha256, const std::string& sent, size_t piece) {
    return write(sha256, sent, piece).error_code();
  };
  EXPECT_EQ(code("../../escape", content, kPiece), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(artifact.sha256(), content, 2 * kPiece), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(artifact.sha256(), content.substr(1), kPiece), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(code(artifact.sha256(), content.substr(1) + "v", kPiece), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(code(artifact.sha256(), content + "w", kPiece), grpc::StatusCode::DATA_LOSS);
  EXPECT_FALSE(artifacts_->Has(artifact));
  const grpc::Status first = write(artifact.sha256(), content, kPiece);
  EXPECT_TRUE(first.ok()) << first.error_message();
  EXPECT_TRUE(stored);
  EXPECT_EQ(artifacts_->Get(artifact).value(), content);
  const grpc::Status second = write(artifact.sha256(), content, kPiece);
  EXPECT_TRUE(second.ok()) << second.error_message();
  EXPECT_FALSE(stored);
}

TEST_F(RpcServerTest, RetriesAndChoicesNameWhatIsWrongWithThem) {
  v1::SubmitJobResponse submitted;
  ASSERT_TRUE(Submit(FromText(kJob), submitted).ok());
  v1::RetryTasksResponse retried;
  const auto retry = [&](const v1::RetryTasksRequest& request) {
    return Call(&v1::JobService::Stub::RetryTasks, *jobs_, request, retried);
  };
  v1::RetryTasksRequest request;
  EXPECT_EQ(retry(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_job(99);
  EXPECT_EQ(retry(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_task(1);
  const grpc::Status nothing = retry(request);
  EXPECT_EQ(nothing.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(nothing.error_message(), HasSubstr("nothing of task 1 has failed"));
  request.set_max_epochs(0);
  const grpc::Status cap = retry(request);
  EXPECT_EQ(cap.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(cap.error_message(),
              HasSubstr("max_epochs: found 0; allowed: at least the job's own, 2000"));

  v1::ChooseDataResponse chosen;
  v1::ChooseDataRequest choice;
  choice.set_job(submitted.job());
  choice.set_data_hash("01234567");
  const grpc::Status unknown = Call(&v1::JobService::Stub::ChooseData, *jobs_, choice, chosen);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(unknown.error_message(), HasSubstr("none is known yet"));
}

TEST_F(RpcServerTest, WorkersOfAnotherFolderAndMalformedReportsAreRefused) {
  v1::SynchronizeResponse response;
  v1::SynchronizeRequest request = Worker();
  request.set_artifact_folder_id("another");
  EXPECT_EQ(Call(&v1::WorkerService::Stub::Synchronize, *workers_, request, response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  request = Worker();
  request.add_reports();
  const grpc::Status status =
      Call(&v1::WorkerService::Stub::Synchronize, *workers_, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("reports[0].task: found 0; allowed: 1 or more"));
}

TEST_F(RpcServerTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  RpcServerOptions options;
  options.port = server_->port();
  const auto second =
      RpcServer::Start(options, *coordinator_, folder_ / "reluscape.db", *artifacts_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("127.0.0.1:", server_->port())));
}

}  // namespace
}  // namespace reluscape

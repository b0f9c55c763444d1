#include "client/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "client/client_test_util.h"
#include "client/commands.h"
#include "client/connection.h"
#include "client/watch.h"
#include "search/export/pretrained_file.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CliTest : public ::testing::Test {
 protected:
  CliTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                absl::StrCat("cli_test_",
                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    v1::Job& job = *coordinator_.service.details[3].mutable_job();
    job.set_job(3);
    job.set_name("small");
    job.set_state("RUNNING");
    job.set_data_set("synthetic");
    *coordinator_.service.jobs.add_jobs() = job;
  }
  ~CliTest() override { std::filesystem::remove_all(folder_); }

  ClientRun Client(std::vector<std::string> words) {
    words.insert(words.begin(), {"--server", coordinator_.address()});
    return RunWith(words);
  }

  std::string Write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << content;
    return path.string();
  }

  // A Result 9 of Job 3 whose artifact is `content`.
  void AddResult(const std::string& content) {
    v1::ResultList& list = coordinator_.service.results[3];
    list.set_job(3);
    v1::Result& result = *list.add_results();
    result.set_result(9);
    result.set_name("resnet20@2");
    result.set_network("basic:side=32:classes=10:m=2:blocks=3x3x3:multipliers=2x2:stem-relu=no");
    v1::Artifact& artifact = *result.mutable_report()->mutable_artifact();
    artifact.set_sha256(Sha256Hex(content));
    artifact.set_bytes(static_cast<int64_t>(content.size()));
    coordinator_.service.artifacts[Sha256Hex(content)] = content;
  }

  FakeCoordinator coordinator_;
  std::filesystem::path folder_;
};

TEST_F(CliTest, UsageErrorsLeaveWithTwo) {
  EXPECT_EQ(RunWith({}).status, 2);
  EXPECT_EQ(RunWith({"lst"}).status, 2);
  EXPECT_EQ(RunWith({"show"}).status, 2);
  EXPECT_EQ(RunWith({"show", "x"}).status, 2);
  EXPECT_EQ(RunWith({"show", "0"}).status, 2);
  EXPECT_EQ(RunWith({"results", "1", "--csv", "--json"}).status, 2);
  EXPECT_EQ(RunWith({"submit", "f", "--watch", "--validate-only"}).status, 2);
  EXPECT_EQ(RunWith({"up", "--grpc-port", "65536"}).status, 2);
  EXPECT_EQ(RunWith({"retry"}).status, 2);
  EXPECT_EQ(RunWith({"retry", "1", "--task", "2"}).status, 2);
  EXPECT_EQ(RunWith({"retry", "--candidate", "1", "--task", "2"}).status, 2);
  EXPECT_EQ(RunWith({"retry", "1", "--max-epochs", "0"}).status, 2);
  EXPECT_EQ(RunWith({"data", "1", "--use", "1234567"}).status, 2);
  EXPECT_EQ(RunWith({"data", "1", "--use", "12345678X"}).status, 2);
  EXPECT_EQ(RunWith({"data", "1", "--use", std::string(65, 'a')}).status, 2);
  EXPECT_EQ(RunWith({"--help"}).status, 0);
  EXPECT_EQ(RunWith({"--version"}).status, 0);
}

TEST_F(CliTest, NoAnswerLeavesWithFiveAndSaysWhatToDo) {
  coordinator_.Stop();
  const ClientRun run = Client({"list"});
  EXPECT_EQ(run.status, 5);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr(coordinator_.address()));
  EXPECT_THAT(run.err, HasSubstr("reluscape up"));
}

TEST_F(CliTest, UnknownJobLeavesWithFour) {
  const ClientRun run = Client({"show", "99"});
  EXPECT_EQ(run.status, 4);
  EXPECT_EQ(run.err, "error: there is no job 99\n");
}

TEST_F(CliTest, AStateThatDoesNotAllowItLeavesWithSix) {
  EXPECT_EQ(Client({"unseal", "3"}).status, 6);
}

TEST_F(CliTest, ArchiveSaysWhatIsKeptAndWhatGoes) {
  v1::ArchiveJobResponse& response = coordinator_.service.archive_response;
  response.mutable_job()->set_job(3);
  response.mutable_job()->set_keeps("front");
  response.set_files(1200);
  response.set_bytes(2'500'000'000);
  EXPECT_EQ(Client({"archive", "3", "--keep", "front"}).out,
            "job 3 is archived and keeps the weights of its front; 2.5 GB in 1,200 files that "
            "nothing else uses are removed\n");
  EXPECT_EQ(coordinator_.service.archived.job(), 3);
  EXPECT_EQ(coordinator_.service.archived.keep(), v1::JobSpec::FRONT);
  EXPECT_THAT(Client({"archive", "3", "--json"}).out, HasSubstr("\"bytes\": 2500000000"));
  EXPECT_EQ(coordinator_.service.archived.keep(), v1::JobSpec::RESULTS);
  EXPECT_EQ(RunWith({"archive", "3", "--keep", "all"}).status, 2);
}

TEST_F(CliTest, NothingIsDeletedUnasked) {
  v1::DeleteJobResponse& response = coordinator_.service.delete_response;
  response.set_job(3);
  response.set_name("small");
  response.set_results(2);
  response.set_files(1);
  response.set_bytes(1);
  // The tests' standard input may be a terminal.
  Connection connection(coordinator_.address());
  const auto run = [&](DeleteOptions options) {
    options.job = 3;
    std::ostringstream out;
    const absl::Status status = Delete(connection, options, out);
    return std::make_pair(status.code(), absl::StrCat(std::string(status.message()), out.str()));
  };
  const auto nobody = run({});
  EXPECT_EQ(nobody.first, absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(nobody.second, HasSubstr("--yes"));
  std::string question;
  DeleteOptions asking;
  asking.ask = [&](const std::string& asked) {
    question = asked;
    return std::string("y");
  };
  EXPECT_EQ(run(asking).first, absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(question, HasSubstr("job 3"));
  EXPECT_EQ(coordinator_.service.deleted.job(), 0) << "the coordinator was asked";
  asking.ask = [](const std::string&) { return std::string("yes"); };
  const auto done = run(asking);
  EXPECT_EQ(
      done.second,
      "job 3 \"small\" is deleted with 2 results; 1 byte in 1 file that nothing else uses are "
      "removed\n");
  EXPECT_EQ(coordinator_.service.deleted.job(), 3);
  EXPECT_THAT(Client({"delete", "3", "--yes"}).out, HasSubstr("is deleted"));
}

TEST_F(CliTest, SubmitSendsTheFileAsItIs) {
  coordinator_.service.submit_response.set_job(17);
  const std::string file = Write("job.json", "{ \"name\": \"x\" }");
  const ClientRun run = Client({"submit", file});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("submitted job 17"));
  EXPECT_EQ(coordinator_.service.submitted.job_json(), "{ \"name\": \"x\" }");
  EXPECT_FALSE(coordinator_.service.submitted.validate_only());
  const std::string first = coordinator_.service.submitted.request_id();
  EXPECT_EQ(first.size(), 32);
  Client({"submit", file, "--request-id", "mine", "--validate-only"});
  EXPECT_EQ(coordinator_.service.submitted.request_id(), "mine");
  EXPECT_TRUE(coordinator_.service.submitted.validate_only());
  Client({"submit", file});
  EXPECT_NE(coordinator_.service.submitted.request_id(), first);
}

TEST_F(CliTest, SubmitStoresTheFilesThatAJobBrings) {
  const Architecture architecture = ParseArchitecture("resnet20@2", 32, 10).value();
  TensorFile weights;
  for (const TensorPlace& place : TensorsOf(BuildNetwork(architecture).value())) {
    int64_t bytes = sizeof(float);
    for (const int64_t size : place.shape) bytes *= size;
    weights.tensors[place.name] = {.type = ElementType::kFloat32,
                                   .shape = place.shape,
                                   .data = std::string(static_cast<size_t>(bytes), '\0')};
  }
  const std::string content = WriteTensorFile(weights);
  Write("teacher.safetensors", content);
  const std::string file = Write("job.json", R"({
      "data": {"set": "synthetic"}, "budgets": {"fractions": [0.5]},
      "candidates": {"networks": ["resnet20@2"], "pretrained": [
        {"network": "resnet20@2", "file": "teacher.safetensors"}]}})");
  coordinator_.service.submit_response.set_job(17);
  ClientRun run = Client({"submit", file, "--validate-only"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(coordinator_.service.submitted.job_json(), HasSubstr(Sha256Hex(content)));
  EXPECT_TRUE(coordinator_.service.artifacts.empty());
  run = Client({"submit", file});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_FALSE(coordinator_.service.submitted.validate_only());
  EXPECT_EQ(coordinator_.service.artifacts[Sha256Hex(content)], content);

  weights.tensors.erase("section1.block1.bn2.bias");
  Write("teacher.safetensors", WriteTensorFile(weights));
  coordinator_.service.artifacts.clear();
  run = Client({"submit", file});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.err, HasSubstr("tensor section1.block1.bn2.bias is missing"));
  EXPECT_TRUE(coordinator_.service.artifacts.empty());
}

TEST_F(CliTest, AnInvalidJobLeavesWithThreeAndEveryError) {
  coordinator_.service.submit_status = {grpc::StatusCode::INVALID_ARGUMENT,
                                        "a: found 1; allowed: 2\nb: found 3; allowed: 4"};
  const ClientRun run = Client({"submit", Write("job.json", "{}")});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.err, HasSubstr("a: found 1; allowed: 2\nb: found 3; allowed: 4"));
}

TEST_F(CliTest, AMissingJobFileLeavesWithFour) {
  const ClientRun run = Client({"submit", (folder_ / "none.json").string()});
  EXPECT_EQ(run.status, 4);
  EXPECT_THAT(run.err, HasSubstr("none.json"));
}

TEST_F(CliTest, ALostSubmissionSaysHowToRepeatIt) {
  coordinator_.service.submit_status = {grpc::StatusCode::UNAVAILABLE, "gone"};
  const ClientRun run = Client({"submit", Write("job.json", "{}"), "--request-id", "mine"});
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.err, HasSubstr("--request-id mine"));
}

TEST_F(CliTest, JsonIsTheDocument) {
  const ClientRun list = Client({"list", "--json"});
  EXPECT_EQ(list.status, 0);
  const nlohmann::json jobs = nlohmann::json::parse(list.out);
  EXPECT_EQ(jobs["jobs"][0]["job"], 3);
  EXPECT_TRUE(jobs["jobs"][0]["finished_at_ms"].is_null());
  AddResult("weights");
  const nlohmann::json results = nlohmann::json::parse(Client({"results", "3", "--json"}).out);
  for (const char* key : {"candidate", "network", "relus_with_stem", "macs", "parameters", "costs",
                          "on_front", "seeds", "recipe"}) {
    EXPECT_TRUE(results["results"][0].contains(key)) << key;
  }
  for (const char* key : {"budget", "relus", "layers", "classes", "accuracy_validation"}) {
    EXPECT_TRUE(results["results"][0]["report"].contains(key)) << key;
  }
  EXPECT_EQ(nlohmann::json::parse(Client({"workers", "--json"}).out)["workers"].size(), 0);
  EXPECT_EQ(nlohmann::json::parse(Client({"show", "3", "--json"}).out)["job"]["name"], "small");
  EXPECT_EQ(nlohmann::json::parse(Client({"cancel", "3", "--json"}).out)["state"], "CANCELLED");
}

TEST_F(CliTest, TablesForPeople) {
  EXPECT_THAT(Client({"list"}).out, HasSubstr("RUNNING"));
  EXPECT_THAT(Client({"show", "3"}).out, HasSubstr("job 3 \"small\": RUNNING"));
  EXPECT_THAT(Client({"workers"}).out, HasSubstr("no worker"));
  EXPECT_THAT(Client({"cancel", "3"}).out, HasSubstr("job 3 is CANCELLED"));
  coordinator_.service.results[3];
  EXPECT_THAT(Client({"results", "3"}).out, HasSubstr("has no result yet"));
}

TEST_F(CliTest, RetryNamesAJobACandidateOrATask) {
  v1::RetryTasksResponse& answer = coordinator_.service.retry_response;
  answer.mutable_job()->set_job(3);
  answer.set_tasks(12);
  const v1::RetryTasksRequest& request = coordinator_.service.retried;
  EXPECT_EQ(Client({"retry", "3"}).out,
            "12 tasks of job 3 go on; `reluscape watch 3` follows it\n");
  EXPECT_EQ(request.job(), 3);
  EXPECT_FALSE(request.has_max_epochs());
  answer.set_tasks(1);
  EXPECT_EQ(Client({"retry", "--candidate", "7"}).out,
            "1 task of job 3 goes on; `reluscape watch 3` follows it\n");
  EXPECT_EQ(request.candidate(), 7);
  EXPECT_EQ(Client({"retry", "--task", "41", "--max-epochs", "3000"}).status, 0);
  EXPECT_EQ(request.task(), 41);
  EXPECT_EQ(request.max_epochs(), 3000);
  const nlohmann::json document = nlohmann::json::parse(Client({"retry", "3", "--json"}).out);
  EXPECT_EQ(document["tasks"], 1);
  EXPECT_EQ(document["job"]["job"], 3);
}

TEST_F(CliTest, DataListsCopiesAndChoosesOne) {
  const std::string hash = "1a2b3c4d" + std::string(56, '0');
  v1::Job& job = *coordinator_.service.details[3].mutable_job();
  job.add_data_copies()->set_data_hash(hash);
  EXPECT_THAT(Client({"data", "3"}).out, HasSubstr(hash));
  const nlohmann::json document = nlohmann::json::parse(Client({"data", "3", "--json"}).out);
  EXPECT_EQ(document["data_copies"][0]["data_hash"], hash);
  EXPECT_TRUE(document["data_hash"].is_null());

  v1::ChooseDataResponse& answer = coordinator_.service.choose_response;
  answer.mutable_job()->set_job(3);
  answer.mutable_job()->set_data_hash(hash);
  answer.set_candidates(4);
  EXPECT_EQ(Client({"data", "3", "--use", "1a2b3c4d"}).out,
            "job 3 goes by the copy " + hash +
                "; 4 candidates that were trained on another run again from the beginning\n");
  EXPECT_EQ(coordinator_.service.chosen.job(), 3);
  EXPECT_EQ(coordinator_.service.chosen.data_hash(), "1a2b3c4d");
  answer.set_candidates(0);
  EXPECT_THAT(Client({"data", "3", "--use", hash}).out, HasSubstr("no candidate has to run again"));
  EXPECT_EQ(nlohmann::json::parse(Client({"data", "3", "--use", hash, "--json"}).out)["candidates"],
            0);
}

TEST_F(CliTest, ExportWritesWeightsArchitectureAndResult) {
  const std::string weights(12'345, 'w');
  AddResult(weights);
  const std::filesystem::path out = folder_ / "out";
  const ClientRun run = Client({"export", "3", "9", "--out", out.string()});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(*ReadFile(out / "weights.safetensors", 1 << 20), weights);
  const nlohmann::json architecture =
      nlohmann::json::parse(*ReadFile(out / "architecture.json", 1 << 20));
  EXPECT_EQ(architecture["name"], "resnet20@2");
  EXPECT_EQ(architecture["widths"], nlohmann::json({2, 4, 8}));
  const nlohmann::json result = nlohmann::json::parse(*ReadFile(out / "result.json", 1 << 20));
  EXPECT_EQ(result["result"], 9);
  EXPECT_TRUE(result["accuracy_test"].is_null());

  EXPECT_EQ(Client({"export", "3", "9", "--out", out.string()}).status, 6);
  EXPECT_EQ(Client({"export", "3", "9", "--out", out.string(), "--force"}).status, 0);
  EXPECT_EQ(Client({"export", "3", "8", "--out", (folder_ / "o").string()}).status, 4);
}

TEST_F(CliTest, ExportLeavesNoFileOfDamagedWeights) {
  AddResult("weights");
  coordinator_.service.artifacts[Sha256Hex("weights")] = "weighty";
  const std::filesystem::path out = folder_ / "out";
  const ClientRun run = Client({"export", "3", "9", "--out", out.string()});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, HasSubstr("artifact folder may be damaged"));
  EXPECT_TRUE(std::filesystem::is_empty(out));
  coordinator_.service.artifacts[Sha256Hex("weights")] = "weights and more";
  EXPECT_EQ(Client({"export", "3", "9", "--out", out.string()}).status, 1);
  EXPECT_TRUE(std::filesystem::is_empty(out));
}

TEST_F(CliTest, ExportSaysWhenWeightsWereRemoved) {
  AddResult("weights");
  coordinator_.service.results[3].mutable_results(0)->set_weights_removed_at_ms(1'700'000'000'000);
  const std::filesystem::path out = folder_ / "out";
  const ClientRun run = Client({"export", "3", "9", "--out", out.string()});
  EXPECT_EQ(run.status, 6);
  EXPECT_THAT(run.err, HasSubstr("the weights of result 9 were removed on 2023-11-1"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

// ---- watch

class WatchTest : public CliTest {
 protected:
  absl::StatusOr<ExitCode> Watch(const std::function<bool(Milliseconds)>& wait,
                                 bool terminal = false) {
    Connection connection(coordinator_.address());
    WatchOptions options;
    options.job = 3;
    options.terminal = terminal;
    options.wait = wait;
    return WatchJob(connection, options, out_, err_);
  }

  void SetState(const std::string& state) {
    coordinator_.service.details[3].mutable_job()->set_state(state);
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(WatchTest, EndsWithTheJob) {
  int waits = 0;
  const auto code = Watch([&](Milliseconds) {
    if (++waits == 3) SetState("FINISHED");
    return true;
  });
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, ExitCode::kOk);
  EXPECT_EQ(waits, 3);
  EXPECT_THAT(out_.str(), HasSubstr("FINISHED"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("\x1b")));
}

TEST_F(WatchTest, AFailedOrCancelledJobHasItsCode) {
  for (const char* state : {"FAILED", "CANCELLED"}) {
    SetState(state);
    EXPECT_EQ(*Watch([](Milliseconds) { return true; }), ExitCode::kJobFailed);
  }
}

TEST_F(WatchTest, LeavingSaysThatTheJobGoesOn) {
  EXPECT_EQ(*Watch([](Milliseconds) { return false; }), ExitCode::kInterrupted);
  EXPECT_THAT(err_.str(), HasSubstr("job 3 goes on"));
}

TEST_F(WatchTest, OutlivesARestartOfTheCoordinator) {
  int waits = 0;
  const auto code = Watch([&](Milliseconds) {
    ++waits;
    if (waits == 1) {
      coordinator_.Stop();
    } else if (waits == 3) {
      coordinator_.StartAgain();
      SetState("FINISHED");
    }
    // gRPC waits a fraction of a second before it connects again.
    std::this_thread::sleep_for(std::chrono::milliseconds(waits < 3 ? 0 : 10));
    return waits < 3000;
  });
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, ExitCode::kOk);
  const std::string notices = err_.str();
  EXPECT_THAT(notices, HasSubstr("the coordinator answers again"));
  // One notice, however often it was asked.
  EXPECT_EQ(notices.find("no answer"), notices.rfind("no answer"));
}

TEST_F(WatchTest, ACoordinatorThatNeverAnsweredIsAnError) {
  coordinator_.Stop();
  EXPECT_EQ(Watch([](Milliseconds) { return true; }).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(WatchTest, OnATerminalTheBlockReplacesItself) {
  int waits = 0;
  const auto code = Watch(
      [&](Milliseconds) {
        if (++waits == 2) SetState("FINISHED");
        return true;
      },
      /*terminal=*/true);
  EXPECT_EQ(*code, ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("\x1b[1A\x1b[J"));
}

}  // namespace
}  // namespace reluscape

// Fuzz target for what Workers tell the coordinator. Whatever they say, and in whatever order, the
// coordinator answers with what a Worker can read or refuses and says why, takes the same call
// twice without harm, and goes on.
//
// An input is a list of steps, each ended by a line "--": "wait MS", or a SynchronizeRequest as
// protobuf text, of which everything in front of the first mistake counts. A request without
// artifact_folder_id gets that of the folder. The small job below has been submitted, its Tasks are
// 1 (pretrain), 2 (linearize), 3 and 4 (fine-tunes), its data set is "toy"; the artifact folder
// holds the files in kFiles, by whose SHA-256 a report may name them.
//
// Making a database takes longer than all else, so that one serves many inputs. Each gets a Job of
// its own, whose numbers and data set and the Workers' ids are put in behind those of the input:
// what an input finds does not depend on the ones before it.

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/log.h"
#include "base/sha256.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/synchronize.h"
#include "server/coordinator.h"
#include "storage/store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fuzz/fuzz_target.h"

namespace reluscape {
namespace {

constexpr const char* kFiles[] = {"weights", "snapshot 1", "snapshot 2", "final 1", "final 2"};
constexpr size_t kMostSteps = 20;
constexpr int64_t kLongestWait = int64_t{48} * 3600 * 1000;  // ms
constexpr Milliseconds kLeaseTime{30'000};

constexpr int64_t kTasks = 4;
constexpr int64_t kMostJobs = 200;  // of one database

// TOY stands for the name of the data set.
constexpr const char* kJob = R"({
  "name": "small", "data": {"set": "TOY", "classes": 10, "side": 32},
  "candidates": {"networks": ["resnet18@4"]}, "budgets": {"relus": [1000, 3000]},
  "limits": {"max_attempts": 2}})";

void RequireOk(const absl::Status& status, const char* what, const std::string& input) {
  if (!status.ok()) Require(false, what, absl::StrCat(status.ToString(), "\n", input));
}

// Of this process; removed at its end.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() / absl::StrCat("synchronize_fuzz_", getpid())),
        artifacts_(path_) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const ArtifactFolder& artifacts() const { return artifacts_; }

 private:
  const std::filesystem::path path_;
  const ArtifactFolder artifacts_;
};

// What is wrong with an input's text is no news.
class Quiet final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

// A coordinator with a Job that no input has seen yet.
class Site {
 public:
  explicit Site(const ArtifactFolder& artifacts) : artifacts_(artifacts) {
    RequireOk(StartLog("fuzz", "error"), "no log", "");
    for (const char* const content : kFiles) {
      const absl::StatusOr<v1::Artifact> artifact = artifacts.Put(content);
      RequireOk(artifact.status(), "no file", content);
      files_[content] = *artifact;
    }
  }

  void SubmitNext() {
    if (coordinator_ == nullptr || ++job_ == kMostJobs) Restart();
    for (const auto& [content, artifact] : files_) {
      // The last input may have led to their removal.
      if (!artifacts_.Has(artifact)) RequireOk(artifacts_.Put(content).status(), "no file", "");
    }
    FieldErrors errors;
    const auto spec = JobFromJson(absl::StrReplaceAll(kJob, {{"TOY", DataSet()}}), errors);
    RequireOk(errors.ToStatus(), "no job", kJob);
    RequireOk(coordinator_->Submit(*spec, /*request_id=*/"", /*validate_only=*/false).status(),
              "not submitted", kJob);
  }

  v1::SynchronizeRequest RequestOf(const std::string& text) const {
    static Quiet quiet;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&quiet);
    parser.AllowUnknownField(true);
    v1::SynchronizeRequest request;
    parser.MergeFromString(
        absl::StrReplaceAll(text, {{"\"toy\"", absl::StrCat("\"", DataSet(), "\"")}}), &request);
    if (request.artifact_folder_id().empty()) {
      request.set_artifact_folder_id(artifacts_.ReadId().value_or(""));
    }
    std::string& worker = *request.mutable_worker()->mutable_id();
    if (!worker.empty()) absl::StrAppend(&worker, "/", job_);
    for (v1::TaskReport& report : *request.mutable_reports()) {
      if (report.task() >= 1 && report.task() <= kTasks) {
        report.set_task(report.task() + kTasks * job_);
      }
    }
    return request;
  }

  // Of a Worker that does nothing wrong.
  v1::SynchronizeRequest Honest() const {
    v1::SynchronizeRequest request;
    request.mutable_worker()->set_id(absl::StrCat("honest/", job_));
    request.mutable_worker()->set_incarnation(request.worker().id());
    request.mutable_worker()->set_protocol(kProtocolNumber);
    request.mutable_worker()->set_behaviour(kBehaviourNumber);
    request.mutable_worker()->add_data_sets(DataSet());
    request.set_accepts_work(true);
    request.set_artifact_folder_id(artifacts_.ReadId().value_or(""));
    return request;
  }

  Coordinator& coordinator() { return *coordinator_; }
  FakeClock& clock() { return clock_; }

 private:
  std::string DataSet() const { return absl::StrCat("toy", job_); }

  void Restart() {
    coordinator_.reset();
    // A folder belongs to one database for ever.
    std::filesystem::remove_all(artifacts_.root());
    std::filesystem::create_directories(artifacts_.root());
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(":memory:");
    RequireOk(store.status(), "no store", "");
    store_ = *std::move(store);
    CoordinatorOptions options;
    options.lease_time = kLeaseTime;
    absl::StatusOr<std::unique_ptr<Coordinator>> coordinator =
        Coordinator::Start(options, *store_, artifacts_, clock_);
    RequireOk(coordinator.status(), "no coordinator", "");
    coordinator_ = *std::move(coordinator);
    job_ = 0;
  }

  const ArtifactFolder& artifacts_;
  std::map<std::string, v1::Artifact> files_;  // by content
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Coordinator> coordinator_;
  int64_t job_ = 0;  // the last one, from 0 in each database
};

void Synchronize(Coordinator& coordinator, const v1::SynchronizeRequest& message,
                 const std::string& input) {
  FieldErrors errors;
  const auto request = Checked<v1::SynchronizeRequest>::From(message, /*path=*/"", errors);
  Require(request.has_value() == errors.empty(), "not read, without saying why", input);
  if (!request) return;
  const absl::StatusOr<v1::SynchronizeResponse> response = coordinator.Synchronize(*request);
  if (!response.ok()) {
    const absl::Status& status = response.status();
    Require(!status.message().empty() &&
                (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
                 absl::IsUnavailable(status) || absl::IsAborted(status)),
            "refused without saying why", absl::StrCat(status.ToString(), "\n", input));
    return;
  }
  RequireOk(CheckedResponse(*response).status(), "an answer that no Worker can read", input);
  const absl::Status again = coordinator.Synchronize(*request).status();
  // Unless the first one was a failure too many.
  if (!absl::IsAborted(again)) RequireOk(again, "refused when repeated", input);
}

absl::StatusOr<v1::SynchronizeResponse> SynchronizeHonest(Coordinator& coordinator,
                                                          const v1::SynchronizeRequest& message) {
  FieldErrors errors;
  const auto request = Checked<v1::SynchronizeRequest>::From(message, /*path=*/"", errors);
  if (!request) return errors.ToStatus();
  return coordinator.Synchronize(*request);
}

Site& TheSite() {
  static const Folder folder;
  static Site site(folder.artifacts());
  return site;
}

void RunOne(const std::string& input) {
  Site& site = TheSite();
  site.SubmitNext();
  size_t steps = 0;
  for (const std::string& step : std::vector<std::string>(absl::StrSplit(input, "\n--\n"))) {
    if (++steps > kMostSteps) break;
    if (step.starts_with("wait ")) {
      const int64_t wait = std::strtoll(step.c_str() + 5, nullptr, 10);
      if (wait > 0 && wait <= kLongestWait) site.clock().Advance(Milliseconds(wait));
    } else {
      Synchronize(site.coordinator(), site.RequestOf(step), input);
    }
    RequireOk(site.coordinator().Tick(), "no tick", input);
  }
  v1::SynchronizeRequest honest = site.Honest();
  absl::StatusOr<v1::SynchronizeResponse> answer = SynchronizeHonest(site.coordinator(), honest);
  RequireOk(answer.status(), "an honest worker", input);
  for (const v1::DataRequest& asked : answer->open()) {
    v1::DataState& state = *honest.mutable_worker()->add_data();
    *state.mutable_request() = asked;
    state.set_data_hash(Sha256Hex("data"));
    state.set_split_hash(Sha256Hex("split"));
  }
  RequireOk(SynchronizeHonest(site.coordinator(), honest).status(), "an honest worker with data",
            input);
  // Leases of this input end with it.
  site.clock().Advance(2 * kLeaseTime);
  RequireOk(site.coordinator().Tick(), "no tick at the end", input);
}

}  // namespace
}  // namespace reluscape

// A database that grows looks like a leak, and looking for one takes longer than the input.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reluscape::RunOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

#pragma once

// A coordinator on real files with a clock that stands still, and what Workers say in a few words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/network/names.h"
#include "search/strategy/seeds.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/recipe.h"
#include "server/coordinator.h"
#include "storage/result_reader.h"
#include "tests/fakes/fake_clock.h"

namespace reluscape {

inline constexpr Milliseconds kLeaseTime{30'000};
inline const std::string kDataHash(64, 'd');
inline const std::string kSplitHash(64, 'e');
// Of other images.
inline const std::string kOtherHash = "deadbeef00" + std::string(54, '0');
inline const std::string kThirdHash = "0123456789" + std::string(54, '0');
inline constexpr int64_t kLargeBudget = 3000;
inline constexpr int64_t kSmallBudget = 1000;

// As the edge lets it through.
inline Checked<v1::JobSpec> CheckedJob(const v1::JobSpec& spec) {
  FieldErrors errors;
  auto checked = Checked<v1::JobSpec>::From(spec, "", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  return checked.value();  // an exception ends the test
}

// resnet18 at m = 4: 30720 ReLUs (491520 / 16).
inline v1::JobSpec SmallJob() {
  auto spec = BareFromJson<v1::JobSpec>(R"({
      "name": "small", "data": {"set": "toy", "classes": 10, "side": 32},
      "candidates": {"networks": ["resnet18@4"]}, "limits": {"max_attempts": 2}})");
  SetList(spec.mutable_budgets()->mutable_relus(), {kSmallBudget, kLargeBudget});
  return *CheckedJob(spec);
}

// A map of a message, to compare.
template <typename Key, typename Value>
std::map<Key, Value> MapOf(const google::protobuf::Map<Key, Value>& map) {
  return {map.begin(), map.end()};
}

inline v1::Provenance Measured(const std::string& data = kDataHash,
                               const std::string& split = kSplitHash) {
  v1::Provenance m;
  m.set_build_commit("abc");
  m.set_torch_version("2.13.0");
  m.set_device("cpu");
  m.set_precision("float32");
  m.set_threads(1);
  m.set_data_hash(data);
  m.set_split_hash(split);
  m.set_train_images(9000);
  m.set_validation_images(1000);
  m.set_test_images(1000);
  return m;
}

inline v1::Epoch Epoch(int64_t number, double accuracy = 0.5) {
  v1::Epoch e;
  e.set_epoch(number);
  e.set_loss(1);
  e.set_train_accuracy(accuracy);
  e.set_validation_accuracy(accuracy);
  e.set_learning_rate(0.1);
  e.set_relus(100);
  e.set_seconds(1);
  return e;
}

// What a Worker says that has opened the images of a Job.
inline v1::DataState Opened(const v1::JobSpec& spec, const std::string& hash = kDataHash) {
  v1::DataState state;
  *state.mutable_request()->mutable_data() = spec.data();
  state.mutable_request()->mutable_data()->clear_hash();
  state.mutable_request()->set_split_seed(
      static_cast<int64_t>(SplitSeed(static_cast<uint64_t>(spec.seed()))));
  state.set_data_hash(hash);
  state.set_split_hash(kSplitHash);
  return state;
}

// And one that cannot use them.
inline v1::DataState Unusable(const v1::JobSpec& spec, const std::string& problem) {
  v1::DataState state = Opened(spec);
  state.clear_data_hash();
  state.clear_split_hash();
  state.set_problem(problem);
  return state;
}

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() : folder_(MakeFolder()), artifacts_(folder_ / "artifacts") { Restart(); }
  ~CoordinatorTest() override {
    coordinator_.reset();
    reader_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::filesystem::path MakeFolder() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    const auto folder = std::filesystem::path(::testing::TempDir()) /
                        absl::StrCat("coordinator_test_", info->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
  }

  // Ends the coordinator, if there is one, and starts another on the same files.
  void Restart() {
    coordinator_.reset();
    reader_.reset();
    store_.reset();
    store_ = Store::Open(folder_ / "reluscape.db").value();
    CoordinatorOptions options;
    options.lease_time = kLeaseTime;
    options.metrics = metrics_;
    coordinator_ = Coordinator::Start(options, *store_, artifacts_, clock_).value();
    reader_ = ResultReader::Open(folder_ / "reluscape.db").value();
    // From here on Workers can call.
    Tick();
  }

  JobId Submit(const v1::JobSpec& spec = SmallJob(), const std::string& request_id = "") {
    const auto outcome =
        coordinator_->Submit(CheckedJob(spec), request_id, /*validate_only=*/false);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->job : JobId{};
  }

  v1::SynchronizeRequest Request(const std::string& worker,
                                 std::vector<v1::TaskReport> reports = {}) {
    v1::SynchronizeRequest request;
    request.mutable_worker()->set_id(worker);
    request.mutable_worker()->set_incarnation("first");
    request.mutable_worker()->set_device("cpu");
    request.mutable_worker()->set_protocol(kProtocolNumber);
    request.mutable_worker()->set_behaviour(kBehaviourNumber);
    SetList(request.mutable_worker()->mutable_data_sets(), {"toy"});
    *request.mutable_worker()->add_data() = Opened(SmallJob());
    request.set_artifact_folder_id(artifacts_.ReadId().value());
    SetList(request.mutable_reports(), reports);
    request.set_accepts_work(true);
    return request;
  }
  // As behind an edge.
  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request) {
    FieldErrors errors;
    const auto checked = Checked<v1::SynchronizeRequest>::From(request, /*path=*/"", errors);
    if (!checked) return errors.ToStatus();
    return coordinator_->Synchronize(*checked);
  }
  std::vector<v1::Lease> Call(const v1::SynchronizeRequest& request) {
    const auto response = Synchronize(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? ListOf(response->leases()) : std::vector<v1::Lease>();
  }
  std::vector<v1::Lease> Sync(const std::string& worker, std::vector<v1::TaskReport> reports = {}) {
    return Call(Request(worker, std::move(reports)));
  }
  // Reports without taking new work.
  std::vector<v1::Lease> Report(const std::string& worker, const v1::TaskReport& report) {
    v1::SynchronizeRequest request = Request(worker, {report});
    request.set_accepts_work(false);
    return Call(request);
  }
  void Tick() { ASSERT_TRUE(coordinator_->Tick().ok()); }

  v1::Artifact File(const std::string& content) { return artifacts_.Put(content).value(); }

  static v1::TaskReport Running(const v1::Lease& lease) {
    v1::TaskReport report;
    report.set_task(lease.description().task());
    report.set_attempt(lease.description().attempt());
    report.set_state(v1::TaskReport::RUNNING);
    report.set_epochs_planned(10);
    *report.mutable_provenance() = Measured();
    report.set_device_seconds(5);
    return report;
  }
  v1::TaskReport Pretrained(const v1::Lease& lease) {
    v1::TaskReport report = Running(lease);
    report.set_state(v1::TaskReport::SUCCEEDED);
    *report.mutable_weights() = File(absl::StrCat("weights ", lease.description().candidate()));
    return report;
  }
  v1::Snapshot SnapshotFor(const v1::Lease& lease, int64_t budget) {
    v1::Snapshot snapshot;
    snapshot.set_budget(budget);
    *snapshot.mutable_artifact() =
        File(absl::StrCat("snapshot ", lease.description().candidate(), " ", budget));
    snapshot.set_relus(budget + 7);
    snapshot.set_epoch(4);
    snapshot.set_device_seconds(static_cast<double>(10'000 - budget));
    return snapshot;
  }
  v1::TaskReport Descended(const v1::Lease& lease) {
    v1::TaskReport report = Running(lease);
    report.set_state(v1::TaskReport::SUCCEEDED);
    for (const int64_t budget : lease.description().budgets()) {
      *report.add_snapshots() = SnapshotFor(lease, budget);
    }
    return report;
  }
  v1::TaskReport FineTuned(const v1::Lease& lease, double accuracy = 0.8) {
    v1::TaskReport report = Running(lease);
    report.set_state(v1::TaskReport::SUCCEEDED);
    v1::ResultReport result;
    result.set_budget(lease.description().budgets(0));
    result.set_relus(result.budget());
    const Network network =
        BuildNetwork(ParseCanonicalText(lease.description().network()).value()).value();
    int64_t left = result.relus();
    for (const Op& op : network.ops) {
      if (op.kind != OpKind::kRelu) continue;
      v1::LayerRelus& layer = *result.add_layers();
      layer.set_layer(op.name);
      layer.set_units(op.relu_channels * op.output.height * op.output.width);
      layer.set_kept(std::min(layer.units(), left));
      left -= layer.kept();
    }
    for (int64_t label = 0; label < lease.description().data().classes(); ++label) {
      v1::ClassAccuracy& one = *result.add_classes();
      one.set_name(absl::StrCat("class ", label));
      one.set_images(1000 / 10);
      one.set_correct(std::llround(accuracy * 100));
    }
    result.set_accuracy_soft(0.7);
    result.set_accuracy_trimmed(0.6);
    result.set_accuracy_validation(accuracy);
    report.set_accuracy_test(0.8125);
    *result.mutable_artifact() = File(absl::StrCat("final ", lease.description().task()));
    *report.mutable_result() = std::move(result);
    return report;
  }
  static v1::TaskReport Failed(const v1::Lease& lease, v1::Failure::Kind kind,
                               const std::string& message) {
    v1::TaskReport report = Running(lease);
    report.set_state(v1::TaskReport::FAILED);
    report.mutable_failure()->set_kind(kind);
    report.mutable_failure()->set_message(message);
    report.mutable_failure()->set_epoch(3);
    return report;
  }
  // What a Worker would do with a Lease that ends well.
  v1::TaskReport Done(const v1::Lease& lease) {
    switch (StageOf(lease.description())) {
      case Stage::kPretrain:
        return Pretrained(lease);
      case Stage::kLinearize:
        return Descended(lease);
      case Stage::kFineTune:
        return FineTuned(lease);
    }
    return {};
  }
  // One Lease of `worker`, as the answer to `reports`.
  v1::Lease One(const std::string& worker, std::vector<v1::TaskReport> reports = {}) {
    const std::vector<v1::Lease> leases = Sync(worker, std::move(reports));
    EXPECT_THAT(leases, ::testing::SizeIs(1));
    return leases.empty() ? v1::Lease() : leases[0];
  }
  void Finish(const std::string& worker) {
    std::vector<v1::Lease> leases = Sync(worker);
    while (!leases.empty()) leases = Sync(worker, {Done(leases[0])});
  }
  // Time passes in small steps, with the coordinator awake.
  void Pass(Milliseconds time) {
    for (Milliseconds step; time > Milliseconds(0); time -= step) {
      step = std::min(time, Milliseconds(1'000));
      clock_.Advance(step);
      Tick();
    }
  }

  v1::Task Task(TaskId id) {
    const v1::JobList jobs = reader_->ListJobs().value();
    for (const v1::Job& job : jobs.jobs()) {
      const v1::JobDetail detail = reader_->GetJob(JobId{job.job()}).value();
      for (const v1::Candidate& candidate : detail.candidates()) {
        for (const v1::Task& task : candidate.tasks()) {
          if (task.task() == id.value) return task;
        }
      }
    }
    ADD_FAILURE() << "no task " << id.value;
    return {};
  }
  v1::Task Task(const v1::Lease& lease) { return Task(TaskId{lease.description().task()}); }
  // The Task of `stage` and `budget` of the first Candidate of `job`.
  v1::Task Task(JobId job, Stage stage, int64_t budget = 0) {
    const v1::JobDetail detail = reader_->GetJob(job).value();
    for (const v1::Task& task : detail.candidates(0).tasks()) {
      if (task.stage() == StageName(stage) && task.budget() == budget) return task;
    }
    ADD_FAILURE() << "no such task";
    return {};
  }
  v1::Job Job(JobId id) { return reader_->GetJob(id)->job(); }
  // As users see it.
  v1::JobSpec SpecOf(JobId id) {
    return BareFromJson<v1::JobSpec>(reader_->GetJob(id)->spec_json());
  }
  int64_t CountEvents(const std::string& kind) {
    const v1::EventList list = reader_->ListEvents(JobId{}, 0, 10'000).value();
    return std::count_if(list.events().begin(), list.events().end(),
                         [&](const v1::Event& e) { return e.kind() == kind; });
  }

  const std::filesystem::path folder_;
  const ArtifactFolder artifacts_;
  const MetricCatalog* metrics_ = nullptr;  // of the next Restart
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<ResultReader> reader_;
};

}  // namespace reluscape

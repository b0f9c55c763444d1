#pragma once

// A coordinator on real files with a clock that stands still, and what Workers say in a few words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/network/names.h"
#include "search/strategy/seeds.h"
#include "server/coordinator.h"
#include "storage/result_reader.h"
#include "tests/fakes/fake_clock.h"

namespace reluscape {

inline constexpr Milliseconds kLeaseTime{30'000};
inline constexpr int64_t kLargeBudget = 3000;
inline constexpr int64_t kSmallBudget = 1000;

// resnet18 at m = 4: 30720 ReLUs (491520 / 16).
inline JobSpec SmallJob() {
  JobSpec spec;
  spec.name = "small";
  spec.data.set = "toy";
  spec.data.classes = 10;
  spec.data.side = 32;
  spec.candidates.networks = {"resnet18@4"};
  spec.budgets.relus = {kSmallBudget, kLargeBudget};
  spec.limits.max_attempts = 2;
  return spec;
}

inline Measurement Measured(const std::string& data = "data", const std::string& split = "split") {
  Measurement m;
  m.build_commit = "abc";
  m.torch_version = "2.13.0";
  m.device = "cpu";
  m.precision = "float32";
  m.threads = 1;
  m.data_hash = data;
  m.split_hash = split;
  m.train_images = 9000;
  m.validation_images = 1000;
  m.test_images = 1000;
  return m;
}

inline EpochReport Epoch(int64_t number, double accuracy = 0.5) {
  EpochReport e;
  e.epoch = number;
  e.loss = 1;
  e.train_accuracy = accuracy;
  e.validation_accuracy = accuracy;
  e.learning_rate = 0.1;
  e.relus = 100;
  e.seconds = 1;
  return e;
}

// What a Worker says that has opened the images of a Job.
inline DataState Opened(const JobSpec& spec, const std::string& hash = "data") {
  DataState state;
  state.request = {spec.data, SplitSeed(spec.seed)};
  state.request.data.hash.clear();
  state.data_hash = hash;
  state.split_hash = "split";
  return state;
}

// And one that cannot use them.
inline DataState Unusable(const JobSpec& spec, const std::string& problem) {
  DataState state = Opened(spec);
  state.data_hash.clear();
  state.split_hash.clear();
  state.problem = problem;
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

  JobId Submit(const JobSpec& spec = SmallJob(), const std::string& request_id = "") {
    const auto outcome =
        coordinator_->Submit(spec, "{}", Sha256Hex("recipe"), request_id, /*validate_only=*/false);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.ok() ? outcome->job : JobId{};
  }

  SyncRequest Request(const std::string& worker, std::vector<TaskReport> reports = {}) {
    SyncRequest request;
    request.worker.id = worker;
    request.worker.incarnation = "first";
    request.worker.device = "cpu";
    request.worker.data_sets = {"toy"};
    request.worker.data = {Opened(SmallJob())};
    request.artifact_folder_id = artifacts_.ReadId().value();
    request.reports = std::move(reports);
    return request;
  }
  std::vector<Lease> Call(const SyncRequest& request) {
    const auto response = coordinator_->Synchronize(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->leases : std::vector<Lease>();
  }
  std::vector<Lease> Sync(const std::string& worker, std::vector<TaskReport> reports = {}) {
    return Call(Request(worker, std::move(reports)));
  }
  // Reports without taking new work.
  std::vector<Lease> Report(const std::string& worker, const TaskReport& report) {
    SyncRequest request = Request(worker, {report});
    request.accepts_work = false;
    return Call(request);
  }
  void Tick() { ASSERT_TRUE(coordinator_->Tick().ok()); }

  ArtifactRef File(const std::string& content) { return artifacts_.Put(content).value(); }

  static TaskReport Running(const Lease& lease) {
    TaskReport report;
    report.task = lease.description.task;
    report.attempt = lease.description.attempt;
    report.epochs_planned = 10;
    report.measurement = Measured();
    report.device_seconds = 5;
    return report;
  }
  TaskReport Pretrained(const Lease& lease) {
    TaskReport report = Running(lease);
    report.state = ReportState::kSucceeded;
    report.weights = File(absl::StrCat("weights ", lease.description.candidate.value));
    return report;
  }
  SnapshotReport SnapshotFor(const Lease& lease, int64_t budget) {
    SnapshotReport snapshot;
    snapshot.budget = budget;
    snapshot.artifact =
        File(absl::StrCat("snapshot ", lease.description.candidate.value, " ", budget));
    snapshot.relus = budget + 7;
    snapshot.epoch = 4;
    snapshot.device_seconds = static_cast<double>(10'000 - budget);
    return snapshot;
  }
  TaskReport Descended(const Lease& lease) {
    TaskReport report = Running(lease);
    report.state = ReportState::kSucceeded;
    for (const int64_t budget : lease.description.budgets) {
      report.snapshots.push_back(SnapshotFor(lease, budget));
    }
    return report;
  }
  TaskReport FineTuned(const Lease& lease, double accuracy = 0.8) {
    TaskReport report = Running(lease);
    report.state = ReportState::kSucceeded;
    ResultReport result;
    result.budget = lease.description.budgets.at(0);
    result.relus = result.budget;
    const Network network =
        BuildNetwork(ParseCanonicalText(lease.description.network).value()).value();
    int64_t left = result.relus;
    for (const Op& op : network.ops) {
      if (op.kind != OpKind::kRelu) continue;
      const int64_t units = op.relu_channels * op.output.height * op.output.width;
      result.layers.push_back({op.name, units, std::min(units, left)});
      left -= result.layers.back().kept;
    }
    for (int64_t label = 0; label < lease.description.data.classes; ++label) {
      result.classes.push_back({absl::StrCat("class ", label), 1000 / 10,
                                static_cast<int64_t>(std::llround(accuracy * 100))});
    }
    result.accuracy_soft = 0.7;
    result.accuracy_trimmed = 0.6;
    result.accuracy_validation = accuracy;
    result.accuracy_test = 0.8125;
    result.artifact = File(absl::StrCat("final ", lease.description.task.value));
    report.result = std::move(result);
    return report;
  }
  static TaskReport Failed(const Lease& lease, FailureKind kind, const std::string& message) {
    TaskReport report = Running(lease);
    report.state = ReportState::kFailed;
    report.failure = Failure{kind, message, 3};
    return report;
  }
  // What a Worker would do with a Lease that ends well.
  TaskReport Done(const Lease& lease) {
    switch (lease.description.stage) {
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
  Lease One(const std::string& worker, std::vector<TaskReport> reports = {}) {
    const std::vector<Lease> leases = Sync(worker, std::move(reports));
    EXPECT_THAT(leases, ::testing::SizeIs(1));
    return leases.empty() ? Lease() : leases[0];
  }
  void Finish(const std::string& worker) {
    std::vector<Lease> leases = Sync(worker);
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

  TaskView Task(TaskId id) {
    const std::vector<JobView> jobs = reader_->ListJobs().value();
    for (const JobView& job : jobs) {
      const JobDetailView detail = reader_->GetJob(job.id).value();
      for (const CandidateView& candidate : detail.candidates) {
        for (const TaskView& task : candidate.tasks) {
          if (task.id == id) return task;
        }
      }
    }
    ADD_FAILURE() << "no task " << id.value;
    return {};
  }
  TaskView Task(const Lease& lease) { return Task(lease.description.task); }
  // The Task of `stage` and `budget` of the first Candidate of `job`.
  TaskView Task(JobId job, Stage stage, int64_t budget = 0) {
    const JobDetailView detail = reader_->GetJob(job).value();
    for (const TaskView& task : detail.candidates.at(0).tasks) {
      if (task.stage == stage && task.budget == budget) return task;
    }
    ADD_FAILURE() << "no such task";
    return {};
  }
  JobView Job(JobId id) { return reader_->GetJob(id).value().job; }
  int64_t CountEvents(const std::string& kind) {
    const std::vector<EventView> events = reader_->ListEvents(JobId{}, 0, 10'000).value();
    return std::count_if(events.begin(), events.end(),
                         [&](const EventView& e) { return e.kind == kind; });
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

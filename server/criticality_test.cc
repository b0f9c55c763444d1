// Jobs of kind criticality, and the generators that follow what they measured.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/network/accounting.h"
#include "search/network/names.h"
#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

JobSpec CriticalityJob(std::vector<std::string> networks = {"resnet18@4"}) {
  JobSpec spec = SmallJob();
  spec.kind = JobKind::kCriticality;
  spec.candidates.networks = std::move(networks);
  spec.budgets = {};
  spec.objectives = {};
  return spec;
}

// A search of one generator that takes its order from `job`.
JobSpec Follows(JobId job) {
  JobSpec spec = SmallJob();
  spec.candidates.networks.clear();
  spec.candidates.deepreshape = {{.backbone = "resnet18",
                                  .order = {},
                                  .base_channels = {4},
                                  .max_multiplier = 16,
                                  .order_from_job = job.value,
                                  .order_from_network = ""}};
  return spec;
}

class CriticalityJobTest : public CoordinatorTest {
 protected:
  // A pretrain that ended at this validation accuracy, after an epoch of another one.
  TaskReport TrainedTo(const Lease& lease, double accuracy) {
    TaskReport report = Pretrained(lease);
    report.epochs = {Epoch(0, 0.99), Epoch(1, accuracy)};
    return report;
  }
  CandidateView Candidate(CandidateId id) { return reader_->GetCandidate(id).value().candidate; }
  // Works off what is queued; the network with ReLUs in stage k alone reaches accuracies[k - 1].
  void Measure(const std::vector<double>& accuracies) {
    std::vector<Lease> leases = Sync("a");
    while (!leases.empty()) {
      const int64_t stage = Candidate(leases[0].description.candidate).measured_stage;
      const double accuracy = stage == 0 ? 0.9 : accuracies.at(static_cast<size_t>(stage - 1));
      leases = Sync("a", {TrainedTo(leases[0], accuracy)});
    }
  }
  std::string ErrorOf(const JobSpec& spec) {
    const auto outcome = coordinator_->Submit(spec, "{}", "", "", /*validate_only=*/true);
    EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument) << outcome.status();
    return std::string(outcome.status().message());
  }
};

TEST_F(CriticalityJobTest, StagesWaitForTheirTeacherAndLearnFromIt) {
  const JobId job = Submit(CriticalityJob());
  SyncRequest request = Request("a");
  request.worker.slots = 8;
  std::vector<Lease> leases = Call(request);
  ASSERT_THAT(leases, SizeIs(1)) << "only the teacher may begin";
  const Lease teacher = leases[0];
  EXPECT_EQ(teacher.description.stage, Stage::kPretrain);
  EXPECT_TRUE(teacher.description.teacher_network.empty());
  EXPECT_FALSE(teacher.description.teacher);
  const JobDetailView before = reader_->GetJob(job).value();
  EXPECT_EQ(before.job.kind, JobKind::kCriticality);
  ASSERT_THAT(before.candidates, SizeIs(5));
  EXPECT_EQ(before.candidates[0].role, CandidateRole::kTeacher);
  EXPECT_EQ(before.candidates[3].measured_stage, 3);
  EXPECT_EQ(before.candidates[3].teacher, before.candidates[0].id);
  EXPECT_THAT(before.candidates[3].tasks, SizeIs(1));
  EXPECT_THAT(before.candidates[3].tasks[0].message, HasSubstr("waits for the pretrain of its"));

  const TaskReport done = TrainedTo(teacher, 0.9);
  request.reports = {done};
  leases = Call(request);
  ASSERT_THAT(leases, SizeIs(4));
  for (const Lease& lease : leases) {
    const TaskDescription& d = lease.description;
    EXPECT_EQ(d.stage, Stage::kPretrain);
    EXPECT_EQ(d.teacher_network, teacher.description.network);
    EXPECT_EQ(d.teacher, done.weights);
    EXPECT_EQ(d.data_hash, "data");
    EXPECT_EQ(d.split_hash, "split");
    EXPECT_NE(d.seed, teacher.description.seed);
    EXPECT_NE(d.network, teacher.description.network);
    EXPECT_THAT(d.budgets, IsEmpty());
  }
}

TEST_F(CriticalityJobTest, OrderIsThatOfTheMeasuredAccuracies) {
  const JobId job = Submit(CriticalityJob());
  Measure({0.8, 0.5, 0.4, 0.7});
  const JobDetailView detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job.state, JobState::kFinished);
  ASSERT_THAT(detail.criticality, SizeIs(1));
  const CriticalityView& measured = detail.criticality[0];
  EXPECT_EQ(measured.name, "resnet18@4");
  EXPECT_EQ(measured.candidate, detail.candidates[0].id);
  EXPECT_EQ(measured.settings, CriticalitySettings());
  EXPECT_THAT(measured.Order(), ElementsAre(1, 4, 2, 3));
  ASSERT_THAT(measured.stages, SizeIs(4));
  EXPECT_EQ(measured.stages[0].accuracy, 0.8) << "of the last epoch";
  EXPECT_EQ(measured.stages[0].relus, 16384);
  EXPECT_EQ(measured.stages[2].score, 0);
  EXPECT_EQ(CountEvents("criticality"), 1);
  EXPECT_THAT(reader_->GetFront(job).value().results, IsEmpty());
}

TEST_F(CriticalityJobTest, ReplicatesAreAveragedAndEachHasItsTeacher) {
  JobSpec spec = CriticalityJob();
  spec.candidates.replicates = 2;
  const JobId job = Submit(spec);
  const std::map<int64_t, std::vector<double>> accuracies = {{0, {0.5, 0.6, 0.4, 0.3}},
                                                             {1, {0.7, 0.2, 0.4, 0.3}}};
  std::vector<Lease> leases = Sync("a");
  while (!leases.empty()) {
    EXPECT_THAT(reader_->GetJob(job).value().criticality, IsEmpty());
    const CandidateView candidate = Candidate(leases[0].description.candidate);
    double accuracy = 0.9;
    if (candidate.measured_stage > 0) {
      EXPECT_EQ(Candidate(candidate.teacher).replicate, candidate.replicate);
      accuracy =
          accuracies.at(candidate.replicate)[static_cast<size_t>(candidate.measured_stage - 1)];
    }
    leases = Sync("a", {TrainedTo(leases[0], accuracy)});
  }
  const JobDetailView detail = reader_->GetJob(job).value();
  ASSERT_THAT(detail.criticality, SizeIs(1));
  EXPECT_THAT(detail.criticality[0].Order(), ElementsAre(1, 3, 2, 4));
  const StageCriticality& first = detail.criticality[0].stages[0];
  EXPECT_DOUBLE_EQ(first.accuracy, 0.6);
  EXPECT_EQ(first.accuracy_lowest, 0.5);
  EXPECT_EQ(first.accuracy_highest, 0.7);
  EXPECT_EQ(first.replicates, 2);
  EXPECT_EQ(detail.criticality[0].candidate, detail.candidates[0].id);
}

TEST_F(CriticalityJobTest, GeneratorFollowsTheMeasuredOrderAndRecordsIt) {
  const JobId measured = Submit(CriticalityJob());
  Measure({0.8, 0.5, 0.4, 0.7});
  const JobId job = Submit(Follows(measured));
  const JobDetailView detail = reader_->GetJob(job).value();
  ASSERT_THAT(detail.candidates, Not(IsEmpty()));
  const std::string origin = absl::StrCat("deepreshape, order 1,4,2,3 (measured by job ",
                                          measured.value, " on resnet18@4)");
  for (const CandidateView& candidate : detail.candidates) {
    EXPECT_EQ(candidate.origin, origin);
    const auto counts =
        CountNetwork(BuildNetwork(ParseCanonicalText(candidate.network).value()).value()).value();
    EXPECT_GT(counts.stages[0].relus, counts.stages[3].relus) << candidate.name;
    EXPECT_GT(counts.stages[3].relus, counts.stages[1].relus) << candidate.name;
    EXPECT_GT(counts.stages[1].relus, counts.stages[2].relus) << candidate.name;
  }
  Finish("a");
  const FrontView front = reader_->GetFront(job).value();
  ASSERT_THAT(front.results, Not(IsEmpty()));
  EXPECT_THAT(front.results, Each(::testing::Field(&ResultView::origin, origin)));
}

TEST_F(CriticalityJobTest, OrdersThatCannotBeTakenAreRefusedByField) {
  EXPECT_THAT(ErrorOf(Follows(JobId{99})),
              HasSubstr("candidates.deepreshape[0].order_from_job: found 99, which no job has; "
                        "allowed: the number of a FINISHED job of kind criticality"));
  const JobId search = Submit();
  EXPECT_THAT(ErrorOf(Follows(search)), HasSubstr("of kind search"));
  ASSERT_TRUE(coordinator_->Cancel(search).ok());

  JobSpec three = CriticalityJob({"resnet20@2", "resnet18@4"});
  const JobId measured = Submit(three);
  EXPECT_THAT(ErrorOf(Follows(measured)), HasSubstr("which is RUNNING"));
  Measure({0.8, 0.5, 0.4, 0.7});
  EXPECT_THAT(ErrorOf(Follows(measured)),
              HasSubstr(absl::StrCat("candidates.deepreshape[0].order_from_network: found nothing; "
                                     "allowed: a network of job ",
                                     measured.value, ": resnet20@2, resnet18@4")));
  JobSpec spec = Follows(measured);
  spec.candidates.deepreshape[0].order_from_network = "resnet34@4";
  EXPECT_THAT(ErrorOf(spec), HasSubstr("order_from_network: found \"resnet34@4\""));
  spec.candidates.deepreshape[0].order_from_network = "resnet20@2";
  EXPECT_THAT(ErrorOf(spec), HasSubstr("which measured resnet20@2 of 3 stages; allowed: a job that "
                                       "measured a network of 4 stages"));
  spec.candidates.deepreshape[0].order_from_network = "resnet18@4";
  EXPECT_TRUE(coordinator_->Submit(spec, "{}", "", "", /*validate_only=*/true).ok());
  spec.data.set = "other";
  EXPECT_THAT(ErrorOf(spec), HasSubstr("on toy (10 classes, side 32); allowed: a job on this job's "
                                       "data, other (10 classes, side 32)"));
  // Every error at once.
  spec.budgets.relus = {-1};
  EXPECT_THAT(ErrorOf(spec), AllOf(HasSubstr("order_from_job"), HasSubstr("budgets.relus[0]")));
}

TEST_F(CriticalityJobTest, ImagesThatHaveChangedSinceAreRefusedAndOtherSplitsNoted) {
  const JobId measured = Submit(CriticalityJob());
  Measure({0.4, 0.8, 0.7, 0.5});
  JobSpec spec = Follows(measured);
  spec.seed = 99;
  const auto other = coordinator_->Submit(spec, "{}", "", "", /*validate_only=*/true);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(other->preview.notes, ::testing::Contains(HasSubstr("measured on other images")));

  const auto same = coordinator_->Submit(Follows(measured), "{}", "", "", /*validate_only=*/true);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_THAT(same->preview.notes, Not(::testing::Contains(HasSubstr("other images"))));
  // A later Job finds other files under the same name.
  Submit();
  Lease lease = One("a");
  TaskReport report = Pretrained(lease);
  report.measurement = Measured("new data", "split");
  Report("a", report);
  EXPECT_THAT(ErrorOf(Follows(measured)), HasSubstr("a job on the images that toy holds now"));
}

TEST_F(CriticalityJobTest, FailedTeacherTakesItsStagesWithIt) {
  JobSpec spec = CriticalityJob({"resnet18@4", "resnet20@2"});
  const JobId job = Submit(spec);
  const Lease teacher = One("a");
  Sync("a", {Failed(teacher, FailureKind::kDiverged, "loss is nan")});
  Measure({0.5, 0.6, 0.7, 0.8});
  const JobDetailView detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job.state, JobState::kFailed);
  for (size_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(detail.candidates[i].tasks[0].state, TaskState::kCancelled);
    EXPECT_THAT(detail.candidates[i].tasks[0].message,
                AllOf(HasSubstr("the pretrain of its teacher"), HasSubstr("loss is nan")));
  }
  // The other network is measured, but the Job has not FINISHED.
  ASSERT_THAT(detail.criticality, SizeIs(1));
  EXPECT_EQ(detail.criticality[0].name, "resnet20@2");
  EXPECT_THAT(ErrorOf(Follows(job)), HasSubstr("which is FAILED"));
}

TEST_F(CriticalityJobTest, StageWithoutAnEpochIsNoSuccess) {
  Submit(CriticalityJob());
  const Lease teacher = One("a");
  const Lease stage = One("a", {TrainedTo(teacher, 0.9)});
  Report("a", Pretrained(stage));
  EXPECT_EQ(Task(stage).state, TaskState::kQueued);
  EXPECT_THAT(Task(stage).message, HasSubstr("without an epoch"));
}

TEST_F(CriticalityJobTest, RestartAndRepeatedReportsChangeNothing) {
  const JobId job = Submit(CriticalityJob());
  Lease lease = One("a");
  lease = One("a", {TrainedTo(lease, 0.9)});
  Restart();
  std::vector<Lease> leases = {lease};
  TaskReport last;
  while (!leases.empty()) {
    last = TrainedTo(leases[0], 0.1 * static_cast<double>(leases[0].description.task.value));
    Restart();
    leases = Sync("a", {last});
  }
  Sync("a", {last});
  const JobDetailView detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job.state, JobState::kFinished);
  ASSERT_THAT(detail.criticality, SizeIs(1));
  EXPECT_THAT(detail.criticality[0].Order(), ElementsAre(4, 3, 2, 1));
  EXPECT_EQ(CountEvents("criticality"), 1);
}

class WholeNetworkTest : public CoordinatorTest {
 protected:
  static JobSpec ReduceJob() {
    JobSpec spec = SmallJob();
    spec.candidates.networks.clear();
    spec.budgets = {};
    spec.candidates.deepreduce = {{.backbone = "resnet18@4",
                                   .order = {},
                                   .max_culled = 1,
                                   .channel_scales = {1},
                                   .resolutions = {1},
                                   .order_from_network = ""}};
    return spec;
  }
  TaskReport Trained(const Lease& lease, double accuracy = 0.8) {
    if (lease.description.budgets.empty()) return Pretrained(lease);
    return FineTuned(lease, accuracy);
  }
};

TEST_F(WholeNetworkTest, ReducedNetworksBecomeResultsOfAllTheirRelus) {
  const JobId job = Submit(ReduceJob());
  const Lease teacher = One("a");
  const Lease culled = One("a", {Trained(teacher)});
  EXPECT_EQ(culled.description.stage, Stage::kPretrain);
  EXPECT_EQ(culled.description.teacher_network, teacher.description.network);
  const CandidateView candidate =
      reader_->GetCandidate(culled.description.candidate).value().candidate;
  EXPECT_EQ(candidate.role, CandidateRole::kWhole);
  EXPECT_THAT(culled.description.budgets, ElementsAre(candidate.relus));
  std::vector<Lease> leases = {culled};
  double accuracy = 0.9;
  while (!leases.empty()) leases = Sync("a", {Trained(leases[0], accuracy -= 0.1)});

  EXPECT_EQ(Job(job).state, JobState::kFinished);
  const FrontView front = reader_->GetFront(job).value();
  ASSERT_THAT(front.results, Not(IsEmpty()));
  for (const ResultView& result : front.results) {
    EXPECT_EQ(result.relus, result.budget);
    EXPECT_FALSE(result.seed_linearize.has_value());
    EXPECT_FALSE(result.seed_fine_tune.has_value());
    EXPECT_EQ(result.seconds_linearize, 0);
    EXPECT_EQ(result.seconds_fine_tune, 0);
    EXPECT_EQ(result.seconds_pretrain, 5);
    EXPECT_EQ(result.origin, "deepreduce, order 3,2,4,1 (published default)");
    EXPECT_THAT(result.latency, Not(IsEmpty()));
  }
  EXPECT_EQ(CountEvents("result"), static_cast<int64_t>(front.results.size()));
}

TEST_F(WholeNetworkTest, ResultOfAnotherCountIsRefused) {
  Submit(ReduceJob());
  const Lease culled = One("a", {Trained(One("a"))});
  TaskReport report = Trained(culled);
  report.result->relus -= 1;
  Report("a", report);
  EXPECT_EQ(Task(culled).state, TaskState::kQueued);
  EXPECT_THAT(Task(culled).message, HasSubstr("ReLUs; allowed: "));
}

TEST_F(WholeNetworkTest, ASearchedBackboneTeachesAndStandsOnTheSameFront) {
  JobSpec spec = ReduceJob();
  spec.candidates.networks = {"resnet18@4"};
  spec.budgets.relus = {kSmallBudget};
  const JobId job = Submit(spec);
  std::vector<Lease> leases = Sync("a");
  std::optional<std::string> teacher;
  while (!leases.empty()) {
    const TaskDescription& d = leases[0].description;
    if (!d.teacher_network.empty()) {
      EXPECT_EQ(d.teacher_network, teacher.value_or(""));
    } else if (d.stage == Stage::kPretrain) {
      teacher = d.network;
    }
    leases = Sync("a", {d.stage == Stage::kPretrain ? Trained(leases[0]) : Done(leases[0])});
  }
  const JobDetailView detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job.state, JobState::kFinished);
  EXPECT_EQ(detail.candidates[0].role, CandidateRole::kSearch);
  EXPECT_EQ(detail.job.results, static_cast<int64_t>(detail.candidates.size()));
}

}  // namespace
}  // namespace reluscape

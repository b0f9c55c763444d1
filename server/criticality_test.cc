// Jobs of kind criticality, and the generators that follow what they measured.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/cost/papers.h"
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

v1::JobSpec CriticalityJob(const std::vector<std::string>& networks = {"resnet18@4"}) {
  v1::JobSpec spec = SmallJob();
  spec.set_kind(v1::JobSpec::CRITICALITY);
  spec.mutable_criticality();
  SetList(spec.mutable_candidates()->mutable_networks(), networks);
  spec.clear_budgets();
  FillJobDefaults(spec);
  return spec;
}

// A search of one generator that takes its order from `job`.
v1::JobSpec Follows(JobId job) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_candidates()->clear_networks();
  v1::DeepReShapeSpec& generator = *spec.mutable_candidates()->add_deepreshape();
  generator.add_base_channels(4);
  generator.set_order_from_job(job.value);
  return spec;
}

class CriticalityJobTest : public CoordinatorTest {
 protected:
  // A pretrain that ended at this validation accuracy, after an epoch of another one.
  v1::TaskReport TrainedTo(const v1::Lease& lease, double accuracy) {
    v1::TaskReport report = Pretrained(lease);
    SetList(report.mutable_epochs(), {Epoch(0, 0.99), Epoch(1, accuracy)});
    return report;
  }
  v1::Candidate Candidate(CandidateId id) { return reader_->GetCandidate(id)->candidate(); }
  // Works off what is queued; the network with ReLUs in section k alone reaches accuracies[k - 1].
  void Measure(const std::vector<double>& accuracies) {
    std::vector<v1::Lease> leases = Sync("a");
    while (!leases.empty()) {
      const int64_t section =
          Candidate(CandidateId{leases[0].description().candidate()}).measured_section();
      const double accuracy = section == 0 ? 0.9 : accuracies.at(static_cast<size_t>(section - 1));
      leases = Sync("a", {TrainedTo(leases[0], accuracy)});
    }
  }
  std::string ErrorOf(const v1::JobSpec& spec) {
    const auto outcome = coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/true);
    EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument) << outcome.status();
    return std::string(outcome.status().message());
  }
};

TEST_F(CriticalityJobTest, AJobStaysFromWhichAnotherHasItsOrder) {
  const JobId measured = Submit(CriticalityJob());
  Measure({0.1, 0.4, 0.3, 0.2});
  ASSERT_EQ(Job(measured).state(), "FINISHED");
  const JobId follower = Submit(Follows(measured));
  const auto refused = coordinator_->Delete(measured);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr(absl::StrCat("take theirs: ", follower.value, ";")));
  // Its weights are not needed for that.
  EXPECT_GT(coordinator_->Archive(measured, v1::JobSpec::RESULTS)->files, 0);
  EXPECT_TRUE(Submit(Follows(measured)));

  for (const JobId job : {follower, JobId{follower.value + 1}}) {
    ASSERT_TRUE(coordinator_->Cancel(job).ok());
    ASSERT_TRUE(coordinator_->Delete(job).ok());
  }
  EXPECT_TRUE(coordinator_->Delete(measured).ok());
}

TEST_F(CriticalityJobTest, SectionsWaitForTheirTeacherAndLearnFromIt) {
  const JobId job = Submit(CriticalityJob());
  const v1::Lease teacher = One("a");
  EXPECT_THAT(Sync("b"), IsEmpty()) << "only the teacher may begin";
  EXPECT_EQ(teacher.description().stage(), StageName(Stage::kPretrain));
  EXPECT_TRUE(teacher.description().teacher_network().empty());
  EXPECT_FALSE(IsSet(teacher.description().teacher()));
  const v1::JobDetail before = reader_->GetJob(job).value();
  EXPECT_EQ(before.job().kind(), "criticality");
  ASSERT_THAT(before.candidates(), SizeIs(5));
  EXPECT_EQ(before.candidates(0).role(), "teacher");
  EXPECT_EQ(before.candidates(3).measured_section(), 3);
  EXPECT_EQ(before.candidates(3).teacher(), before.candidates(0).candidate());
  EXPECT_THAT(before.candidates(3).tasks(), SizeIs(1));
  EXPECT_THAT(before.candidates(3).tasks(0).message(), HasSubstr("waits for the pretrain of its"));

  const v1::TaskReport done = TrainedTo(teacher, 0.9);
  std::vector<v1::Lease> leases = Sync("a", {done});
  for (const char* worker : {"b", "c", "d"}) leases.push_back(One(worker));
  ASSERT_THAT(leases, SizeIs(4));
  EXPECT_THAT(Sync("e"), IsEmpty());
  for (const v1::Lease& lease : leases) {
    const v1::TaskDescription& d = lease.description();
    EXPECT_EQ(d.stage(), StageName(Stage::kPretrain));
    EXPECT_EQ(d.teacher_network(), teacher.description().network());
    EXPECT_EQ(d.teacher(), done.weights());
    EXPECT_EQ(d.data_hash(), kDataHash);
    EXPECT_EQ(d.split_hash(), kSplitHash);
    EXPECT_NE(d.seed(), teacher.description().seed());
    EXPECT_NE(d.network(), teacher.description().network());
    EXPECT_THAT(d.budgets(), IsEmpty());
  }
}

TEST_F(CriticalityJobTest, OrderIsThatOfTheMeasuredAccuracies) {
  const JobId job = Submit(CriticalityJob());
  Measure({0.8, 0.5, 0.4, 0.7});
  const v1::JobDetail detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job().state(), "FINISHED");
  ASSERT_THAT(detail.criticality(), SizeIs(1));
  const v1::Criticality& measured = detail.criticality(0);
  EXPECT_EQ(measured.name(), "resnet18@4");
  EXPECT_EQ(measured.candidate(), detail.candidates(0).candidate());
  EXPECT_EQ(measured.exponent(), FromJson<v1::CriticalitySpec>("{}").exponent());
  EXPECT_EQ(measured.baseline(), "minimum");
  EXPECT_THAT(measured.order(), ElementsAre(1, 4, 2, 3));
  ASSERT_THAT(measured.sections(), SizeIs(4));
  EXPECT_EQ(measured.sections(0).accuracy(), 0.8) << "of the last epoch";
  EXPECT_EQ(measured.sections(0).relus(), 16384);
  EXPECT_EQ(measured.sections(2).score(), 0);
  EXPECT_EQ(CountEvents("criticality"), 1);
  EXPECT_THAT(reader_->ListResults(job)->results(), IsEmpty());
}

TEST_F(CriticalityJobTest, ReplicatesAreAveragedAndEachHasItsTeacher) {
  v1::JobSpec spec = CriticalityJob();
  spec.mutable_candidates()->set_replicates(2);
  const JobId job = Submit(spec);
  const std::map<int64_t, std::vector<double>> accuracies = {{0, {0.5, 0.6, 0.4, 0.3}},
                                                             {1, {0.7, 0.2, 0.4, 0.3}}};
  std::vector<v1::Lease> leases = Sync("a");
  while (!leases.empty()) {
    EXPECT_THAT(reader_->GetJob(job)->criticality(), IsEmpty());
    const v1::Candidate candidate = Candidate(CandidateId{leases[0].description().candidate()});
    double accuracy = 0.9;
    if (candidate.measured_section() > 0) {
      EXPECT_EQ(Candidate(CandidateId{candidate.teacher()}).replicate(), candidate.replicate());
      accuracy = accuracies.at(
          candidate.replicate())[static_cast<size_t>(candidate.measured_section() - 1)];
    }
    leases = Sync("a", {TrainedTo(leases[0], accuracy)});
  }
  const v1::JobDetail detail = reader_->GetJob(job).value();
  ASSERT_THAT(detail.criticality(), SizeIs(1));
  EXPECT_THAT(detail.criticality(0).order(), ElementsAre(1, 3, 2, 4));
  const v1::SectionCriticality& first = detail.criticality(0).sections(0);
  EXPECT_DOUBLE_EQ(first.accuracy(), 0.6);
  EXPECT_EQ(first.accuracy_lowest(), 0.5);
  EXPECT_EQ(first.accuracy_highest(), 0.7);
  EXPECT_EQ(first.replicates(), 2);
  EXPECT_EQ(detail.criticality(0).candidate(), detail.candidates(0).candidate());
}

TEST_F(CriticalityJobTest, GeneratorFollowsTheMeasuredOrderAndRecordsIt) {
  const JobId measured = Submit(CriticalityJob());
  Measure({0.8, 0.5, 0.4, 0.7});
  const JobId job = Submit(Follows(measured));
  const v1::JobDetail detail = reader_->GetJob(job).value();
  ASSERT_THAT(detail.candidates(), Not(IsEmpty()));
  const std::string origin = absl::StrCat("deepreshape, order 1,4,2,3 (measured by job ",
                                          measured.value, " on resnet18@4)");
  for (const v1::Candidate& candidate : detail.candidates()) {
    EXPECT_EQ(candidate.origin(), origin);
    const auto counts =
        CountNetwork(BuildNetwork(ParseCanonicalText(candidate.network()).value()).value()).value();
    EXPECT_GT(counts.sections[0].relus, counts.sections[3].relus) << candidate.name();
    EXPECT_GT(counts.sections[3].relus, counts.sections[1].relus) << candidate.name();
    EXPECT_GT(counts.sections[1].relus, counts.sections[2].relus) << candidate.name();
  }
  Finish("a");
  const v1::ResultList list = reader_->ListResults(job).value();
  ASSERT_THAT(list.results(), Not(IsEmpty()));
  EXPECT_THAT(list.results(), Each(::testing::Property(&v1::Result::origin, origin)));
}

TEST_F(CriticalityJobTest, OrdersThatCannotBeTakenAreRefusedByField) {
  EXPECT_THAT(ErrorOf(Follows(JobId{99})),
              HasSubstr("candidates.deepreshape[0].order_from_job: found 99, which no job has; "
                        "allowed: the number of a FINISHED job of kind criticality"));
  const JobId search = Submit();
  EXPECT_THAT(ErrorOf(Follows(search)), HasSubstr("of kind search"));
  ASSERT_TRUE(coordinator_->Cancel(search).ok());

  v1::JobSpec three = CriticalityJob({"resnet20@2", "resnet18@4"});
  const JobId measured = Submit(three);
  EXPECT_THAT(ErrorOf(Follows(measured)), HasSubstr("which is RUNNING"));
  Measure({0.8, 0.5, 0.4, 0.7});
  EXPECT_THAT(ErrorOf(Follows(measured)),
              HasSubstr(absl::StrCat("candidates.deepreshape[0].order_from_network: found nothing; "
                                     "allowed: a network of job ",
                                     measured.value, ": resnet20@2, resnet18@4")));
  v1::JobSpec spec = Follows(measured);
  spec.mutable_candidates()->mutable_deepreshape(0)->set_order_from_network("resnet34@4");
  EXPECT_THAT(ErrorOf(spec), HasSubstr("order_from_network: found \"resnet34@4\""));
  spec.mutable_candidates()->mutable_deepreshape(0)->set_order_from_network("resnet20@2");
  EXPECT_THAT(ErrorOf(spec),
              HasSubstr("which measured resnet20@2 of 3 sections; allowed: a job that "
                        "measured a network of 4 sections"));
  spec.mutable_candidates()->mutable_deepreshape(0)->set_order_from_network("resnet18@4");
  EXPECT_TRUE(coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/true).ok());
  spec.mutable_data()->set_set("other");
  EXPECT_THAT(ErrorOf(spec), HasSubstr("on toy (10 classes, side 32); allowed: a job on this job's "
                                       "data, other (10 classes, side 32)"));
  // Every error at once.
  spec.mutable_candidates()->add_networks("resnet99@4");
  EXPECT_THAT(ErrorOf(spec), AllOf(HasSubstr("order_from_job"), HasSubstr("resnet99@4")));
}

TEST_F(CriticalityJobTest, ImagesThatHaveChangedSinceAreRefusedAndOtherSplitsNoted) {
  const JobId measured = Submit(CriticalityJob());
  Measure({0.4, 0.8, 0.7, 0.5});
  v1::JobSpec spec = Follows(measured);
  spec.set_seed(99);
  const auto other = coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/true);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(other->preview.notes(), ::testing::Contains(HasSubstr("measured on other images")));

  const auto same = coordinator_->Submit(CheckedJob(Follows(measured)), "", /*validate_only=*/true);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_THAT(same->preview.notes(), Not(::testing::Contains(HasSubstr("other images"))));
  // A later Job finds other files under the same name.
  Submit();
  v1::Lease lease = One("a");
  v1::TaskReport report = Pretrained(lease);
  *report.mutable_provenance() = Measured(kOtherHash);
  Report("a", report);
  EXPECT_THAT(ErrorOf(Follows(measured)), HasSubstr("a job on the images that toy holds now"));
}

TEST_F(CriticalityJobTest, FailedTeacherTakesItsSectionsWithIt) {
  v1::JobSpec spec = CriticalityJob({"resnet18@4", "resnet20@2"});
  const JobId job = Submit(spec);
  const v1::Lease teacher = One("a");
  Sync("a", {Failed(teacher, v1::Failure::DIVERGED, "loss is nan")});
  Measure({0.5, 0.6, 0.7, 0.8});
  const v1::JobDetail detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job().state(), "FAILED");
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(detail.candidates(i).tasks(0).state(), "CANCELLED");
    EXPECT_THAT(detail.candidates(i).tasks(0).message(),
                AllOf(HasSubstr("the pretrain of its teacher"), HasSubstr("loss is nan")));
  }
  // The other network is measured, but the Job has not FINISHED.
  ASSERT_THAT(detail.criticality(), SizeIs(1));
  EXPECT_EQ(detail.criticality(0).name(), "resnet20@2");
  EXPECT_THAT(ErrorOf(Follows(job)), HasSubstr("which is FAILED"));
}

TEST_F(CriticalityJobTest, SectionWithoutAnEpochIsNoSuccess) {
  Submit(CriticalityJob());
  const v1::Lease teacher = One("a");
  const v1::Lease section = One("a", {TrainedTo(teacher, 0.9)});
  Report("a", Pretrained(section));
  EXPECT_EQ(Task(section).state(), "QUEUED");
  EXPECT_THAT(Task(section).message(), HasSubstr("without an epoch"));
}

TEST_F(CriticalityJobTest, RestartAndRepeatedReportsChangeNothing) {
  const JobId job = Submit(CriticalityJob());
  v1::Lease lease = One("a");
  lease = One("a", {TrainedTo(lease, 0.9)});
  Restart();
  std::vector<v1::Lease> leases = {lease};
  v1::TaskReport last;
  while (!leases.empty()) {
    last = TrainedTo(leases[0], 0.1 * static_cast<double>(leases[0].description().task()));
    Restart();
    leases = Sync("a", {last});
  }
  Sync("a", {last});
  const v1::JobDetail detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job().state(), "FINISHED");
  ASSERT_THAT(detail.criticality(), SizeIs(1));
  EXPECT_THAT(detail.criticality(0).order(), ElementsAre(4, 3, 2, 1));
  EXPECT_EQ(CountEvents("criticality"), 1);
}

class WholeNetworkTest : public CoordinatorTest {
 protected:
  static v1::JobSpec ReduceJob() {
    v1::JobSpec spec = SmallJob();
    spec.mutable_candidates()->clear_networks();
    spec.clear_budgets();
    *spec.mutable_candidates()->add_deepreduce() =
        FromJson<v1::DeepReduceSpec>(R"({"backbone": "resnet18@4", "max_culled": 1,
                                         "channel_scales": [1], "resolutions": [1]})");
    return spec;
  }
  v1::TaskReport Trained(const v1::Lease& lease, double accuracy = 0.8) {
    if (lease.description().budgets().empty()) return Pretrained(lease);
    return FineTuned(lease, accuracy);
  }
};

TEST_F(WholeNetworkTest, ReducedNetworksBecomeResultsOfAllTheirRelus) {
  const JobId job = Submit(ReduceJob());
  const v1::Lease teacher = One("a");
  const v1::Lease culled = One("a", {Trained(teacher)});
  EXPECT_EQ(culled.description().stage(), StageName(Stage::kPretrain));
  EXPECT_EQ(culled.description().teacher_network(), teacher.description().network());
  const v1::Candidate candidate =
      reader_->GetCandidate(CandidateId{culled.description().candidate()})->candidate();
  EXPECT_EQ(candidate.role(), "whole");
  EXPECT_THAT(culled.description().budgets(), ElementsAre(candidate.relus()));
  std::vector<v1::Lease> leases = {culled};
  double accuracy = 0.9;
  while (!leases.empty()) leases = Sync("a", {Trained(leases[0], accuracy -= 0.1)});

  EXPECT_EQ(Job(job).state(), "FINISHED");
  const v1::ResultList list = reader_->ListResults(job).value();
  ASSERT_THAT(list.results(), Not(IsEmpty()));
  for (const v1::Result& result : list.results()) {
    EXPECT_EQ(result.report().relus(), result.report().budget());
    EXPECT_FALSE(result.seeds().has_linearize());
    EXPECT_FALSE(result.seeds().has_fine_tune());
    EXPECT_EQ(result.seconds().linearize(), 0);
    EXPECT_EQ(result.seconds().fine_tune(), 0);
    EXPECT_EQ(result.seconds().pretrain(), 5);
    EXPECT_EQ(result.origin(), "deepreduce, order 3,2,4,1 (published default)");
    EXPECT_TRUE(result.costs().contains(kPapersMetric));
  }
  EXPECT_EQ(CountEvents("result"), list.results_size());
}

TEST_F(WholeNetworkTest, ResultOfAnotherCountIsRefused) {
  Submit(ReduceJob());
  const v1::Lease culled = One("a", {Trained(One("a"))});
  v1::TaskReport report = Trained(culled);
  report.mutable_result()->set_relus(report.mutable_result()->relus() - 1);
  Report("a", report);
  EXPECT_EQ(Task(culled).state(), "QUEUED");
  EXPECT_THAT(Task(culled).message(), HasSubstr("ReLUs; allowed: "));
}

TEST_F(WholeNetworkTest, ASearchedBackboneTeachesAndStandsOnTheSameFront) {
  v1::JobSpec spec = ReduceJob();
  SetList(spec.mutable_candidates()->mutable_networks(), {"resnet18@4"});
  SetList(spec.mutable_budgets()->mutable_relus(), {kSmallBudget});
  const JobId job = Submit(spec);
  std::vector<v1::Lease> leases = Sync("a");
  std::optional<std::string> teacher;
  while (!leases.empty()) {
    const v1::TaskDescription& d = leases[0].description();
    if (!d.teacher_network().empty()) {
      EXPECT_EQ(d.teacher_network(), teacher.value_or(""));
    } else if (StageOf(d) == Stage::kPretrain) {
      teacher = d.network();
    }
    leases = Sync("a", {StageOf(d) == Stage::kPretrain ? Trained(leases[0]) : Done(leases[0])});
  }
  const v1::JobDetail detail = reader_->GetJob(job).value();
  EXPECT_EQ(detail.job().state(), "FINISHED");
  EXPECT_EQ(detail.candidates(0).role(), "search");
  EXPECT_EQ(detail.job().results(), detail.candidates_size());
}

}  // namespace
}  // namespace reluscape

// Jobs that search a space, through the coordinator.

#include "server/explorer.h"

#include <set>

#include "search/pareto/hypervolume.h"
#include "server/coordinator_test_util.h"
#include "server/hypervolumes.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

// Of 3 x 2 x 2 x 2 x 2 = 48 networks.
v1::JobSpec SearchJob(const std::string& search = R"({"strategy": "random"})",
                      const std::string& limits = R"({"max_trainings": 5})") {
  return *CheckedJob(BareFromJson<v1::JobSpec>(R"({
      "name": "search", "data": {"set": "toy", "classes": 10, "side": 32},
      "candidates": {"space": {"base_channels": [2, 3, 4], "multipliers": [2, 3],
                               "layouts": ["full", "thinned"]}},
      "budgets": {"relus": [1000, 3000]}, "objectives": ["relus", "macs"],
      "search": )" + search + R"(, "limits": )" +
                                               limits + "}"));
}

class ExplorerTest : public CoordinatorTest {
 protected:
  void Explore() {
    const absl::Status status = coordinator_->Explore();
    ASSERT_TRUE(status.ok()) << status;
  }
  // An accuracy that depends on the network alone, and on the Budget a little.
  v1::TaskReport Scored(const v1::Lease& lease) {
    if (StageOf(lease.description()) != Stage::kFineTune) return Done(lease);
    const size_t network = std::hash<std::string>()(lease.description().network());
    return FineTuned(lease, 0.3 + 0.01 * static_cast<double>(network % 40) +
                                0.00005 * static_cast<double>(lease.description().budgets(0)));
  }
  // Works until nothing more comes; `restart` before every call.
  void Work(const std::vector<std::string>& workers, bool restart = false) {
    std::map<std::string, std::vector<v1::Lease>> held;
    for (int idle = 0; idle < 3;) {
      ++idle;
      for (const std::string& worker : workers) {
        if (restart) Restart();
        std::vector<v1::TaskReport> reports;
        for (const v1::Lease& lease : held[worker]) reports.push_back(Scored(lease));
        held[worker] = Sync(worker, reports);
        if (!held[worker].empty()) idle = 0;
        Explore();
      }
    }
  }
  std::vector<v1::Candidate> Candidates(JobId job) {
    return ListOf(reader_->GetJob(job)->candidates());
  }
  std::vector<std::string> Networks(JobId job) {
    std::vector<std::string> networks;
    for (const v1::Candidate& candidate : Candidates(job)) networks.push_back(candidate.name());
    return networks;
  }
};

TEST_F(ExplorerTest, ChoosesWhereAWorkerWaitsUntilItsLimit) {
  const JobId job = Submit(SearchJob());
  EXPECT_THAT(Candidates(job), IsEmpty());
  Explore();
  EXPECT_THAT(Candidates(job), IsEmpty());  // nobody is there
  Sync("a");
  Explore();
  EXPECT_THAT(Candidates(job), SizeIs(1));
  Explore();
  EXPECT_THAT(Candidates(job), SizeIs(1));  // its Task waits for the Worker
  Work({"a"});
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_THAT(Candidates(job), SizeIs(5));
  EXPECT_THAT(Job(job).search_message(), HasSubstr("limits.max_trainings: 5 networks"));
  EXPECT_FALSE(Job(job).searching());
  EXPECT_EQ(Job(job).results(), 10);
}

TEST_F(ExplorerTest, EveryIdleWorkerGetsANetwork) {
  const JobId job = Submit(SearchJob());
  Sync("a");
  Sync("b");
  Sync("c");
  Explore();
  EXPECT_THAT(Candidates(job), SizeIs(3));
  EXPECT_THAT(Sync("a"), SizeIs(1));
  EXPECT_THAT(Sync("b"), SizeIs(1));
  EXPECT_THAT(Sync("c"), SizeIs(1));
}

TEST_F(ExplorerTest, NoNetworkIsTriedTwice) {
  const JobId job = Submit(SearchJob(R"({"strategy": "enumerate"})", "{}"));
  Work({"a", "b"});
  EXPECT_EQ(Job(job).state(), "FINISHED");
  std::set<std::string> hashes;
  for (const v1::Candidate& candidate : Candidates(job)) hashes.insert(candidate.network_hash());
  EXPECT_THAT(hashes, SizeIs(48));
  EXPECT_THAT(Candidates(job), SizeIs(48));
  EXPECT_THAT(Job(job).search_message(), HasSubstr("every network of the space was tried"));
}

class StrategyRunTest : public ExplorerTest, public testing::WithParamInterface<const char*> {
 protected:
  static v1::JobSpec Spec() {
    return SearchJob(absl::StrCat(R"({"strategy": ")", GetParam(), R"(", "initial": 4})"),
                     R"({"max_trainings": 12})");
  }
};

TEST_P(StrategyRunTest, GoesOnWithTheSameProposalsAfterEveryKindOfRestart) {
  // Of one Worker: with several it depends on who called first who is given what.
  const JobId job = Submit(Spec());
  Work({"a"});
  const std::vector<std::string> undisturbed = Networks(job);
  EXPECT_THAT(undisturbed, SizeIs(12));
  const JobId other = Submit(Spec());
  Work({"a"}, /*restart=*/true);
  EXPECT_EQ(Networks(other), undisturbed);
}

TEST_P(StrategyRunTest, AReplayOfTheStoredResultsGivesTheSameProposals) {
  const JobId id = Submit(Spec());
  Work({"a", "b", "c"});
  const absl::Status replayed = store_->Transact([&](Transaction& transaction) -> absl::Status {
    const JobRow job = transaction.GetJob(id).value();
    const std::vector<CandidateId> candidates = transaction.ListCandidates(id).value();
    for (const CandidateId candidate : candidates) {
      const CandidateRow row = transaction.GetCandidate(candidate).value();
      const auto run = SearchRun::Create(job, BuiltInMetrics()).value();
      EXPECT_TRUE(
          run->Read(transaction, SearchMoment{.before = candidate, .last = row.results_seen}).ok());
      const auto chosen = run->Choose().value();
      EXPECT_TRUE(chosen.has_value());
      if (chosen) {
        EXPECT_EQ(chosen->row.name, row.name);
        EXPECT_EQ(chosen->reason, row.reason);
      }
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(replayed.ok()) << replayed;
}

INSTANTIATE_TEST_SUITE_P(Strategies, StrategyRunTest,
                         testing::Values("random", "evolution", "nsga2", "ehvi"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(ExplorerTest, NamedNetworksAreTrainedFirstAndNotAgain) {
  v1::JobSpec spec = SearchJob(R"({"strategy": "enumerate"})", "{}");
  SetList(spec.mutable_candidates()->mutable_networks(), {"hrn-2x2x2x@4", "resnet34@4"});
  const JobId job = Submit(spec);
  Work({"a"});
  const std::vector<std::string> networks = Networks(job);
  EXPECT_EQ(networks[0], "hrn-2x2x2x@4");
  EXPECT_EQ(networks[1], "resnet34@4");
  EXPECT_THAT(networks, SizeIs(49));  // of the 48 of the space one is named
}

TEST_F(ExplorerTest, EndsAtItsDeviceTime) {
  // Each of a network's four Tasks says that it took 5 s; the limit is 54 s.
  const JobId job =
      Submit(SearchJob(R"({"strategy": "random"})", R"({"max_device_hours": 0.015})"));
  Work({"a"});
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_THAT(Candidates(job), SizeIs(3));
  EXPECT_THAT(Job(job).search_message(), HasSubstr("limits.max_device_hours"));
}

TEST_F(ExplorerTest, EndsAtItsWallTimeAndFinishesWhatHasBegun) {
  const JobId job = Submit(SearchJob(R"({"strategy": "random"})", R"({"max_wall_hours": 0.5})"));
  Sync("a");
  Explore();
  const v1::Lease lease = One("a");
  for (int minute = 0; minute < 31; ++minute) {
    clock_.Advance(Milliseconds(20'000));
    Sync("a", {Running(lease)});
    Tick();
    clock_.Advance(Milliseconds(20'000));
    Sync("a", {Running(lease)});
    Tick();
    clock_.Advance(Milliseconds(20'000));
    Sync("a", {Running(lease)});
    Tick();
  }
  Explore();
  EXPECT_THAT(Job(job).search_message(), HasSubstr("limits.max_wall_hours"));
  EXPECT_EQ(Job(job).state(), "RUNNING");
  Sync("a", {Done(lease)});
  Work({"a"});
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_THAT(Candidates(job), SizeIs(1));
}

TEST_F(ExplorerTest, ACancelledSearchChoosesNoMore) {
  const JobId job = Submit(SearchJob());
  Sync("a");
  Explore();
  ASSERT_TRUE(coordinator_->Cancel(job).ok());
  Sync("b");
  Explore();
  EXPECT_THAT(Candidates(job), SizeIs(1));
  EXPECT_EQ(Job(job).state(), "CANCELLED");
}

TEST_F(ExplorerTest, AFailedNetworkDoesNotHoldUpTheSearch) {
  const JobId job = Submit(SearchJob());
  Sync("a");
  Explore();
  const v1::Lease lease = One("a");
  Sync("a", {Failed(lease, v1::Failure::DIVERGED, "the loss is not a number")});
  Work({"a"});
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_THAT(Candidates(job), SizeIs(5));
  EXPECT_EQ(Job(job).results(), 8);
}

TEST_F(ExplorerTest, EveryResultHasTheHypervolumeOfTheFrontThen) {
  const JobId job = Submit(SearchJob());
  Work({"a"});
  const v1::JobDetail detail = *reader_->GetJob(job);
  ASSERT_THAT(detail.hypervolumes(), SizeIs(10));
  ASSERT_THAT(detail.hypervolume_box().axes(), SizeIs(2));
  std::vector<FoundResult> results;
  ASSERT_TRUE(store_
                  ->Transact([&](Transaction& transaction) -> absl::Status {
                    results = transaction.ListFoundResults(job, ResultId{}).value();
                    return absl::OkStatus();
                  })
                  .ok());
  GrowingFront front(Objectives(3, 1.0));
  for (size_t i = 0; i < results.size(); ++i) {
    const double gain = front.Add(ScaledObjectives(detail.hypervolume_box(), results[i]));
    const v1::HypervolumePoint& point = detail.hypervolumes(static_cast<int>(i));
    EXPECT_NEAR(point.gain(), gain, 1e-12);
    EXPECT_NEAR(point.hypervolume(), front.hypervolume(), 1e-12);
    EXPECT_EQ(point.trainings(), static_cast<int64_t>(i / 2 + 1));
  }
  EXPECT_GT(front.hypervolume(), 0);
  EXPECT_NEAR(detail.job().hypervolume(), front.hypervolume(), 1e-12);
}

TEST_F(ExplorerTest, TheReplacementOfANetworkIsItsWorkers) {
  v1::JobSpec spec = SearchJob(R"({"strategy": "enumerate"})", "{}");
  auto& space = *spec.mutable_candidates()->mutable_space();
  space.add_replacements(v1::LinearizeSpec::IDENTITY);
  space.add_replacements(v1::LinearizeSpec::POLYNOMIAL);
  const JobId job = Submit(spec);
  Sync("a");
  Explore();
  std::set<std::string> replacements;
  std::vector<v1::Lease> leases = Sync("a");
  while (!leases.empty()) {
    const v1::TaskDescription& task = leases[0].description();
    EXPECT_EQ(task.recipe(), RecipeHash(task.settings()));
    replacements.insert(NameOf(task.settings().linearize().replacement()));
    leases = Sync("a", {Scored(leases[0])});
    Explore();
    if (leases.empty()) leases = Sync("a");
  }
  EXPECT_THAT(replacements, UnorderedElementsAreArray({"identity", "polynomial"}));
  EXPECT_THAT(Candidates(job), SizeIs(96));
}

TEST_F(ExplorerTest, ResultsOfAnEarlierJobAreReusedWhereTheJobAllowsIt) {
  v1::JobSpec spec = SearchJob(R"({"strategy": "enumerate"})", R"({"max_trainings": 4})");
  const JobId first = Submit(spec);
  Work({"a"});
  spec.set_reuse_results(true);
  const JobId second = Submit(spec);
  Sync("a");
  Explore();
  EXPECT_EQ(Job(second).state(), "FINISHED");
  EXPECT_EQ(Networks(second), Networks(first));
  const v1::ResultList before = *reader_->ListResults(first);
  const v1::ResultList after = *reader_->ListResults(second);
  ASSERT_EQ(after.results_size(), before.results_size());
  for (int i = 0; i < after.results_size(); ++i) {
    EXPECT_EQ(after.results(i).reused_from(), before.results(i).result());
    EXPECT_EQ(after.results(i).report(), before.results(i).report());
    EXPECT_EQ(after.results(i).on_front(), before.results(i).on_front());
    EXPECT_EQ(after.results(i).provenance(), before.results(i).provenance());
  }
  EXPECT_EQ(CountEvents("result.reused"), 8);
  EXPECT_NEAR(Job(second).hypervolume(), Job(first).hypervolume(), 1e-12);
  // Another seed is another result.
  spec.set_seed(2);
  const JobId third = Submit(spec);
  Sync("a");
  Explore();
  EXPECT_EQ(Job(third).state(), "RUNNING");
  EXPECT_EQ(Job(third).results(), 0);
}

TEST_F(ExplorerTest, AListOfNetworksReusesResultsToo) {
  const JobId first = Submit();
  Finish("a");
  v1::JobSpec spec = SmallJob();
  spec.set_reuse_results(true);
  const JobId second = Submit(spec);
  EXPECT_EQ(Job(second).state(), "FINISHED");
  EXPECT_EQ(Job(second).results(), Job(first).results());
  // With a Budget that is not there all is trained.
  SetList(spec.mutable_budgets()->mutable_relus(), {kSmallBudget, kLargeBudget, 500});
  EXPECT_EQ(Job(Submit(spec)).state(), "RUNNING");
}

TEST_F(ExplorerTest, WhatWasMeasuredOnOtherImagesIsForgotten) {
  const JobId job = Submit(SearchJob(R"({"strategy": "ehvi", "initial": 2})"));
  std::vector<v1::Lease> leases;
  Sync("a");
  while (Job(job).results() < 4) {
    Explore();
    leases = Sync("a", leases.empty() ? std::vector<v1::TaskReport>()
                                      : std::vector<v1::TaskReport>{Scored(leases[0])});
  }
  // From now on by another copy, which worker b has.
  v1::SynchronizeRequest other = Request("b");
  SetList(other.mutable_worker()->mutable_data(),
          std::vector<v1::DataState>{Opened(SmallJob(), kOtherHash)});
  ASSERT_TRUE(Synchronize(other).ok());
  ASSERT_TRUE(coordinator_->ChooseData(job, kOtherHash).ok());
  EXPECT_EQ(Job(job).results(), 0);
  EXPECT_THAT(reader_->GetJob(job)->hypervolumes(), IsEmpty());
  const auto lease = Synchronize(other);
  ASSERT_TRUE(lease.ok()) << lease.status();
  Explore();
  EXPECT_EQ(Job(job).state(), "RUNNING");
}

TEST_F(ExplorerTest, BudgetsAreNotAddedToASearch) {
  const JobId job = Submit(SearchJob());
  v1::BudgetsSpec more;
  more.add_relus(500);
  const auto added = coordinator_->AddBudgets(job, more);
  EXPECT_EQ(added.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(added.status().message()), HasSubstr("reuse_results"));
}

TEST_F(ExplorerTest, ThePreviewSaysWhatTheSpaceHolds) {
  v1::JobSpec spec = SearchJob();
  spec.mutable_limits()->set_max_macs(4'000'000);
  const auto outcome = coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/true);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const v1::Preview::Space& space = outcome->preview.space();
  EXPECT_EQ(space.combinations(), 48);
  EXPECT_EQ(space.networks() + space.left_out().at("above limits.max_macs"), 48);
  EXPECT_EQ(space.strategy(), "random");
}

TEST_F(ExplorerTest, ASpaceWithoutANetworkIsRefusedWithItsReasons) {
  v1::JobSpec spec = SearchJob();
  SetList(spec.mutable_budgets()->mutable_relus(), {1'000'000});
  const auto outcome = coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/true);
  EXPECT_THAT(std::string(outcome.status().message()),
              AllOf(HasSubstr("candidates.space"), HasSubstr("no budget is below their ReLUs")));
}

}  // namespace
}  // namespace reluscape

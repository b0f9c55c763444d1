#include "search/strategy/cost_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/cost/metric_test_util.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// toy takes a millisecond per ReLU; spread adds 100 s per layer that keeps any.
class CostLimitsTest : public ::testing::Test {
 protected:
  void Name() { SetList(spec_.mutable_candidates()->mutable_networks(), {"resnet18@4"}); }
  void Generate() {
    *spec_.mutable_candidates()->add_deepreshape() = FromJson<v1::DeepReShapeSpec>(
        R"({"order": [3, 2, 4, 1], "base_channels": [4], "max_multiplier": 7})");
  }
  void Limit(const std::vector<std::string>& costs) {
    SetList(spec_.mutable_limits()->mutable_costs(), costs);
  }
  Proposal Propose() {
    errors_ = {};
    Proposal proposal = ProposeNetworks(spec_, errors_);
    EXPECT_TRUE(errors_.empty()) << errors_.ToStatus();
    ApplyCostLimits(spec_, catalog_, proposal, errors_);
    return proposal;
  }
  std::string Errors() { return std::string(errors_.ToStatus().message()); }

  const FakeProtocol toy_{{}};
  const FakeProtocol spread_{{.name = "spread", .seconds_per_layer = 100}};
  const FakeProtocol picky_{{.name = "picky", .refused_relus = 3000}};
  const MetricCatalog catalog_{{&toy_, &spread_, &picky_}};
  v1::JobSpec spec_ = FromJson<v1::JobSpec>(R"({"data": {"set": "toy", "classes": 10, "side": 32},
                                "candidates": {}, "budgets": {"relus": [1000, 3000]}})");
  FieldErrors errors_;
};

TEST_F(CostLimitsTest, BudgetOfANamedNetworkAboveTheLimitIsRefused) {
  Name();
  Limit({"toy.online_s@loopback <= 2"});
  Propose();
  EXPECT_THAT(Errors(), HasSubstr("limits.costs[0]: found resnet18@4 at budget 3000: "
                                  "toy.online_s@loopback is 3; allowed: at most 2"));
}

TEST_F(CostLimitsTest, BudgetsWithinTheLimitStay) {
  Name();
  Limit({"toy.online_s@loopback <= 3"});
  const Proposal proposal = Propose();
  EXPECT_TRUE(errors_.empty()) << Errors();
  EXPECT_THAT(proposal.networks.at(0).budgets, ElementsAre(3000, 1000));
  EXPECT_THAT(proposal.notes, IsEmpty());
}

TEST_F(CostLimitsTest, RemovedReluThatBecomePolynomialsArePriced) {
  Name();
  Limit({"toy.online_s@loopback <= 4"});
  Propose();
  EXPECT_TRUE(errors_.empty()) << Errors();
  // The units of every other ReLU at a millisecond each.
  spec_.mutable_stages()->mutable_linearize()->set_replacement(v1::LinearizeSpec::POLYNOMIAL);
  Propose();
  EXPECT_THAT(Errors(), HasSubstr("limits.costs[0]: found resnet18@4 at budget 3000"));
}

TEST_F(CostLimitsTest, WhatPapersSayIsALimitToo) {
  Name();
  Limit({"papers.online_s <= 0.05"});  // 3000 ReLUs take 64.5 ms
  FieldErrors errors;
  Proposal proposal = ProposeNetworks(spec_, errors);
  ApplyCostLimits(spec_, BuiltInMetrics(), proposal, errors);
  EXPECT_THAT(std::string(errors.ToStatus().message()),
              HasSubstr("limits.costs[0]: found resnet18@4 at budget 3000"));
}

TEST_F(CostLimitsTest, BudgetsOfGeneratedNetworksAreLeftOutWithANote) {
  Generate();
  Limit({"toy.online_s@loopback <= 2"});
  const Proposal proposal = Propose();
  EXPECT_TRUE(errors_.empty()) << Errors();
  ASSERT_THAT(proposal.networks, ::testing::Not(IsEmpty()));
  for (const ProposedNetwork& network : proposal.networks) {
    EXPECT_THAT(network.budgets, ElementsAre(1000)) << network.name;
  }
  EXPECT_THAT(proposal.notes, Each(HasSubstr("the budget is left out")));
  EXPECT_THAT(proposal.notes, SizeIs(proposal.networks.size()));
}

TEST_F(CostLimitsTest, GeneratedNetworkWithoutBudgetsIsLeftOut) {
  Generate();
  Limit({"toy.online_s@loopback <= 0.5"});
  const Proposal proposal = Propose();
  EXPECT_TRUE(errors_.empty()) << Errors();
  EXPECT_THAT(proposal.networks, IsEmpty());
  EXPECT_THAT(proposal.notes, ::testing::Contains(HasSubstr(
                                  "is left out: no budget keeps to toy.online_s@loopback <= 0.5")));
}

TEST_F(CostLimitsTest, BudgetThatSomeDistributionAllowsStaysWithANote) {
  Name();
  // In proportion all 16 layers keep some: more than 1600 s. In one or two layers: little more
  // than 200 s.
  Limit({"spread.online_s@loopback <= 500"});
  const Proposal proposal = Propose();
  EXPECT_TRUE(errors_.empty()) << Errors();
  EXPECT_THAT(proposal.networks.at(0).budgets, SizeIs(2));
  EXPECT_THAT(proposal.notes, Each(HasSubstr("it stays")));
  EXPECT_THAT(proposal.notes, SizeIs(2));
  Limit({"spread.online_s@loopback <= 99"});
  Propose();
  EXPECT_THAT(Errors(), HasSubstr("limits.costs[0]: found resnet18@4 at budget 3000"));
}

TEST_F(CostLimitsTest, NetworkThatAMetricCannotPriceIsRefusedWithTheReason) {
  Name();
  Limit({"picky.online_s@lan <= 1000"});
  Propose();
  EXPECT_THAT(Errors(), HasSubstr("limits.costs[0]: found picky.online_s@lan gives no value for "
                                  "resnet18@4 (toy refuses 3000 ReLUs)"));
  Limit({});
  SetList(spec_.mutable_objectives(), {"relus", "picky.online_s@lan"});
  Propose();
  EXPECT_THAT(Errors(), HasSubstr("objectives[1]: found picky.online_s@lan gives no value"));
}

TEST_F(CostLimitsTest, NamesAreChecked) {
  SetList(spec_.mutable_objectives(), {"relus", "toy.speed@lan"});
  Limit({"toy.online_s@lan <= 1", "teleport.online_s@lan <= 1"});
  CheckObjectives(spec_, catalog_, errors_);
  EXPECT_THAT(Errors(), AllOf(HasSubstr("objectives[1]: found \"toy.speed@lan\""),
                              HasSubstr("limits.costs[1]: found \"teleport.online_s@lan\"")));
}

}  // namespace
}  // namespace reluscape

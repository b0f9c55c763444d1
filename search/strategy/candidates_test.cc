#include "search/strategy/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A Job on 32 x 32 images of 100 classes with one Budget.
JobSpec Job(std::vector<std::string> networks) {
  JobSpec spec;
  spec.data = {.set = "cifar100", .classes = 100, .side = 32};
  spec.candidates.networks = std::move(networks);
  spec.budgets.relus = {1000};
  return spec;
}

JobSpec WithGenerator(JobSpec spec, DeepReShapeSpec generator) {
  spec.candidates.deepreshape.push_back(std::move(generator));
  return spec;
}

DeepReShapeSpec ResNet18Generator(std::vector<int64_t> base_channels) {
  return {.backbone = "resnet18",
          .order = {3, 2, 4, 1},
          .base_channels = std::move(base_channels),
          .max_multiplier = 16};
}

Proposal Propose(const JobSpec& spec) {
  FieldErrors errors;
  Proposal proposal = ProposeNetworks(spec, errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus();
  return proposal;
}

std::string ErrorsOf(const JobSpec& spec) {
  FieldErrors errors;
  ProposeNetworks(spec, errors);
  return std::string(errors.ToStatus().message());
}

std::vector<std::string> NamesOf(const Proposal& proposal) {
  std::vector<std::string> names;
  for (const ProposedNetwork& network : proposal.networks) names.push_back(network.name);
  return names;
}

TEST(ProposeNetworksTest, NamedNetworksComeInTheirOrderWithTheirCounts) {
  const Proposal proposal = Propose(Job({"resnet18@8", "hrn-5x5x3x@4"}));
  ASSERT_THAT(NamesOf(proposal), ElementsAre("resnet18@8", "hrn-5x5x3x@4"));
  const ProposedNetwork& network = proposal.networks[0];
  EXPECT_EQ(network.counts.relus, 491'520 / 8);
  EXPECT_EQ(network.canonical_text, CanonicalText(network.architecture));
  EXPECT_EQ(network.network, *BuildNetwork(network.architecture));
  EXPECT_EQ(network.hash, NetworkHash(network.network));
  EXPECT_THAT(network.budgets, ElementsAre(1000));
  EXPECT_THAT(proposal.notes, IsEmpty());
}

TEST(ProposeNetworksTest, ANetworkTakesSideAndClassesOfTheData) {
  JobSpec spec = Job({"resnet18"});
  spec.data.side = 64;
  spec.data.classes = 200;
  EXPECT_EQ(Propose(spec).networks[0].counts.relus, 1'966'080);
  EXPECT_EQ(Propose(spec).networks[0].architecture.classes, 200);
}

TEST(ProposeNetworksTest, TheGeneratorProposesEverySolutionForEveryBaseChannelCount) {
  const Proposal proposal = Propose(WithGenerator(Job({}), ResNet18Generator({4, 8})));
  EXPECT_THAT(NamesOf(proposal),
              ElementsAre("hrn-7x5x2x@4", "hrn-5x5x3x@4", "hrn-6x6x2x@4", "hrn-5x7x2x@4",
                          "hrn-7x5x2x@8", "hrn-5x5x3x@8", "hrn-6x6x2x@8", "hrn-5x7x2x@8"));
  // The name of a generated network is one that a user can write.
  for (const ProposedNetwork& network : proposal.networks) {
    EXPECT_EQ(*ParseArchitecture(network.name, 32, 100), network.architecture);
  }
}

TEST(ProposeNetworksTest, GeneratedNetworksOfAnotherBackboneNameIt) {
  DeepReShapeSpec generator = ResNet18Generator({4});
  generator.backbone = "resnet34";
  const Proposal proposal = Propose(WithGenerator(Job({}), generator));
  EXPECT_THAT(NamesOf(proposal), testing::Contains("hrn-4x6x3x@4:resnet34"));
}

TEST(ProposeNetworksTest, AGeneratedNetworkThatIsThereAlreadyIsMergedWithANote) {
  const Proposal proposal =
      Propose(WithGenerator(Job({"hrn-5x5x3x@4"}), ResNet18Generator({4, 4})));
  EXPECT_THAT(NamesOf(proposal),
              ElementsAre("hrn-5x5x3x@4", "hrn-7x5x2x@4", "hrn-6x6x2x@4", "hrn-5x7x2x@4"));
  ASSERT_THAT(proposal.notes, SizeIs(5));
  EXPECT_EQ(proposal.notes[0],
            "hrn-5x5x3x@4 (candidates.deepreshape[0]) is the same network as that of "
            "candidates.networks[0].");
  EXPECT_THAT(proposal.notes[1], HasSubstr("hrn-7x5x2x@4"));
}

TEST(ProposeNetworksTest, ANetworkNamedTwiceIsAnErrorUnderAnyName) {
  EXPECT_THAT(ErrorsOf(Job({"resnet18@16", "resnet20", "hrn-2x2x2x"})),
              HasSubstr("candidates.networks[2]: found \"hrn-2x2x2x\", the same network as "
                        "candidates.networks[0]; allowed: each network once"));
  // Widths that round to the same numbers are the same network too.
  EXPECT_THAT(ErrorsOf(Job({"hrn-2x2x2x@4", "hrn-2.01x2x2x@4"})), HasSubstr("the same network as"));
}

TEST(ProposeNetworksTest, LimitsLeaveOutGeneratedNetworksAndRefuseNamedOnes) {
  JobSpec spec = WithGenerator(Job({"resnet18@4"}), ResNet18Generator({16}));
  // The exact count of HRN-5x5x3x: a limit is still within itself. HRN-5x7x2x has 1,270,330,752.
  spec.limits.max_macs = 1'053'353'152;
  const Proposal proposal = Propose(spec);
  EXPECT_THAT(NamesOf(proposal), testing::Contains("hrn-5x5x3x@16"));
  EXPECT_THAT(NamesOf(proposal), testing::Not(testing::Contains("hrn-5x7x2x@16")));
  EXPECT_THAT(proposal.notes,
              testing::Contains("hrn-5x7x2x@16 (candidates.deepreshape[0]) is left out: 1270330752 "
                                "MACs, above limits.max_macs = 1053353152."));
  spec.limits.max_macs -= 1;
  EXPECT_THAT(NamesOf(Propose(spec)), testing::Not(testing::Contains("hrn-5x5x3x@16")));

  JobSpec named = Job({"resnet18"});
  named.limits.max_parameters = 11'220'131;
  EXPECT_THAT(
      ErrorsOf(named),
      HasSubstr("candidates.networks[0]: found \"resnet18\" with 11220132 parameters, above "
                "limits.max_parameters = 11220131"));
  named.limits.max_parameters = 11'220'132;
  EXPECT_THAT(Propose(named).networks, SizeIs(1));
}

TEST(ProposeNetworksTest, NothingLeftIsAnErrorThatSaysWhy) {
  EXPECT_THAT(ErrorsOf(Job({})), HasSubstr("candidates: found no network"));
  JobSpec spec = WithGenerator(Job({}), ResNet18Generator({16}));
  spec.limits.max_macs = 1;
  EXPECT_THAT(ErrorsOf(spec), AllOf(HasSubstr("candidates: found no network that is left"),
                                    HasSubstr("above limits.max_macs = 1")));
}

TEST(ProposeNetworksTest, BudgetsAreResolvedPerNetworkLargestFirstAndOnce) {
  JobSpec spec = Job({"resnet18", "resnet18@32"});  // 491,520 and 245,760 ReLUs
  spec.budgets.relus = {1000, 24'576, 5000, 1000};
  spec.budgets.fractions = {0.05, 0.1, 0.29};
  const Proposal proposal = Propose(spec);
  EXPECT_THAT(proposal.networks[0].budgets, ElementsAre(142'540, 49'152, 24'576, 5000, 1000));
  EXPECT_THAT(proposal.networks[1].budgets, ElementsAre(71'270, 24'576, 12'288, 5000, 1000));
}

TEST(ProposeNetworksTest, AFractionIsRoundedDownButNotBelowAWholeNumber) {
  // resnet20@1 has 10,752 ReLUs; 0.29 and 0.07 are doubles a little off their decimals.
  JobSpec spec = Job({"resnet20@1"});
  for (const auto& [fraction, relus] : std::vector<std::pair<double, int64_t>>{
           {0.25, 2688}, {0.29, 3118}, {0.0625, 672}, {0.0001, 1}, {0.9999, 10'750}}) {
    spec.budgets.relus.clear();
    spec.budgets.fractions = {fraction};
    EXPECT_THAT(Propose(spec).networks[0].budgets, ElementsAre(relus)) << fraction;
  }
  // i / 10,752 of 10,752 ReLUs is i, whatever the last bit of the quotient.
  for (int64_t i = 1; i < 10'752; i += 97) {
    spec.budgets.fractions = {static_cast<double>(i) / 10'752};
    ASSERT_THAT(Propose(spec).networks[0].budgets, ElementsAre(i));
  }
}

TEST(ProposeNetworksTest, ABudgetThatDoesNotFitNamesTheSmallestNetwork) {
  JobSpec spec = Job({"resnet18@128", "resnet18@64"});
  spec.budgets.relus = {1000, 0, 600'000, 491'520, 491'519};
  spec.budgets.fractions = {0.000001, 0, 1, std::numeric_limits<double>::quiet_NaN()};
  const std::string errors = ErrorsOf(spec);
  EXPECT_THAT(errors, HasSubstr("budgets.relus[1]: found 0; allowed: 1 to 491519"));
  EXPECT_THAT(errors, HasSubstr("budgets.relus[2]: found 600000; allowed: 1 to 491519 "
                                "(resnet18@64 has 491520 ReLUs)"));
  EXPECT_THAT(errors, HasSubstr("budgets.relus[3]: found 491520"));
  EXPECT_THAT(errors, testing::Not(HasSubstr("budgets.relus[0]")));
  EXPECT_THAT(errors, testing::Not(HasSubstr("budgets.relus[4]")));
  EXPECT_THAT(errors, HasSubstr("budgets.fractions[0]: found 1e-06, which is 0 of the 491520 ReLUs "
                                "of resnet18@64"));
  EXPECT_THAT(errors, HasSubstr("budgets.fractions[1]: found 0; allowed: above 0 and below 1"));
  EXPECT_THAT(errors, HasSubstr("budgets.fractions[2]: found 1;"));
  EXPECT_THAT(errors, HasSubstr("budgets.fractions[3]: found nan;"));
}

TEST(ProposeNetworksTest, EveryErrorOfTheJobIsReportedAtOnce) {
  JobSpec spec = Job({"resnet18", "resnet19", "hrn-0x5x3x@4"});
  spec.candidates.deepreshape = {
      {.backbone = "resnet18", .order = {3, 2, 4}, .base_channels = {16}, .max_multiplier = 16},
      {.backbone = "vgg", .order = {3, 2, 4, 1}, .base_channels = {16}, .max_multiplier = 16},
      {.backbone = "resnet18",
       .order = {3, 2, 4, 1},
       .base_channels = {16, 0},
       .max_multiplier = 65},
      {.backbone = "resnet18", .order = {3, 2, 4, 1}, .base_channels = {}, .max_multiplier = 16},
      {.backbone = "resnet18", .order = {3, 2, 4, 1}, .base_channels = {4}, .max_multiplier = 4}};
  spec.candidates.replicates = 101;
  spec.budgets.relus = {600'000};
  const std::string errors = ErrorsOf(spec);
  for (const char* expected :
       {"candidates.replicates: found 101; allowed: 1 to 100",
        "candidates.networks[1]: found \"resnet19\" with name \"resnet19\"; allowed: name resnet18",
        "candidates.networks[2]: found \"hrn-0x5x3x@4\" with multipliers[0] 0; allowed: "
        "multipliers[0] 0.001 to 1000",
        "candidates.deepreshape[0].order: found [3, 2, 4]; allowed: each stage number from 1 to 4",
        "candidates.deepreshape[1].backbone: found \"vgg\"; allowed: resnet18",
        "candidates.deepreshape[2].base_channels[1]: found 0; allowed: 1 to 65536",
        "candidates.deepreshape[2].max_multiplier: found 65; allowed: 2 to 64",
        "candidates.deepreshape[3].base_channels: found nothing",
        "candidates.deepreshape[4]: found no multipliers from 2 to 4",
        "budgets.relus[0]: found 600000"}) {
    EXPECT_THAT(errors, HasSubstr(expected));
  }
}

TEST(ProposeNetworksTest, ACanonicalTextMustAgreeWithTheData) {
  JobSpec spec = Job({CanonicalText(*ParseArchitecture("resnet18@8", 32, 100))});
  EXPECT_THAT(Propose(spec).networks, SizeIs(1));
  spec.data.classes = 10;
  EXPECT_THAT(ErrorsOf(spec), AllOf(HasSubstr("candidates.networks[0]"),
                                    HasSubstr("classes 100 in the canonical text")));
}

TEST(ProposeNetworksTest, DataOutOfRangeIsOneErrorAndNotOnePerNetwork) {
  JobSpec spec = Job({"resnet18", "resnet20"});
  spec.data.side = 7;
  spec.data.classes = 1;
  EXPECT_EQ(ErrorsOf(spec),
            "data.side: found 7; allowed: 8 to 256\ndata.classes: found 1; allowed: 2 to 100000");
}

TEST(ProposeNetworksTest, GeneratedNetworksThatCannotBeBuiltAreLeftOutWithANote) {
  const Proposal proposal = Propose(WithGenerator(Job({"resnet20"}), ResNet18Generator({65'536})));
  EXPECT_THAT(NamesOf(proposal), ElementsAre("resnet20"));
  ASSERT_THAT(proposal.notes, SizeIs(4));
  EXPECT_THAT(proposal.notes[0], HasSubstr("hrn-7x5x2x@65536 (candidates.deepreshape[0]) is left "
                                           "out: multipliers[0] 7 (stage 2 is 458752 channels"));
}

TEST(ProposeNetworksTest, TooManyOfAnythingIsRefusedEarly) {
  JobSpec spec = Job(std::vector<std::string>(1001, "resnet18"));
  EXPECT_THAT(ErrorsOf(spec),
              HasSubstr("candidates.networks: found 1001 networks; allowed: at most"));

  // 4 solutions for each of 251 base channel counts.
  std::vector<int64_t> channels;
  for (int64_t m = 1; m <= 251; ++m) channels.push_back(m);
  EXPECT_THAT(ErrorsOf(WithGenerator(Job({}), ResNet18Generator(channels))),
              HasSubstr("candidates.deepreshape[0]: found 1004 networks (4 solutions, 251 base "
                        "channels); allowed: at most 1000"));
  channels.pop_back();
  const JobSpec thousand = WithGenerator(Job({}), ResNet18Generator(channels));
  EXPECT_THAT(Propose(thousand).networks, SizeIs(1000));
  JobSpec one_more = thousand;
  one_more.candidates.networks = {"resnet18"};
  EXPECT_THAT(ErrorsOf(one_more), HasSubstr("candidates: found more than 1000 networks"));
  JobSpec replicated = thousand;
  replicated.candidates.replicates = 11;
  EXPECT_THAT(
      ErrorsOf(replicated),
      HasSubstr("candidates.replicates: found 11 for each of 1000 networks; allowed: at most "
                "10000 candidates"));

  JobSpec budgets = Job({"resnet18"});
  budgets.budgets.relus.assign(100, 5);
  EXPECT_THAT(Propose(budgets).networks[0].budgets, ElementsAre(5));
  budgets.budgets.fractions = {0.5};
  EXPECT_THAT(ErrorsOf(budgets), HasSubstr("budgets: found 101 budgets; allowed: 1 to 100"));
  budgets.budgets = {};
  EXPECT_THAT(ErrorsOf(budgets), HasSubstr("budgets: found 0 budgets"));

  JobSpec generators = Job({});
  generators.candidates.deepreshape.assign(101, ResNet18Generator({4}));
  EXPECT_THAT(ErrorsOf(generators), HasSubstr("candidates.deepreshape: found 101 entries"));
}

TEST(ProposeNetworksTest, HugeNetworksTogetherAreRefused) {
  // 600 blocks each, about 4,200 operations: legal one by one.
  std::vector<std::string> names;
  for (int m = 1; m <= 300; ++m) {
    names.push_back(absl::StrCat("basic:side=32:classes=10:m=", m,
                                 ":blocks=200x200x200:multipliers=2x2:stem-relu=no"));
  }
  JobSpec spec = Job(names);
  spec.data.classes = 10;
  EXPECT_EQ(ErrorsOf(spec),
            "candidates: found networks of more than 500000 operations together; allowed: at most "
            "500000");
}

TEST(ProposeNetworksTest, ManyNotesAreCounted) {
  JobSpec spec = Job({"resnet20"});
  std::vector<int64_t> channels(200, 4);
  const Proposal proposal = Propose(WithGenerator(spec, ResNet18Generator(channels)));
  EXPECT_THAT(proposal.networks, SizeIs(5));
  ASSERT_THAT(proposal.notes, SizeIs(kMaxNotes + 1));
  EXPECT_EQ(proposal.notes.back(), "And 696 more.");
}

TEST(ProposeNetworksTest, HashesOfAProposalDiffer) {
  const Proposal proposal = Propose(WithGenerator(
      Job({"resnet18", "resnet20", "resnet18+stem-relu"}), ResNet18Generator({4, 8, 16})));
  std::set<std::string> hashes;
  for (const ProposedNetwork& network : proposal.networks) hashes.insert(network.hash);
  EXPECT_EQ(hashes.size(), 15u);
}

}  // namespace
}  // namespace reluscape

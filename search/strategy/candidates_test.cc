#include "search/strategy/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A Job on 32 x 32 images of 100 classes with one Budget.
v1::JobSpec Job(const std::vector<std::string>& networks) {
  auto spec = FromJson<v1::JobSpec>(R"({"data": {"set": "cifar100", "classes": 100, "side": 32},
                                        "candidates": {}, "budgets": {"relus": [1000]}})");
  SetList(spec.mutable_candidates()->mutable_networks(), networks);
  return spec;
}

v1::JobSpec WithGenerator(v1::JobSpec spec, const v1::DeepReShapeSpec& generator) {
  *spec.mutable_candidates()->add_deepreshape() = generator;
  return spec;
}

v1::DeepReShapeSpec ResNet18Generator(const std::vector<int64_t>& base_channels) {
  auto generator = FromJson<v1::DeepReShapeSpec>(R"({"order": [3, 2, 4, 1]})");
  SetList(generator.mutable_base_channels(), base_channels);
  return generator;
}

v1::JobSpec WithDeepReduce(v1::JobSpec spec, const std::vector<std::string>& generators) {
  for (const std::string& json : generators) {
    *spec.mutable_candidates()->add_deepreduce() = FromJson<v1::DeepReduceSpec>(json);
  }
  return spec;
}

Proposal Propose(const v1::JobSpec& spec) {
  FieldErrors errors;
  Proposal proposal = ProposeNetworks(spec, errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus();
  return proposal;
}

std::string ErrorsOf(const v1::JobSpec& spec) {
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
  v1::JobSpec spec = Job({"resnet18"});
  spec.mutable_data()->set_side(64);
  spec.mutable_data()->set_classes(200);
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
  v1::DeepReShapeSpec generator = ResNet18Generator({4});
  generator.set_backbone("resnet34");
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

TEST(ProposeNetworksTest, NamedNetworksMayHaveAPretrainedFile) {
  v1::JobSpec spec = Job({"resnet18@8", "hrn-5x5x3x@4"});
  const v1::Artifact artifact = MakeArtifact(std::string(64, 'a'), 7);
  const auto bring = [&](const std::string& network, const std::string& file) {
    v1::PretrainedSpec& pretrained = *spec.mutable_candidates()->add_pretrained();
    pretrained.set_network(network);
    pretrained.set_file(file);
    pretrained.set_sha256(artifact.sha256());
    pretrained.set_bytes(artifact.bytes());
  };
  bring("hrn-5x5x3x@4", "weights/teacher.safetensors");
  const Proposal proposal = Propose(spec);
  EXPECT_FALSE(IsSet(proposal.networks[0].pretrained));
  EXPECT_EQ(proposal.networks[0].origin, "named");
  EXPECT_EQ(proposal.networks[1].pretrained, artifact);
  EXPECT_EQ(proposal.networks[1].pretrained_file, "weights/teacher.safetensors");
  EXPECT_EQ(proposal.networks[1].origin, "named, pretrained file weights/teacher.safetensors");

  bring("hrn-5x5x3x@4", "weights/teacher.safetensors");
  bring("resnet34@8", "x");
  EXPECT_EQ(ErrorsOf(spec),
            "candidates.pretrained[1].network: found \"hrn-5x5x3x@4\" again; allowed: each "
            "network once\n"
            "candidates.pretrained[2].network: found \"resnet34@8\"; allowed: an entry of "
            "candidates.networks, as it stands there");
}

TEST(ProposeNetworksTest, ANetworkNamedTwiceIsAnErrorUnderAnyName) {
  EXPECT_THAT(ErrorsOf(Job({"resnet18@16", "resnet20", "hrn-2x2x2x"})),
              HasSubstr("candidates.networks[2]: found \"hrn-2x2x2x\", the same network as "
                        "candidates.networks[0]; allowed: each network once"));
  // Widths that round to the same numbers are the same network too.
  EXPECT_THAT(ErrorsOf(Job({"hrn-2x2x2x@4", "hrn-2.01x2x2x@4"})), HasSubstr("the same network as"));
}

TEST(ProposeNetworksTest, LimitsLeaveOutGeneratedNetworksAndRefuseNamedOnes) {
  v1::JobSpec spec = WithGenerator(Job({"resnet18@4"}), ResNet18Generator({16}));
  // The exact count of HRN-5x5x3x: a limit is still within itself. HRN-5x7x2x has 1,270,330,752.
  spec.mutable_limits()->set_max_macs(1'053'353'152);
  const Proposal proposal = Propose(spec);
  EXPECT_THAT(NamesOf(proposal), testing::Contains("hrn-5x5x3x@16"));
  EXPECT_THAT(NamesOf(proposal), testing::Not(testing::Contains("hrn-5x7x2x@16")));
  EXPECT_THAT(proposal.notes,
              testing::Contains("hrn-5x7x2x@16 (candidates.deepreshape[0]) is left out: 1270330752 "
                                "MACs, above limits.max_macs = 1053353152."));
  spec.mutable_limits()->set_max_macs(1'053'353'151);
  EXPECT_THAT(NamesOf(Propose(spec)), testing::Not(testing::Contains("hrn-5x5x3x@16")));

  v1::JobSpec named = Job({"resnet18"});
  named.mutable_limits()->set_max_parameters(11'220'131);
  EXPECT_THAT(
      ErrorsOf(named),
      HasSubstr("candidates.networks[0]: found \"resnet18\" with 11220132 parameters, above "
                "limits.max_parameters = 11220131"));
  named.mutable_limits()->set_max_parameters(11'220'132);
  EXPECT_THAT(Propose(named).networks, SizeIs(1));
}

TEST(ProposeNetworksTest, NothingLeftIsAnErrorThatSaysWhy) {
  EXPECT_THAT(ErrorsOf(Job({})), HasSubstr("candidates: found no network"));
  v1::JobSpec spec = WithGenerator(Job({}), ResNet18Generator({16}));
  spec.mutable_limits()->set_max_macs(1);
  EXPECT_THAT(ErrorsOf(spec), AllOf(HasSubstr("candidates: found no network that is left"),
                                    HasSubstr("above limits.max_macs = 1")));
}

TEST(ProposeNetworksTest, BudgetsAreResolvedPerNetworkLargestFirstAndOnce) {
  v1::JobSpec spec = Job({"resnet18", "resnet18@32"});  // 491,520 and 245,760 ReLUs
  SetList(spec.mutable_budgets()->mutable_relus(), {1000, 24'576, 5000, 1000});
  SetList(spec.mutable_budgets()->mutable_fractions(), {0.05, 0.1, 0.29});
  const Proposal proposal = Propose(spec);
  EXPECT_THAT(proposal.networks[0].budgets, ElementsAre(142'540, 49'152, 24'576, 5000, 1000));
  EXPECT_THAT(proposal.networks[1].budgets, ElementsAre(71'270, 24'576, 12'288, 5000, 1000));
}

TEST(ProposeNetworksTest, AFractionIsRoundedDownButNotBelowAWholeNumber) {
  // resnet20@1 has 10,752 ReLUs; 0.29 and 0.07 are doubles a little off their decimals.
  v1::JobSpec spec = Job({"resnet20@1"});
  for (const auto& [fraction, relus] : std::vector<std::pair<double, int64_t>>{
           {0.25, 2688}, {0.29, 3118}, {0.0625, 672}, {0.0001, 1}, {0.9999, 10'750}}) {
    spec.mutable_budgets()->clear_relus();
    SetList(spec.mutable_budgets()->mutable_fractions(), {fraction});
    EXPECT_THAT(Propose(spec).networks[0].budgets, ElementsAre(relus)) << fraction;
  }
  // i / 10,752 of 10,752 ReLUs is i, whatever the last bit of the quotient.
  for (int64_t i = 1; i < 10'752; i += 97) {
    SetList(spec.mutable_budgets()->mutable_fractions(), {static_cast<double>(i) / 10'752});
    ASSERT_THAT(Propose(spec).networks[0].budgets, ElementsAre(i));
  }
}

TEST(ProposeNetworksTest, ABudgetThatDoesNotFitNamesTheSmallestNetwork) {
  v1::JobSpec spec = Job({"resnet18@128", "resnet18@64"});
  SetList(spec.mutable_budgets()->mutable_relus(), {1000, 600'000, 491'520, 491'519});
  SetList(spec.mutable_budgets()->mutable_fractions(), {0.000001, 0.5});
  const std::string errors = ErrorsOf(spec);
  EXPECT_THAT(errors, HasSubstr("budgets.relus[1]: found 600000; allowed: 1 to 491519 "
                                "(resnet18@64 has 491520 ReLUs)"));
  EXPECT_THAT(errors, HasSubstr("budgets.relus[2]: found 491520"));
  EXPECT_THAT(errors, testing::Not(HasSubstr("budgets.relus[0]")));
  EXPECT_THAT(errors, testing::Not(HasSubstr("budgets.relus[3]")));
  EXPECT_THAT(errors, HasSubstr("budgets.fractions[0]: found 1e-06, which is 0 of the 491520 ReLUs "
                                "of resnet18@64"));
  EXPECT_THAT(errors, testing::Not(HasSubstr("budgets.fractions[1]")));
}

TEST(ProposeNetworksTest, EveryErrorOfTheJobIsReportedAtOnce) {
  v1::JobSpec spec = Job({"resnet18", "resnet19", "hrn-0x5x3x@4"});
  for (const char* generator : {R"({"order": [3, 2, 4]})", R"({"backbone": "vgg"})",
                                R"({"order": [3, 2, 4, 1], "base_channels": [4],
                                    "max_multiplier": 4})"}) {
    spec = WithGenerator(spec, FromJson<v1::DeepReShapeSpec>(generator));
  }
  SetList(spec.mutable_budgets()->mutable_relus(), {600'000});
  const std::string errors = ErrorsOf(spec);
  for (const char* expected :
       {"candidates.networks[1]: found \"resnet19\" with name \"resnet19\"; allowed: name resnet18",
        "candidates.networks[2]: found \"hrn-0x5x3x@4\" with multipliers[0] 0; allowed: ",
        "candidates.deepreshape[0].order: found [3, 2, 4]; allowed: each section number from 1 to "
        "4",
        "candidates.deepreshape[1].backbone: found \"vgg\"; allowed: resnet18",
        "candidates.deepreshape[2]: found no multipliers from 2 to 4",
        "budgets.relus[0]: found 600000"}) {
    EXPECT_THAT(errors, HasSubstr(expected));
  }
}

TEST(ProposeNetworksTest, ACanonicalTextMustAgreeWithTheData) {
  v1::JobSpec spec = Job({CanonicalText(*ParseArchitecture("resnet18@8", 32, 100))});
  EXPECT_THAT(Propose(spec).networks, SizeIs(1));
  spec.mutable_data()->set_classes(10);
  EXPECT_THAT(ErrorsOf(spec), AllOf(HasSubstr("candidates.networks[0]"),
                                    HasSubstr("classes 100 in the canonical text")));
}

TEST(ProposeNetworksTest, GeneratedNetworksThatCannotBeBuiltAreLeftOutWithANote) {
  const Proposal proposal = Propose(WithGenerator(Job({"resnet20"}), ResNet18Generator({65'536})));
  EXPECT_THAT(NamesOf(proposal), ElementsAre("resnet20"));
  ASSERT_THAT(proposal.notes, SizeIs(4));
  EXPECT_THAT(proposal.notes[0], HasSubstr("hrn-7x5x2x@65536 (candidates.deepreshape[0]) is left "
                                           "out: multipliers[0] 7 (section 2 is 458752 channels"));
}

TEST(ProposeNetworksTest, TooManyOfAnythingIsRefusedEarly) {
  // 4 solutions for each of 251 base channel counts.
  std::vector<int64_t> channels;
  for (int64_t m = 1; m <= 251; ++m) channels.push_back(m);
  EXPECT_THAT(ErrorsOf(WithGenerator(Job({}), ResNet18Generator(channels))),
              HasSubstr("candidates.deepreshape[0]: found 1004 networks (4 solutions, 251 base "
                        "channels); allowed: at most 1000"));
  channels.pop_back();
  const v1::JobSpec thousand = WithGenerator(Job({}), ResNet18Generator(channels));
  EXPECT_THAT(Propose(thousand).networks, SizeIs(1000));
  v1::JobSpec one_more = thousand;
  one_more.mutable_candidates()->add_networks("resnet18");
  EXPECT_THAT(ErrorsOf(one_more), HasSubstr("candidates: found more than 1000 networks"));
  v1::JobSpec replicated = thousand;
  replicated.mutable_candidates()->set_replicates(11);
  EXPECT_THAT(
      ErrorsOf(replicated),
      HasSubstr("candidates.replicates: found 11 for each of 1000 networks; allowed: at most "
                "10000 candidates"));

  v1::JobSpec budgets = Job({"resnet18"});
  SetList(budgets.mutable_budgets()->mutable_relus(), std::vector<int64_t>(100, 5));
  EXPECT_THAT(Propose(budgets).networks[0].budgets, ElementsAre(5));
  SetList(budgets.mutable_budgets()->mutable_fractions(), {0.5});
  EXPECT_THAT(ErrorsOf(budgets), HasSubstr("budgets: found 101 budgets; allowed: 1 to 100"));
  budgets.clear_budgets();
  EXPECT_THAT(ErrorsOf(budgets), HasSubstr("budgets: found 0 budgets"));
}

TEST(ProposeNetworksTest, HugeNetworksTogetherAreRefused) {
  // 600 blocks each, about 4,200 operations: legal one by one.
  std::vector<std::string> names;
  for (int m = 1; m <= 300; ++m) {
    names.push_back(absl::StrCat("basic:side=32:classes=10:m=", m,
                                 ":blocks=200x200x200:multipliers=2x2:stem-relu=no"));
  }
  v1::JobSpec spec = Job(names);
  spec.mutable_data()->set_classes(10);
  EXPECT_EQ(ErrorsOf(spec),
            "candidates: found networks of more than 500000 operations together; allowed: at most "
            "500000");
}

TEST(ProposeNetworksTest, ManyNotesAreCounted) {
  v1::JobSpec spec = Job({"resnet20"});
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

v1::JobSpec Criticality(const std::vector<std::string>& networks) {
  v1::JobSpec spec = Job(networks);
  spec.set_kind(v1::JobSpec::CRITICALITY);
  spec.clear_budgets();
  spec.mutable_objectives()->Clear();
  return spec;
}

TEST(ProposeSectionNetworksTest, EachNetworkIsFollowedByOnePerSection) {
  const Proposal proposal = Propose(Criticality({"resnet18@8", "resnet20@4+stem-relu"}));
  ASSERT_THAT(proposal.networks, SizeIs(5 + 4));
  EXPECT_THAT(NamesOf(proposal),
              ElementsAre("resnet18@8", "resnet18@8+culled:2,3,4", "resnet18@8+culled:1,3,4",
                          "resnet18@8+culled:1,2,4", "resnet18@8+culled:1,2,3",
                          "resnet20@4+stem-relu", testing::_, testing::_, testing::_));
  EXPECT_EQ(proposal.networks[0].role, CandidateRole::kTeacher);
  EXPECT_EQ(proposal.networks[0].origin, "named");
  int64_t sum = 0;
  for (size_t k = 1; k <= 4; ++k) {
    const ProposedNetwork& network = proposal.networks[k];
    EXPECT_EQ(network.role, CandidateRole::kSection);
    EXPECT_EQ(network.measured_section, static_cast<int64_t>(k));
    EXPECT_EQ(network.teacher, 0);
    EXPECT_EQ(network.counts.relus, proposal.networks[0].counts.sections[k - 1].relus);
    EXPECT_EQ(network.counts.macs, proposal.networks[0].counts.macs);
    EXPECT_THAT(network.budgets, IsEmpty());
    EXPECT_EQ(ParseArchitecture(network.name, 32, 100).value(), network.architecture);
    sum += network.counts.relus;
  }
  EXPECT_EQ(sum, proposal.networks[0].counts.relus);
  EXPECT_EQ(proposal.networks[6].teacher, 5);
  EXPECT_EQ(proposal.networks[6].counts.relus, 98'304 / 4) << "without the ReLU behind the stem";
}

TEST(ProposeSectionNetworksTest, WhatCannotBeMeasuredIsRefused) {
  EXPECT_THAT(ErrorsOf(Criticality({"resnet18@8+culled:2"})),
              HasSubstr("candidates.networks[0]: found \"resnet18@8+culled:2\", which has no ReLUs "
                        "in section 2; allowed: a network with ReLUs in every section"));
  EXPECT_THAT(
      ErrorsOf(Criticality({"resnet18@8", "resnet18@8+stem-relu"})),
      HasSubstr("candidates.networks[1]: found \"resnet18@8+stem-relu\", whose network with "
                "ReLUs in section 1 alone is one of candidates.networks[0]"));
  EXPECT_THAT(ErrorsOf(Criticality({"vgg16@8"})),
              HasSubstr("which keeps 8192 ReLUs outside of section 1 where all others are culled"));
  EXPECT_THAT(Propose(Criticality({"vgg16@8+classifier:linear"})).networks, SizeIs(6));
  EXPECT_THAT(Propose(Criticality({"wrn-22-8@2"})).networks, SizeIs(4));
}

MeasuredOrders Measured(const std::string& field, std::vector<int64_t> order) {
  return {{field, {JobId{12}, "resnet18@8", std::move(order)}}};
}

TEST(ProposeOrdersTest, EveryGeneratedNetworkSaysWhereItsOrderComesFrom) {
  v1::JobSpec spec = WithGenerator(Job({"resnet18@8"}), ResNet18Generator({4}));
  const Proposal given = Propose(spec);
  EXPECT_EQ(given.networks[0].origin, "named");
  EXPECT_EQ(given.networks[1].origin, "deepreshape, order 3,2,4,1 (given)");
  spec.mutable_candidates()->mutable_deepreshape(0)->clear_order();
  const Proposal published = Propose(spec);
  EXPECT_EQ(published.networks[1].origin, "deepreshape, order 3,2,4,1 (published default)");
  EXPECT_EQ(NamesOf(published), NamesOf(given));

  spec.mutable_candidates()->mutable_deepreshape(0)->set_order_from_job(12);
  FieldErrors errors;
  const Proposal measured =
      ProposeNetworks(spec, errors, Measured("candidates.deepreshape[0]", {2, 3, 4, 1}));
  EXPECT_TRUE(errors.empty()) << errors.ToStatus();
  EXPECT_EQ(measured.networks[1].origin,
            "deepreshape, order 2,3,4,1 (measured by job 12 on resnet18@8)");
  for (size_t i = 1; i < measured.networks.size(); ++i) {
    const std::vector<SectionCounts>& sections = measured.networks[i].counts.sections;
    EXPECT_GT(sections[1].relus, sections[2].relus);
    EXPECT_GT(sections[2].relus, sections[3].relus);
    EXPECT_GT(sections[3].relus, sections[0].relus);
  }
}

TEST(ProposeOrdersTest, OrdersThatAreMissingOrDoNotFitAreNamed) {
  v1::JobSpec spec = WithGenerator(Job({}), ResNet18Generator({4}));
  spec.mutable_candidates()->mutable_deepreshape(0)->clear_order();
  spec.mutable_candidates()->mutable_deepreshape(0)->set_order_from_job(12);
  EXPECT_THAT(
      ErrorsOf(spec),
      HasSubstr("candidates.deepreshape[0].order_from_job: found 12; allowed: nothing where "
                "no coordinator keeps jobs"));
  FieldErrors errors;
  ProposeNetworks(spec, errors, Measured("candidates.deepreshape[0]", {3, 2, 1}));
  EXPECT_THAT(std::string(errors.ToStatus().message()),
              HasSubstr("candidates.deepreshape[0].order_from_job: found job 12, which measured "
                        "resnet18@8 of 3 sections; allowed: a job that measured a network of 4 "
                        "sections, as resnet18 has"));
  spec.mutable_candidates()->mutable_deepreshape(0)->clear_order_from_job();
  spec.mutable_candidates()->mutable_deepreshape(0)->set_backbone("resnet20");
  EXPECT_THAT(ErrorsOf(spec), HasSubstr("candidates.deepreshape[0].order: found nothing; allowed: "
                                        "every section number of resnet20"));
}

TEST(ProposeDeepReduceTest, NetworksAreTrainedWholeWithTheBackboneAsTeacher) {
  v1::JobSpec spec = Job({});
  spec.clear_budgets();
  spec = WithDeepReduce(spec, {R"({"backbone": "resnet18@8"})"});
  const Proposal proposal = Propose(spec);
  ASSERT_GT(proposal.networks.size(), 3u);
  EXPECT_EQ(proposal.networks[0].name, "resnet18@8");
  EXPECT_EQ(proposal.networks[0].role, CandidateRole::kTeacher);
  EXPECT_THAT(proposal.networks[0].budgets, IsEmpty());
  for (size_t i = 1; i < proposal.networks.size(); ++i) {
    const ProposedNetwork& network = proposal.networks[i];
    EXPECT_EQ(network.role, CandidateRole::kWhole);
    EXPECT_EQ(network.teacher, 0);
    EXPECT_THAT(network.budgets, ElementsAre(network.counts.relus));
    EXPECT_LT(network.counts.relus, proposal.networks[0].counts.relus);
    EXPECT_EQ(network.origin, "deepreduce, order 3,2,4,1 (published default)");
  }
  // C100_57K of deepreshape.md, section 6.1, at an eighth of its width.
  EXPECT_THAT(proposal.networks, testing::Contains(testing::Field(
                                     &ProposedNetwork::hash,
                                     NetworkHash(*BuildNetwork(*ParseArchitecture(
                                         "resnet18@8+culled:1+thinned+scale:0.5", 32, 100))))));
}

TEST(ProposeDeepReduceTest, ABackboneThatIsSearchedToIsTheTeacherAsItIs) {
  v1::JobSpec spec = Job({"resnet18@4", "resnet18@8"});
  spec = WithDeepReduce(spec, {R"({"backbone": "resnet18@8"})"});
  const Proposal proposal = Propose(spec);
  EXPECT_EQ(proposal.networks[1].role, CandidateRole::kSearch);
  EXPECT_THAT(proposal.networks[1].budgets, ElementsAre(1000));
  EXPECT_EQ(proposal.networks[2].role, CandidateRole::kWhole);
  EXPECT_EQ(proposal.networks[2].teacher, 1);
  EXPECT_EQ(proposal.networks[2].name, "resnet18@8+culled:1");
}

TEST(ProposeDeepReduceTest, AReducedNetworkTeachesNobody) {
  v1::JobSpec spec = Job({});
  spec.clear_budgets();
  // Of a VGG, which has nothing to thin, a narrower one is among the reduced networks.
  spec = WithDeepReduce(spec, {R"({"backbone": "vgg16@8", "order": [5, 4, 3, 2, 1]})",
                               R"({"backbone": "vgg16@8+scale:0.5", "order": [5, 4, 3, 2, 1]})"});
  EXPECT_THAT(ErrorsOf(spec), AllOf(HasSubstr("candidates.deepreduce[1].backbone: found"),
                                    HasSubstr("not culled, thinned or scaled yet")));
}

TEST(ProposeDeepReduceTest, WrongSettingsAreNamed) {
  v1::JobSpec spec = Job({});
  spec.clear_budgets();
  spec = WithDeepReduce(
      spec, {R"({"backbone": "resnet99"})", R"({"backbone": "resnet18@8", "order": [3, 2, 4]})",
             R"({"backbone": "resnet18@8", "max_culled": 4,
                                   "channel_scales": [0.5, 7]})"});
  const std::string errors = ErrorsOf(spec);
  for (const char* expected :
       {"candidates.deepreduce[0].backbone: found \"resnet99\"", "candidates.deepreduce[1].order",
        "candidates.deepreduce[2].max_culled: found 4",
        "candidates.deepreduce[2].channel_scales[1]: found 7"}) {
    EXPECT_THAT(errors, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace reluscape

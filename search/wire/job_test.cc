#include "search/wire/job.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/cost/metric.h"
#include "search/presets.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

// A valid job file in which a test replaces or adds members.
std::string JobWith(const std::string& members) {
  std::string text = "{";
  const auto add = [&](const std::string& key, const std::string& value) {
    if (members.find("\"" + key + "\"") == std::string::npos) {
      absl::StrAppend(&text, "\"", key, "\": ", value, ", ");
    }
  };
  add("data", R"({"set": "synthetic"})");
  add("candidates", R"({"networks": ["resnet18@8"]})");
  add("budgets", R"({"relus": [5000]})");
  return text + (members.empty() ? "\"name\": \"job\"" : members) + "}";
}

std::string ErrorsOf(const std::string& text) {
  FieldErrors errors;
  JobSpecFromJson(text, errors);
  return std::string(errors.ToStatus().message());
}

struct BadJob {
  const char* name;
  const char* members;
  std::string error;
};

void PrintTo(const BadJob& bad, std::ostream* out) { *out << bad.name; }

class BadJobTest : public testing::TestWithParam<BadJob> {};

TEST_P(BadJobTest, SaysWhereWhatAndWhatIsAllowed) {
  EXPECT_EQ(ErrorsOf(JobWith(GetParam().members)), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, BadJobTest,
    testing::Values(
        BadJob{"EmptyName", R"("name": "")",
               "name: found 0 characters; allowed: 1 to 100 characters"},
        BadJob{"NameOfTwoLines", R"("name": "a\nb")",
               "name: found a control character; allowed: text on one line"},
        BadJob{"NegativeSeed", R"("seed": -1)", "seed: found -1; allowed: 0 to 9007199254740991"},
        BadJob{"LargeSeed", R"("seed": 9007199254740992)",
               "seed: found 9007199254740992; allowed: 0 to 9007199254740991"},
        BadJob{"NoDataSet", R"("data": {})",
               "data.set: found nothing; allowed: 1 to 100 of a-z, 0-9, '_', '.' and '-': "
               "synthetic, or a name that Workers are given a path for (cifar10, cifar100, ...)"},
        BadJob{"DataSetAsPath", R"("data": {"set": "../x"})",
               "data.set: found \"../x\"; allowed: 1 to 100 of a-z, 0-9, '_', '.' and '-': "
               "synthetic, or a name that Workers are given a path for (cifar10, cifar100, ...)"},
        BadJob{"OwnDataSetWithoutShape", R"("data": {"set": "flowers"})",
               "data.classes: found nothing; allowed: 2 to 100000 (known only for synthetic, "
               "cifar10, cifar100)\n"
               "data.side: found nothing; allowed: 8 to 256 (known only for synthetic, cifar10, "
               "cifar100)"},
        BadJob{"ConflictWithKnownDataSet", R"("data": {"set": "cifar100", "classes": 10})",
               "data.classes: found 10; allowed: 100 (cifar100)"},
        BadJob{"OneClass", R"("data": {"set": "flowers", "classes": 1, "side": 32})",
               "data.classes: found 1; allowed: 2 to 100000"},
        BadJob{"LargeSide", R"("data": {"set": "flowers", "classes": 5, "side": 257})",
               "data.side: found 257; allowed: 8 to 256"},
        BadJob{"NegativeImages", R"("data": {"set": "synthetic", "train_images": -5})",
               "data.train_images: found -5; allowed: 0 to 1000000000"},
        BadJob{"NoNetwork", R"("candidates": {})",
               "candidates: found no network; allowed: at least one entry in networks "
               "(\"resnet18@8\"), deepreshape ({}) or deepreduce ({})"},
        BadJob{"EmptyNetwork", R"("candidates": {"networks": ["a", ""]})",
               "candidates.networks[1]: found 0 characters; allowed: 1 to 4000 characters"},
        BadJob{"Replicates", R"("candidates": {"networks": ["a"], "replicates": 101})",
               "candidates.replicates: found 101; allowed: 1 to 100"},
        BadJob{"OrderTwiceGiven",
               R"("candidates": {"deepreshape": [{"order": [3, 2, 4, 1], "order_from_job": 5}]})",
               "candidates.deepreshape[0].order_from_job: found 5; allowed: nothing where order is "
               "given"},
        BadJob{"OrderFromNoJob", R"("candidates": {"deepreshape": [{"order_from_job": 0}]})",
               "candidates.deepreshape[0].order_from_job: found 0; allowed: 1 to 9007199254740991"},
        BadJob{
            "OrderFromANetworkWithoutJob",
            R"("candidates": {"deepreduce": [{"order_from_network": "resnet18@8"}]},
                  "budgets": null)",
            "candidates.deepreduce[0].order_from_network: found \"resnet18@8\"; allowed: nothing "
            "where order_from_job is not given"},
        BadJob{"ChannelScale",
               R"("candidates": {"deepreduce": [{"channel_scales": [1, 2]}]}, "budgets": null)",
               "candidates.deepreduce[0].channel_scales[1]: found 2; allowed: a number above 0, at "
               "most 1"},
        BadJob{"MaxCulled", R"("candidates": {"deepreduce": [{"max_culled": 5}]}, "budgets": null)",
               "candidates.deepreduce[0].max_culled: found 5; allowed: 0 to 4"},
        BadJob{"BudgetsWhereNothingIsLinearized", R"("candidates": {"deepreduce": [{}]})",
               "budgets: found an object; allowed: nothing where all networks are of "
               "candidates.deepreduce"},
        BadJob{"NoBudgets", R"("budgets": null)",
               "budgets: found nothing; allowed: an object such as {\"fractions\": [0.2, 0.05]}"},
        BadJob{"CriticalityOfASearch", R"("criticality": {"exponent": 0.1})",
               "criticality: found an object; allowed: nothing in a job of kind search"},
        BadJob{"Kind", R"("kind": "guess")", "kind: found \"guess\"; allowed: search, criticality"},
        BadJob{"OrderTwice", R"("candidates": {"deepreshape": [{"order": [3, 2, 3, 1]}]})",
               "candidates.deepreshape[0].order[2]: found 3 again; allowed: each value once"},
        BadJob{"OrderOutOfRange", R"("candidates": {"deepreshape": [{"order": [3, 2, 5, 1]}]})",
               "candidates.deepreshape[0].order[2]: found 5; allowed: 1 to 4"},
        BadJob{"MaxMultiplier", R"("candidates": {"deepreshape": [{"max_multiplier": 65}]})",
               "candidates.deepreshape[0].max_multiplier: found 65; allowed: 2 to 64"},
        BadJob{"NoBudget", R"("budgets": {})",
               "budgets: found no budget; allowed: at least one entry in relus (15000) or "
               "fractions (0.05)"},
        BadJob{"BudgetOfZero", R"("budgets": {"relus": [0]})",
               "budgets.relus[0]: found 0; allowed: 1 to 9007199254740991"},
        BadJob{"BudgetTwice", R"("budgets": {"relus": [7, 7]})",
               "budgets.relus[1]: found 7 again; allowed: each value once"},
        BadJob{"FractionOfOne", R"("budgets": {"fractions": [0.5, 1]})",
               "budgets.fractions[1]: found 1; allowed: a number between 0 and 1, both excluded"},
        BadJob{"UnknownObjective", R"("objectives": ["relus", "flops"])",
               "objectives[1]: found \"flops\"; allowed: relus, macs, parameters, "
               "latency.delphi_online, <protocol>.<output>@<setting> with a protocol of " +
                   BuiltInMetrics().ProtocolNames()},
        BadJob{"UnknownProtocol", R"("objectives": ["teleport.online_s@wan"])",
               "objectives[0]: found \"teleport.online_s@wan\" with the unknown protocol "
               "\"teleport\"; allowed: a protocol of " +
                   BuiltInMetrics().ProtocolNames()},
        BadJob{"MetricTwice", R"("objectives": ["cheetah.online_s", "cheetah.online_s@lan"])",
               "objectives[1]: found \"cheetah.online_s@lan\" again; allowed: each objective once"},
        BadJob{"LimitWithoutSign", R"("limits": {"costs": ["cheetah.online_s 2"]})",
               "limits.costs[0]: found \"cheetah.online_s 2\"; allowed: \"<metric> <= <value>\", "
               "as in \"cheetah.online_s@wan <= 2\""},
        BadJob{"LimitOfNothing", R"("limits": {"costs": ["cheetah.online_s <= -1"]})",
               "limits.costs[0]: found the value \"-1\"; allowed: a number from 0"},
        BadJob{"LimitTwice",
               R"("limits": {"costs": ["cheetah.online_s <= 1", "cheetah.online_s@lan <= 2"]})",
               "limits.costs[1]: found another limit of cheetah.online_s@lan; allowed: one per "
               "metric"},
        BadJob{"ObjectiveTwice", R"("objectives": ["macs", "macs"])",
               "objectives[1]: found \"macs\" again; allowed: each objective once"},
        BadJob{"NoAttempt", R"("limits": {"max_attempts": 0})",
               "limits.max_attempts: found 0; allowed: 1 to 100"},
        BadJob{"NegativeLimit", R"("limits": {"max_macs": -1})",
               "limits.max_macs: found -1; allowed: 0 to 9223372036854775807"},
        BadJob{"NoData", R"("data": null)",
               "data: found nothing; allowed: an object such as {\"set\": \"synthetic\"}"}));

INSTANTIATE_TEST_SUITE_P(
    Recipe, BadJobTest,
    testing::Values(
        BadJob{"Epochs", R"("stages": {"pretrain": {"epochs": 0}})",
               "stages.pretrain.epochs: found 0; allowed: 1 to 100000"},
        BadJob{"Batch", R"("stages": {"fine_tune": {"batch": 1}})",
               "stages.fine_tune.batch: found 1; allowed: 2 to 65536"},
        BadJob{"LearningRate", R"("stages": {"pretrain": {"learning_rate": 0}})",
               "stages.pretrain.learning_rate: found 0; allowed: a number above 0"},
        BadJob{"Momentum", R"("stages": {"pretrain": {"momentum": 1}})",
               "stages.pretrain.momentum: found 1; allowed: a number from 0 to below 1"},
        BadJob{"WeightDecay", R"("stages": {"pretrain": {"weight_decay": -1}})",
               "stages.pretrain.weight_decay: found -1; allowed: a number of at least 0"},
        BadJob{"Nesterov", R"("stages": {"pretrain": {"nesterov": true, "momentum": 0}})",
               "stages.pretrain.nesterov: found true; allowed: false where momentum is 0"},
        BadJob{"StepsOfAnotherSchedule",
               R"("stages": {"pretrain": {"schedule": "cosine", "step_epochs": [3, 4]}})",
               "stages.pretrain.step_epochs: found [3, 4]; allowed: no entries where schedule is "
               "cosine; they are for steps"},
        BadJob{"StepsWithoutEpochs", R"("stages": {"fine_tune": {"schedule": "steps"}})",
               "stages.fine_tune.step_epochs: found nothing; allowed: at least one epoch where "
               "schedule is steps"},
        BadJob{"StepsNotIncreasing", R"("stages": {"pretrain": {"step_epochs": [4, 4]}})",
               "stages.pretrain.step_epochs[1]: found 4; allowed: more than the entry before it "
               "(4)"},
        BadJob{"StepFactor", R"("stages": {"pretrain": {"step_factor": 1.5}})",
               "stages.pretrain.step_factor: found 1.5; allowed: a number above 0, at most 1"},
        BadJob{"Lambda", R"("stages": {"linearize": {"lambda": 0}})",
               "stages.linearize.lambda: found 0; allowed: a number above 0"},
        BadJob{"LambdaGrowth", R"("stages": {"linearize": {"lambda_growth": 0.9}})",
               "stages.linearize.lambda_growth: found 0.9; allowed: a number of at least 1"},
        BadJob{"Threshold", R"("stages": {"linearize": {"threshold": 1}})",
               "stages.linearize.threshold: found 1; allowed: a number between 0 and 1, both "
               "excluded"},
        BadJob{"Temperature", R"("stages": {"distillation": {"temperature": 0}})",
               "stages.distillation.temperature: found 0; allowed: a number above 0"},
        BadJob{"NothingToLearn",
               R"("stages": {"distillation": {"weight": 0, "cross_entropy_weight": 0}})",
               "stages.distillation.weight: found 0; allowed: a number above 0 where "
               "cross_entropy_weight is 0 (nothing would be learned)"},
        BadJob{"CropPadding", R"("stages": {"augmentation": {"crop_padding": 65}})",
               "stages.augmentation.crop_padding: found 65; allowed: 0 to 64"},
        BadJob{"Preset", R"("stages": {"preset": "slow"})",
               "stages.preset: found \"slow\"; allowed: snl-2022, fast"},
        BadJob{"Method", R"("stages": {"linearize": {"method": "luck"}})",
               "stages.linearize.method: found \"luck\"; allowed: snl, autorep, senet, snip, "
               "taylor, magnitude, layer_uniform, random"},
        BadJob{"Replacement", R"("stages": {"linearize": {"replacement": "cubic"}})",
               "stages.linearize.replacement: found \"cubic\"; allowed: identity, polynomial"},
        BadJob{"RangePenalty", R"("stages": {"linearize": {"range_penalty": -1}})",
               "stages.linearize.range_penalty: found -1; allowed: a number of at least 0"},
        BadJob{"RangeLimit", R"("stages": {"linearize": {"range_limit": 0}})",
               "stages.linearize.range_limit: found 0; allowed: a number above 0"},
        BadJob{"NegativeLayerShare",
               R"("stages": {"linearize": {"method": "senet", "layer_shares": [1, -2]}})",
               "stages.linearize.layer_shares[1]: found -2; allowed: a finite number from 0"},
        BadJob{"LayerSharesAllZero",
               R"("stages": {"linearize": {"method": "senet", "layer_shares": [0, 0]}})",
               "stages.linearize.layer_shares: found zeros alone; allowed: at least one entry "
               "above 0"},
        BadJob{"LayerSharesWithoutSenet", R"("stages": {"linearize": {"layer_shares": [1, 2]}})",
               "stages.linearize.layer_shares: found 2 entries; allowed: none unless method is "
               "senet"},
        BadJob{"EarlyCut", R"("stages": {"linearize": {"early_cut": 0.5}})",
               "stages.linearize.early_cut: found 0.5; allowed: a number of at least 1"},
        BadJob{"FeedbackFactor", R"("stages": {"linearize": {"feedback_factor": 1}})",
               "stages.linearize.feedback_factor: found 1; allowed: a number above 1"},
        BadJob{"AlternatingFlip",
               R"("stages": {"augmentation": {"flip": false, "alternating_flip": true}})",
               "stages.augmentation.alternating_flip: found true; allowed: false where flip is "
               "false"},
        BadJob{"Cutout", R"("stages": {"augmentation": {"cutout": 257}})",
               "stages.augmentation.cutout: found 257; allowed: 0 to 256"},
        BadJob{"Mixup", R"("stages": {"augmentation": {"mixup": -1}})",
               "stages.augmentation.mixup: found -1; allowed: a number from 0 to 100"},
        BadJob{"Precision", R"("stages": {"precision": "float16"})",
               "stages.precision: found \"float16\"; allowed: float32, bfloat16"},
        BadJob{"LogitsOfMixedImages",
               R"("stages": {"cache_teacher_logits": true, "augmentation": {"mixup": 1}})",
               "stages.cache_teacher_logits: found true; allowed: false where "
               "augmentation.cutout or augmentation.mixup is above 0 (their views are too many to "
               "keep)"}));

TEST(JobTest, SchemaAndRangesAreReportedTogetherAndEachFieldOnce) {
  EXPECT_EQ(ErrorsOf(JobWith(R"("seed": "x", "data": [], "budgets": {"relus": ["y"]},
                                "limits": {"max_attempts": 0})")),
            "seed: found \"x\"; allowed: an integer\n"
            "data: found a list; allowed: an object\n"
            "budgets.relus[0]: found \"y\"; allowed: an integer\n"
            "limits.max_attempts: found 0; allowed: 1 to 100");
}

TEST(JobTest, ASyntaxErrorIsTheOnlyOne) {
  FieldErrors errors;
  JobSpecFromJson("{,", errors);
  EXPECT_EQ(errors.errors().size(), 1u);
}

TEST(JobTest, LongListsAreRefusedWithoutReadingThem) {
  std::string budgets = "1";
  for (int i = 2; i <= 101; ++i) absl::StrAppend(&budgets, ",", i);
  EXPECT_EQ(ErrorsOf(JobWith(absl::StrCat(R"("budgets": {"relus": [)", budgets, "]}"))),
            "budgets.relus: found 101 entries; allowed: at most 100");
}

TEST(JobTest, DefaultsAreThoseOfTheStructs) {
  FieldErrors errors;
  const JobSpec spec = JobSpecFromJson(JobWith(""), errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  JobSpec expected;
  expected.name = "job";
  expected.data = {.set = "synthetic", .classes = 10, .side = 32};
  expected.candidates.networks = {"resnet18@8"};
  expected.budgets.relus = {5000};
  EXPECT_EQ(spec, expected);
}

TEST(JobTest, CriticalityTakesWhatItMeansAndRefusesTheRest) {
  const std::string valid = R"({"kind": "criticality", "data": {"set": "synthetic"},
      "candidates": {"networks": ["resnet18@8", "resnet20@4"], "replicates": 2},
      "stages": {"preset": "fast", "pretrain": {"epochs": 3}})";
  FieldErrors errors;
  const JobSpec spec =
      JobSpecFromJson(valid + R"(, "criticality": {"exponent": 0, "baseline": "none"}})", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  EXPECT_EQ(spec.kind, JobKind::kCriticality);
  EXPECT_EQ(spec.criticality, (CriticalitySettings{0, CriticalityBaseline::kNone}));
  EXPECT_EQ(spec.stages.pretrain.epochs, 3);
  // Stages that do not run are no part of the recipe, whatever the preset says of them.
  EXPECT_EQ(spec.stages.linearize, LinearizeSettings());
  EXPECT_EQ(spec.stages.fine_tune, StageSettings().fine_tune);
  EXPECT_TRUE(spec.objectives.empty());
  FieldErrors again;
  EXPECT_EQ(JobSpecFromJson(MessageToJson(ToProto(spec)), again), spec);
  EXPECT_TRUE(again.empty()) << again.ToStatus().message();

  EXPECT_EQ(JobSpecFromJson(valid + "}", errors).criticality, CriticalitySettings());
  EXPECT_EQ(ErrorsOf(R"({"kind": "criticality", "data": {"set": "synthetic"},
                         "candidates": {"networks": ["a"], "deepreshape": [{}],
                                        "deepreduce": [{}]},
                         "budgets": {"relus": [10]}, "objectives": ["relus"],
                         "stages": {"linearize": {}, "fine_tune": {}},
                         "criticality": {"exponent": -1, "baseline": "mean"}})"),
            "criticality.baseline: found \"mean\"; allowed: minimum, none\n"
            "candidates.deepreshape: found 1 entries; allowed: nothing in a job of kind "
            "criticality\n"
            "candidates.deepreduce: found 1 entries; allowed: nothing in a job of kind "
            "criticality\n"
            "budgets: found an object; allowed: nothing in a job of kind criticality\n"
            "objectives: found 1 entries; allowed: nothing in a job of kind criticality\n"
            "stages.linearize: found an object; allowed: nothing in a job of kind criticality\n"
            "stages.fine_tune: found an object; allowed: nothing in a job of kind criticality\n"
            "criticality.exponent: found -1; allowed: a number from 0 to 10");
  EXPECT_EQ(ErrorsOf(R"({"kind": "criticality", "data": {"set": "synthetic"},
                         "candidates": {"deepreduce": [{}]}})"),
            "candidates.networks: found nothing; allowed: at least one network (\"resnet18@8\")\n"
            "candidates.deepreduce: found 1 entries; allowed: nothing in a job of kind "
            "criticality");
}

TEST(JobTest, DefaultsOfTheGenerator) {
  FieldErrors errors;
  const JobSpec spec = JobSpecFromJson(JobWith(R"("candidates": {"deepreshape": [{}]})"), errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  const DeepReShapeSpec expected = {.backbone = "resnet18",
                                    .order = {},  // the published default, where there is one
                                    .base_channels = {16},
                                    .order_from_network = ""};
  ASSERT_EQ(spec.candidates.deepreshape.size(), 1u);
  EXPECT_EQ(spec.candidates.deepreshape[0], expected);
}

// Every field differs from its default.
JobSpec FullSpec() {
  JobSpec spec;
  spec.name = "every field";
  spec.data = {"flowers", 17, 64, 1000, 200, 300};
  spec.candidates.networks = {"resnet18@8", "hrn-5x5x3x@4"};
  spec.candidates.deepreshape = {{"resnet34", {4, 3, 2, 1}, {8, 24}, 12, 0, ""},
                                 {"resnet18", {}, {8}, 12, 41, "resnet18@8"}};
  spec.candidates.deepreduce = {{"resnet34@8", {4, 3, 2, 1}, 1, {0.75}, {1, 0.25}, 0, ""},
                                {"resnet18", {}, 0, {1}, {0.25}, 42, "resnet18@16"}};
  spec.candidates.replicates = 3;
  spec.budgets = {{1000, 2000}, {0.1, 0.25}};
  spec.stages.pretrain = {11,   12, 0.13, 0.14, true, 0.15, false, Schedule::kOneCycle,
                          0.16, {}, 0.17};
  spec.stages.linearize = {21,
                           22,
                           0.23,
                           0.24,
                           0.25,
                           1.26,
                           27,
                           1.28,
                           0.29,
                           30,
                           LinearizeMethod::kSenet,
                           MaskShape::kChannel,
                           true,
                           0.31,
                           0.32,
                           LambdaSchedule::kPlanned,
                           1.33,
                           34,
                           35,
                           1.36,
                           1.37,
                           38,
                           0.39,
                           40,
                           Replacement::kPolynomial,
                           0.41,
                           0.42,
                           {0.43, 0}};
  spec.stages.fine_tune = {31,   32,     0.33, 0.34, true, 0.35, false, Schedule::kSteps,
                           0.36, {4, 9}, 0.37};
  spec.stages.distillation = {4.1, 4.2, 4.3};
  spec.stages.augmentation = {5, true, true, 8, 0.41};
  spec.stages.precision = Precision::kBfloat16;
  spec.stages.deterministic = true;
  spec.objectives = {"macs", "latency.delphi_online", "cheetah.online_s@wan"};
  spec.limits = {7, 8, 9, {{"cryptflow2.total_s@lan", 2.5}, {"latency.delphi_online", 1e-3}}};
  spec.seed = (uint64_t{1} << 53) - 1;
  return spec;
}

TEST(JobTest, MetricsTakeTheirCanonicalForm) {
  FieldErrors errors;
  const JobSpec spec =
      JobSpecFromJson(JobWith(R"("objectives": ["cheetah.online_s", "ckks.seconds"],
                 "limits": {"costs": ["cryptflow2.total_s<=2.50"]})"),
                      errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  EXPECT_EQ(spec.objectives,
            (std::vector<std::string>{"cheetah.online_s@lan", "ckks.seconds@mpcnn_cpu"}));
  EXPECT_EQ(spec.limits.costs, (std::vector<CostLimit>{{"cryptflow2.total_s@lan", 2.5}}));
  EXPECT_EQ(ToProto(spec).limits().costs(0), "cryptflow2.total_s@lan <= 2.5");
}

TEST(JobTest, EveryFieldSurvivesMessageAndJson) {
  const JobSpec spec = FullSpec();
  FieldErrors errors;
  EXPECT_EQ(JobSpecFromProto(ToProto(spec), errors), spec);
  EXPECT_EQ(JobSpecFromJson(MessageToJson(ToProto(spec)), errors), spec);
  EXPECT_EQ(JobSpecFromJson(MessageToShortJson(ToProto(spec)), errors), spec);
  EXPECT_EQ(StageSettingsFromProto(ToProto(spec.stages), errors), spec.stages);
  EXPECT_EQ(DataSpecFromProto(ToProto(spec.data), errors), spec.data);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  // The default recipe too, whose unused lists are not empty.
  EXPECT_EQ(StageSettingsFromProto(ToProto(StageSettings{}), errors), StageSettings{});
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
}

TEST(JobTest, APresetGivesTheFieldsThatAreLeftOut) {
  FieldErrors errors;
  const auto stages = [&](const std::string& json) {
    return JobSpecFromJson(JobWith(R"("stages": )" + json), errors).stages;
  };
  EXPECT_EQ(stages("{}"), *PresetSettings("snl-2022"));
  EXPECT_EQ(stages(R"({"preset": "snl-2022"})"), *PresetSettings("snl-2022"));
  StageSettings expected = *PresetSettings("fast");
  EXPECT_EQ(stages(R"({"preset": "fast"})"), expected);
  expected.pretrain.epochs = 7;
  expected.linearize.lambda = 0.5;
  EXPECT_EQ(
      stages(R"({"preset": "fast", "pretrain": {"epochs": 7}, "linearize": {"lambda": 0.5}})"),
      expected);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  // What a preset stands for can be written as plain settings.
  EXPECT_EQ(StageSettingsFromProto(ToProto(*PresetSettings("fast")), errors),
            *PresetSettings("fast"));
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
}

TEST(JobTest, OnlyThePublishedPresetDecaysOneDimensionalParameters) {
  const StageSettings published = *PresetSettings("snl-2022");
  EXPECT_TRUE(published.pretrain.decay_one_dimensional);
  EXPECT_TRUE(published.fine_tune.decay_one_dimensional);
  const StageSettings fast = *PresetSettings("fast");
  EXPECT_FALSE(fast.pretrain.decay_one_dimensional);
  EXPECT_FALSE(fast.fine_tune.decay_one_dimensional);
}

TEST(JobTest, SettingsForAWorkerMustBeComplete) {
  v1::StagesSpec message = ToProto(StageSettings{});
  message.mutable_linearize()->clear_lambda();
  FieldErrors errors;
  StageSettingsFromProto(message, errors);
  EXPECT_EQ(errors.ToStatus().message(),
            "settings.linearize.lambda: found nothing; allowed: a value");
}

TEST(JobTest, TheRecipeHashIsThatOfTheCompleteSettings) {
  FieldErrors errors;
  const JobSpec left_out = JobSpecFromJson(JobWith(""), errors);
  const JobSpec stated =
      JobSpecFromJson(JobWith(R"("seed": 5, "stages": {"pretrain": {"epochs": 160}})"), errors);
  const JobSpec other =
      JobSpecFromJson(JobWith(R"("stages": {"pretrain": {"epochs": 161}})"), errors);
  ASSERT_TRUE(errors.empty());
  EXPECT_TRUE(IsSha256Hex(RecipeHash(left_out.stages)));
  EXPECT_EQ(RecipeHash(left_out.stages), RecipeHash(stated.stages));
  EXPECT_NE(RecipeHash(left_out.stages), RecipeHash(other.stages));
}

}  // namespace
}  // namespace reluscape

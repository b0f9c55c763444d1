#include "search/vocabulary/job.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "search/cost/metric.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/recipe.h"

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
  const bool read = JobFromJson(text, errors).has_value();
  EXPECT_EQ(read, errors.empty());
  return std::string(errors.ToStatus().message());
}

// Of a job file without errors.
v1::JobSpec SpecOf(const std::string& text) {
  FieldErrors errors;
  const auto spec = JobFromJson(text, errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  return spec ? **spec : v1::JobSpec();
}

// Of a message without errors.
v1::JobSpec CheckedSpec(const v1::JobSpec& message) {
  FieldErrors errors;
  const auto spec = Checked<v1::JobSpec>::From(message, "", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  return spec ? **spec : v1::JobSpec();
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
               "(\"resnet18@8\"), deepreshape ({}) or deepreduce ({}), or a space"},
        BadJob{"SearchWithoutSpace", R"("search": {"strategy": "random"})",
               "search: found an object; allowed: nothing without candidates.space"},
        BadJob{"MaxTrainingsWithoutSpace", R"("limits": {"max_trainings": 3})",
               "limits.max_trainings: found 3; allowed: nothing without candidates.space"},
        BadJob{"SearchWithoutEnd", R"("candidates": {"space": {}})",
               "limits: found no end of the search; allowed: max_trainings (40), max_device_hours "
               "(8) or max_wall_hours (12)"},
        BadJob{
            "SearchWithReplicates",
            R"("candidates": {"space": {}, "replicates": 2}, "search": {"strategy": "enumerate"})",
            "candidates.replicates: found 2; allowed: 1 in a job with candidates.space, which "
            "spends its trainings on networks"},
        BadJob{
            "SearchOfFiveObjectives",
            R"("candidates": {"space": {}}, "search": {"strategy": "enumerate"},
                  "objectives": ["relus", "macs", "parameters", "papers.online_s"])",
            "objectives: found 4 entries; allowed: 1 to 3 in a job with candidates.space, beside "
            "accuracy"},
        BadJob{
            "UnknownStrategy",
            R"("candidates": {"space": {}}, "search": {"strategy": "tpe"},
                  "limits": {"max_trainings": 3})",
            "search.strategy: found \"tpe\"; allowed: enumerate, deepreshape, random, evolution, "
            "nsga2, ehvi"},
        BadJob{"SpaceOfACriticalityJob",
               R"("kind": "criticality", "candidates": {"networks": ["resnet18@4"], "space": {}},
                  "budgets": null)",
               "candidates.space: found an object; allowed: nothing in a job of kind criticality"},
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
               "<protocol>.<output>@<setting> with a protocol of " +
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
               "limits.max_macs: found -1; allowed: 0 or more"},
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
               "not steps"},
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
               "stages.linearize.layer_shares[1]: found -2; allowed: a number of at least 0"},
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
               "stages.precision: found \"float16\"; allowed: float32, bfloat16, tf32"},
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
  EXPECT_FALSE(JobFromJson("{,", errors));
  EXPECT_EQ(errors.errors().size(), 1u);
}

TEST(JobTest, LongListsAreRefusedWithoutReadingThem) {
  std::string budgets = "1";
  for (int i = 2; i <= 101; ++i) absl::StrAppend(&budgets, ",", i);
  EXPECT_EQ(ErrorsOf(JobWith(absl::StrCat(R"("budgets": {"relus": [)", budgets, "]}"))),
            "budgets.relus: found 101 entries; allowed: at most 100");
}

TEST(JobTest, EveryDefaultIsFilledIn) {
  auto expected = BareFromJson<v1::JobSpec>(R"({
      "name": "job",
      "data": {"set": "synthetic", "classes": 10, "side": 32, "train_images": 0,
               "validation_images": 0, "test_images": 0},
      "candidates": {"networks": ["resnet18@8"], "replicates": 1},
      "budgets": {"relus": [5000]},
      "stages": {
        "pretrain": {"epochs": 160, "batch": 256, "learning_rate": 0.1, "momentum": 0.9,
                     "nesterov": false, "weight_decay": 5e-4, "decay_one_dimensional": true,
                     "schedule": "steps", "warmup_fraction": 0.2, "step_epochs": [80, 120],
                     "step_factor": 0.1},
        "linearize": {"max_epochs": 2000, "batch": 128, "weight_learning_rate": 1e-3,
                      "mask_learning_rate": 1e-3, "lambda": 1e-5, "lambda_growth": 1.1,
                      "lambda_patience": 5, "lambda_growth_per_epoch": 1, "threshold": 1e-2,
                      "check_interval_steps": 0, "method": "snl", "mask_shape": "pixel",
                      "clamp_masks": false, "adam_beta1": 0.9, "adam_beta2": 0.999,
                      "lambda_schedule": "growing", "lambda_growth_per_step": 1,
                      "planned_epochs": 40, "feedback_interval_steps": 50,
                      "feedback_factor": 1.05, "early_cut": 1, "score_batches": 1,
                      "hysteresis": 0.003, "density_weight": 140, "replacement": "identity",
                      "range_penalty": 1e-3, "range_limit": 6},
        "fine_tune": {"epochs": 100, "batch": 128, "learning_rate": 1e-3, "momentum": 0.9,
                      "nesterov": false, "weight_decay": 5e-4, "decay_one_dimensional": true,
                      "schedule": "cosine_epochs", "warmup_fraction": 0.2, "step_factor": 0.1},
        "distillation": {"temperature": 4, "weight": 1, "cross_entropy_weight": 1},
        "augmentation": {"crop_padding": 4, "flip": true, "alternating_flip": false, "cutout": 0,
                         "mixup": 0},
        "precision": "tf32", "deterministic": false, "cache_teacher_logits": false},
      "objectives": ["relus"],
      "limits": {"max_attempts": 3, "max_macs": 0, "max_parameters": 0},
      "seed": 1,
      "kind": "search"})");
  FillJobDefaults(expected);  // of what has come since
  EXPECT_EQ(SpecOf(JobWith("")), expected);
}

TEST(JobTest, CriticalityTakesWhatItMeansAndRefusesTheRest) {
  const std::string valid = R"({"kind": "criticality", "data": {"set": "synthetic"},
      "candidates": {"networks": ["resnet18@8", "resnet20@4"], "replicates": 2},
      "stages": {"preset": "fast", "pretrain": {"epochs": 3}})";
  const v1::JobSpec spec =
      SpecOf(valid + R"(, "criticality": {"exponent": 0, "baseline": "none"}})");
  EXPECT_EQ(spec.kind(), v1::JobSpec::CRITICALITY);
  EXPECT_EQ(spec.criticality(),
            BareFromJson<v1::CriticalitySpec>(R"({"exponent": 0, "baseline": "none"})"));
  EXPECT_EQ(spec.stages().pretrain().epochs(), 3);
  // Stages that do not run are no part of the recipe, whatever the preset says of them.
  EXPECT_FALSE(spec.stages().has_linearize());
  EXPECT_FALSE(spec.stages().has_fine_tune());
  EXPECT_EQ(spec.objectives_size(), 0);
  EXPECT_EQ(SpecOf(MessageToJson(spec)), spec);

  EXPECT_EQ(SpecOf(valid + "}").criticality(),
            BareFromJson<v1::CriticalitySpec>(R"({"exponent": 0.07, "baseline": "minimum"})"));
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

TEST(JobTest, DefaultsOfTheGenerators) {
  const v1::JobSpec spec =
      SpecOf(JobWith(R"("candidates": {"deepreshape": [{}], "deepreduce": [{}]})"));
  // No order: the published one, where there is one.
  ASSERT_EQ(spec.candidates().deepreshape_size(), 1);
  EXPECT_EQ(spec.candidates().deepreshape(0), BareFromJson<v1::DeepReShapeSpec>(R"({
      "backbone": "resnet18", "base_channels": [16], "max_multiplier": 16})"));
  ASSERT_EQ(spec.candidates().deepreduce_size(), 1);
  EXPECT_EQ(spec.candidates().deepreduce(0), BareFromJson<v1::DeepReduceSpec>(R"({
      "backbone": "resnet18", "max_culled": 2, "channel_scales": [0.5], "resolutions": [0.5]})"));
}

// Every field differs from its default.
v1::JobSpec FullSpec() {
  return BareFromJson<v1::JobSpec>(R"({
      "name": "every field",
      "data": {"set": "flowers", "classes": 17, "side": 64, "train_images": 1000,
               "validation_images": 200, "test_images": 300,
               "hash": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      "candidates": {
        "networks": ["resnet18@8", "hrn-5x5x3x@4"],
        "deepreshape": [
          {"backbone": "resnet34", "order": [4, 3, 2, 1], "base_channels": [8, 24],
           "max_multiplier": 12},
          {"backbone": "resnet18", "base_channels": [8], "max_multiplier": 12,
           "order_from_job": 41, "order_from_network": "resnet18@8"}],
        "replicates": 3,
        "deepreduce": [
          {"backbone": "resnet34@8", "order": [4, 3, 2, 1], "max_culled": 1,
           "channel_scales": [0.75], "resolutions": [1, 0.25]},
          {"backbone": "resnet18", "max_culled": 0, "channel_scales": [1], "resolutions": [0.25],
           "order_from_job": 42, "order_from_network": "resnet18@16"}],
        "pretrained": [
          {"network": "resnet18@8", "file": "weights/a.safetensors", "bytes": 7,
           "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}]},
      "budgets": {"relus": [1000, 2000], "fractions": [0.1, 0.25]},
      "stages": {
        "pretrain": {"epochs": 11, "batch": 12, "learning_rate": 0.13, "momentum": 0.14,
                     "nesterov": true, "weight_decay": 0.15, "decay_one_dimensional": false,
                     "schedule": "one_cycle", "warmup_fraction": 0.16, "step_factor": 0.17},
        "linearize": {"max_epochs": 21, "batch": 22, "weight_learning_rate": 0.23,
                      "mask_learning_rate": 0.24, "lambda": 0.25, "lambda_growth": 1.26,
                      "lambda_patience": 27, "lambda_growth_per_epoch": 1.28, "threshold": 0.29,
                      "check_interval_steps": 30, "method": "senet", "mask_shape": "channel",
                      "clamp_masks": true, "adam_beta1": 0.31, "adam_beta2": 0.32,
                      "lambda_schedule": "planned", "lambda_growth_per_step": 1.33,
                      "planned_epochs": 34, "feedback_interval_steps": 35,
                      "feedback_factor": 1.36, "early_cut": 1.37, "score_batches": 38,
                      "hysteresis": 0.39, "density_weight": 40, "replacement": "polynomial",
                      "range_penalty": 0.41, "range_limit": 0.42, "layer_shares": [0.43, 0]},
        "fine_tune": {"epochs": 31, "batch": 32, "learning_rate": 0.33, "momentum": 0.34,
                      "nesterov": true, "weight_decay": 0.35, "decay_one_dimensional": false,
                      "schedule": "steps", "warmup_fraction": 0.36, "step_epochs": [4, 9],
                      "step_factor": 0.37},
        "distillation": {"temperature": 4.1, "weight": 4.2, "cross_entropy_weight": 4.3},
        "augmentation": {"crop_padding": 5, "flip": true, "alternating_flip": true, "cutout": 8,
                         "mixup": 0.41},
        "precision": "bfloat16", "deterministic": true, "cache_teacher_logits": false},
      "objectives": ["macs", "papers.online_s", "cheetah.online_s@wan"],
      "limits": {"max_attempts": 7, "max_macs": 8, "max_parameters": 9,
                 "costs": ["cryptflow2.total_s@lan <= 2.5", "papers.online_s <= 0.001"]},
      "seed": 9007199254740991,
      "kind": "search"})");
}

TEST(JobTest, MetricsTakeTheirCanonicalForm) {
  const v1::JobSpec spec = SpecOf(JobWith(R"("objectives": ["cheetah.online_s", "ckks.seconds"],
                                             "limits": {"costs": ["cryptflow2.total_s<=2.50"]})"));
  EXPECT_EQ(ListOf(spec.objectives()),
            (std::vector<std::string>{"cheetah.online_s@lan", "ckks.seconds@mpcnn_cpu"}));
  EXPECT_EQ(ListOf(spec.limits().costs()),
            std::vector<std::string>{"cryptflow2.total_s@lan <= 2.5"});
}

TEST(JobTest, AJobComesOutOfTheCheckUnchangedTheSecondTime) {
  v1::JobSpec full = FullSpec();
  FillJobDefaults(full);  // of what has come since
  EXPECT_EQ(CheckedSpec(full), full);
  EXPECT_EQ(SpecOf(MessageToJson(full)), full);
  EXPECT_EQ(SpecOf(MessageToShortJson(full)), full);
  for (const char* stages :
       {"{}", R"({"preset": "fast"})", R"({"pretrain": {"schedule": "constant"}})"}) {
    const v1::JobSpec spec = SpecOf(JobWith(absl::StrCat(R"("stages": )", stages)));
    EXPECT_EQ(CheckedSpec(spec), spec) << stages;
  }
}

TEST(JobTest, TheErrorsOfAMessageWithinAnotherStandBelowItsPath) {
  v1::JobSpec spec = FullSpec();
  spec.mutable_limits()->set_max_attempts(0);
  spec.mutable_stages()->mutable_pretrain()->set_epochs(0);
  FieldErrors errors;
  EXPECT_FALSE(Checked<v1::JobSpec>::From(spec, "jobs[3]", errors));
  EXPECT_EQ(errors.ToStatus().message(),
            "jobs[3].stages.pretrain.epochs: found 0; allowed: 1 to 100000\n"
            "jobs[3].limits.max_attempts: found 0; allowed: 1 to 100");
}

TEST(JobTest, APresetGivesTheFieldsThatAreLeftOut) {
  const auto stages = [&](const std::string& json) {
    return SpecOf(JobWith(R"("stages": )" + json)).stages();
  };
  EXPECT_EQ(stages(R"({"preset": "snl-2022"})"), stages("{}"));
  v1::StagesSpec expected = stages(R"({"preset": "fast"})");
  EXPECT_FALSE(expected.has_preset());
  EXPECT_EQ(expected.pretrain().epochs(), 70);
  expected.mutable_pretrain()->set_epochs(7);
  expected.mutable_linearize()->set_lambda(0.5);
  EXPECT_EQ(
      stages(R"({"preset": "fast", "pretrain": {"epochs": 7}, "linearize": {"lambda": 0.5}})"),
      expected);
}

TEST(JobTest, TheRecipeHashIsThatOfTheCompleteSettings) {
  const auto hash = [](const std::string& members) {
    return RecipeHash(SpecOf(JobWith(members)).stages());
  };
  EXPECT_EQ(hash(""), hash(R"("seed": 5, "stages": {"pretrain": {"epochs": 160}})"));
  EXPECT_NE(hash(""), hash(R"("stages": {"pretrain": {"epochs": 161}})"));
}

}  // namespace
}  // namespace reluscape

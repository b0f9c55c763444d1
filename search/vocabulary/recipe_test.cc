#include "search/vocabulary/recipe.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

v1::StagesSpec Stages(const std::string& json) {
  FieldErrors errors;
  const v1::StagesSpec stages = CheckedStages(BareFromJson<v1::StagesSpec>(json), "stages", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  return stages;
}

std::string HashOf(const std::string& json) { return RecipeHash(Stages(json)); }

// SNL's public code, as `stages` of a job without any.
constexpr char kSnl2022[] = R"({
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
                  "planned_epochs": 40, "feedback_interval_steps": 50, "feedback_factor": 1.05,
                  "early_cut": 1, "score_batches": 1, "hysteresis": 0.003,
                  "density_weight": 140, "replacement": "identity", "range_penalty": 1e-3,
                  "range_limit": 6},
    "fine_tune": {"epochs": 100, "batch": 128, "learning_rate": 1e-3, "momentum": 0.9,
                  "nesterov": false, "weight_decay": 5e-4, "decay_one_dimensional": true,
                  "schedule": "cosine_epochs", "warmup_fraction": 0.2, "step_factor": 0.1},
    "distillation": {"temperature": 4, "weight": 1, "cross_entropy_weight": 1},
    "augmentation": {"crop_padding": 4, "flip": true, "alternating_flip": false, "cutout": 0,
                     "mixup": 0},
    "precision": "tf32", "deterministic": false, "cache_teacher_logits": false})";

// What `fast` has beside it; its SGD stages, which have no steps, as a whole.
constexpr char kFast[] = R"({
    "pretrain": {"epochs": 70, "batch": 256, "learning_rate": 0.2, "momentum": 0.9,
                 "nesterov": true, "weight_decay": 5e-4, "decay_one_dimensional": false,
                 "schedule": "one_cycle", "warmup_fraction": 0.2, "step_factor": 0.1},
    "linearize": {"max_epochs": 200, "check_interval_steps": 25, "lambda_schedule": "planned",
                  "planned_epochs": 80},
    "fine_tune": {"epochs": 50, "batch": 128, "learning_rate": 1e-2, "momentum": 0.9,
                  "nesterov": true, "weight_decay": 5e-4, "decay_one_dimensional": false,
                  "schedule": "cosine", "warmup_fraction": 0.2, "step_factor": 0.1},
    "augmentation": {"alternating_flip": true}})";

TEST(PresetTest, Snl2022IsTheDefault) {
  auto expected = BareFromJson<v1::StagesSpec>(kSnl2022);
  FillStageDefaults(expected);  // of what has come since
  EXPECT_EQ(Stages("{}"), expected);
  EXPECT_EQ(Stages(R"({"preset": "snl-2022"})"), Stages("{}"));
}

TEST(PresetTest, FastIsItselfInEveryField) {
  auto expected = BareFromJson<v1::StagesSpec>(kSnl2022);
  expected.clear_pretrain();
  expected.clear_fine_tune();
  Overlay(BareFromJson<v1::StagesSpec>(kFast), expected);
  FillStageDefaults(expected);
  EXPECT_EQ(Stages(R"({"preset": "fast"})"), expected);
}

TEST(PresetTest, WhatIsGivenGoesBeforeThePreset) {
  v1::StagesSpec expected = Stages(R"({"preset": "fast"})");
  expected.mutable_pretrain()->set_schedule(v1::STEPS);
  SetList(expected.mutable_pretrain()->mutable_step_epochs(), {5});
  expected.mutable_augmentation()->set_alternating_flip(false);
  EXPECT_EQ(Stages(R"({"preset": "fast",
                       "pretrain": {"schedule": "steps", "step_epochs": [5]},
                       "augmentation": {"alternating_flip": false}})"),
            expected);
}

TEST(PresetTest, AnUnknownOneIsNamed) {
  v1::StagesSpec stages;
  stages.set_preset("slow");
  FieldErrors errors;
  CheckedStages(stages, "stages", errors);
  EXPECT_EQ(errors.ToStatus().message(), "stages.preset: found \"slow\"; allowed: snl-2022, fast");
}

TEST(CheckedStagesTest, NothingChangesTheSecondTime) {
  for (const char* json : {"{}", R"({"preset": "fast"})", R"({"pretrain": {"schedule": "cosine"}})",
                           R"({"fine_tune": {"schedule": "steps", "step_epochs": [1, 2]}})"}) {
    const v1::StagesSpec stages = Stages(json);
    FieldErrors errors;
    EXPECT_EQ(CheckedStages(stages, "", errors), stages) << json;
    EXPECT_TRUE(errors.empty()) << errors.ToStatus();
    v1::StagesSpec filled = stages;
    FillStageDefaults(filled);
    EXPECT_EQ(filled, stages) << json;
  }
}

TEST(CheckedStagesTest, AFieldThatAnOlderVersionDidNotKnowTakesItsDefault) {
  v1::StagesSpec stages = Stages(R"({"preset": "fast"})");
  const v1::StagesSpec whole = stages;
  stages.mutable_linearize()->clear_range_limit();
  stages.clear_distillation();
  FillStageDefaults(stages);
  EXPECT_EQ(stages, whole);
}

// ---------------------------------------------------------------------------------------------
// The hash.

// Results that are stored stand under these numbers: a change here parts them from new ones.
TEST(RecipeHashTest, HashesOfThePresetsNeverChange) {
  EXPECT_EQ(HashOf(R"({"preset": "snl-2022"})"),
            "7f761ecb9ff21c185cf3605ddd750d258800d56152e84217bb035c50c57ed691");
  EXPECT_EQ(HashOf(R"({"preset": "fast"})"),
            "951b3e8b1e50fb83dade1a1db283db663b3f0535216a04e370c3d5f4ea6fecb7");
  // As the frozen base has it: what was the default before TF32 came.
  EXPECT_EQ(HashOf(R"({"preset": "snl-2022", "precision": "float32"})"),
            "5bf1f8fb97201f2b1ef333c40d67fa8a27461e087bdad43be0b6324e52205c08");
  EXPECT_EQ(HashOf(R"({"preset": "fast", "precision": "float32"})"),
            "c84bdafa417326bd1bb8c20e51de91029151607391a91767c0403c56af30f833");
}

TEST(RecipeHashTest, WhatIsLeftOutCountsAsItsDefault) {
  EXPECT_TRUE(IsSha256Hex(HashOf("{}")));
  EXPECT_EQ(HashOf("{}"), HashOf(kSnl2022));
  EXPECT_EQ(HashOf("{}"), HashOf(R"({"pretrain": {"epochs": 160}})"));
  // Also where a whole Stage does not run.
  v1::StagesSpec criticality = Stages("{}");
  criticality.clear_linearize();
  criticality.clear_fine_tune();
  EXPECT_EQ(RecipeHash(criticality), HashOf("{}"));
}

using Path = std::vector<const FieldDescriptor*>;

// To every field that is no message, also of messages below.
std::vector<Path> PathsOf(const google::protobuf::Descriptor& type, const Path& path = {}) {
  std::vector<Path> paths;
  for (int i = 0; i < type.field_count(); ++i) {
    Path own = path;
    own.push_back(type.field(i));
    if (type.field(i)->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const std::vector<Path> below = PathsOf(*type.field(i)->message_type(), own);
      paths.insert(paths.end(), below.begin(), below.end());
    } else {
      paths.push_back(own);
    }
  }
  return paths;
}

// Another value than the field has, whether or not a rule allows it.
void Change(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return field.is_repeated()
                 ? reflection.AddInt64(&message, &field, 1000)
                 : reflection.SetInt64(&message, &field, reflection.GetInt64(message, &field) + 1);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return field.is_repeated()
                 ? reflection.AddDouble(&message, &field, 0.5)
                 : reflection.SetDouble(&message, &field,
                                        reflection.GetDouble(message, &field) * 2 + 1e-6);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, !reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, &field,
                                     reflection.GetEnumValue(message, &field) == 1 ? 2 : 1);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, "other");
    default:
      FAIL() << "a type that this test cannot change: " << field.full_name();
  }
}

TEST(RecipeHashTest, EveryFieldChangesItButTheLimitOfTheDescent) {
  const std::vector<Path> paths = PathsOf(*v1::StagesSpec::descriptor());
  EXPECT_GT(paths.size(), 60u);
  for (const char* json : {"{}", R"({"preset": "fast"})"}) {
    const v1::StagesSpec stages = Stages(json);
    std::set<std::string> hashes = {RecipeHash(stages)};
    for (const Path& path : paths) {
      v1::StagesSpec other = stages;
      Message* message = &other;
      std::string name = path[0]->name();
      for (size_t i = 1; i < path.size(); ++i) {
        message = message->GetReflection()->MutableMessage(message, path[i - 1]);
        name = FieldPath(name, path[i]->name());
      }
      Change(*message, *path.back());
      if (name == "linearize.max_epochs" || name == "preset") {
        EXPECT_EQ(RecipeHash(other), RecipeHash(stages)) << name;
      } else {
        EXPECT_TRUE(hashes.insert(RecipeHash(other)).second) << name;
      }
    }
  }
}

}  // namespace
}  // namespace reluscape

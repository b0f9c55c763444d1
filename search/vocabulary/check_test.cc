#include "search/vocabulary/check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/options.pb.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string ErrorsOf(const Message& message, const std::string& path = "") {
  FieldErrors errors;
  CheckMessage(message, path, errors);
  return std::string(errors.ToStatus().message());
}

// Of a message with `json` in it and defaults around it.
template <typename T>
std::string ErrorsOf(const std::string& json) {
  return ErrorsOf(FromJson<T>(json));
}

TEST(FillDefaultsTest, FieldsThatAreLeftOutTakeTheirDefaultAndOthersStay) {
  const auto limits = FromJson<v1::LimitsSpec>(R"({"max_macs": 7})");
  EXPECT_EQ(limits,
            BareFromJson<v1::LimitsSpec>(
                R"({"max_attempts": 3, "max_macs": 7, "max_parameters": 0, "max_trainings": 0,
                            "max_device_hours": 0, "max_wall_hours": 0})"));
  const auto sgd = FromJson<v1::SgdSpec>(R"({"nesterov": true, "momentum": 0})");
  EXPECT_TRUE(sgd.nesterov());
  EXPECT_EQ(sgd.momentum(), 0) << "0 was given";
  EXPECT_EQ(sgd.schedule(), v1::STEPS);
  EXPECT_TRUE(sgd.decay_one_dimensional());
  EXPECT_EQ(sgd.step_epochs_size(), 0) << "without a default";
}

TEST(FillDefaultsTest, AMessageTakesTheDefaultOfItsFieldAndThenThoseOfItsOwnFields) {
  const auto stages = FromJson<v1::StagesSpec>("{}");
  EXPECT_EQ(ListOf(stages.pretrain().step_epochs()), (std::vector<int64_t>{80, 120}));
  EXPECT_EQ(stages.pretrain().epochs(), 160) << "of SgdSpec";
  EXPECT_EQ(stages.fine_tune().epochs(), 100) << "of the field fine_tune";
  EXPECT_EQ(stages.fine_tune().schedule(), v1::COSINE_EPOCHS);
  EXPECT_EQ(stages.fine_tune().momentum(), 0.9) << "of SgdSpec";
  EXPECT_EQ(stages.fine_tune().step_epochs_size(), 0);
  EXPECT_EQ(stages.distillation().temperature(), 4);
}

TEST(FillDefaultsTest, AMessageThatIsGivenInPartIsFilledLikewise) {
  const auto stages =
      FromJson<v1::StagesSpec>(R"({"fine_tune": {"epochs": 7}, "pretrain": {"step_epochs": [3]}})");
  EXPECT_EQ(stages.fine_tune().epochs(), 7);
  EXPECT_EQ(stages.fine_tune().batch(), 128);
  EXPECT_EQ(stages.fine_tune().learning_rate(), 0.001);
  EXPECT_EQ(stages.fine_tune().schedule(), v1::COSINE_EPOCHS);
  EXPECT_EQ(ListOf(stages.pretrain().step_epochs()), std::vector<int64_t>{3});
  EXPECT_EQ(stages.pretrain().batch(), 256);
}

TEST(FillDefaultsTest, AMessageWithoutDefaultStaysAwayAndEntriesOfListsAreFilled) {
  const auto none = FromJson<v1::JobSpec>("{}");
  EXPECT_FALSE(none.has_data());
  EXPECT_FALSE(none.has_candidates());
  EXPECT_FALSE(none.has_budgets());
  EXPECT_FALSE(none.has_criticality());
  EXPECT_TRUE(none.has_stages());
  EXPECT_EQ(ListOf(none.objectives()), std::vector<std::string>{"relus"});
  const auto two = FromJson<v1::CandidatesSpec>(R"({"deepreduce": [{"max_culled": 0}, {}]})");
  EXPECT_EQ(two.deepreduce(0).max_culled(), 0);
  EXPECT_EQ(two.deepreduce(0).backbone(), "resnet18");
  EXPECT_EQ(two.deepreduce(1).max_culled(), 2);
  EXPECT_EQ(ListOf(two.deepreduce(1).channel_scales()), std::vector<double>{0.5});
}

TEST(FillDefaultsTest, WhatIsFilledStaysAsItIs) {
  const auto spec = FromJson<v1::JobSpec>(R"({"data": {}, "candidates": {"deepreshape": [{}]}})");
  v1::JobSpec again = spec;
  FillDefaults(again);
  EXPECT_EQ(again, spec);
}

TEST(OverlayTest, WhatIsSetReplacesAndTheRestStays) {
  auto target = BareFromJson<v1::StagesSpec>(R"({
      "pretrain": {"epochs": 1, "batch": 2, "step_epochs": [1, 2, 3]},
      "linearize": {"layer_shares": [1, 2]}, "deterministic": true})");
  Overlay(BareFromJson<v1::StagesSpec>(R"({
              "pretrain": {"epochs": 9, "step_epochs": [7]},
              "fine_tune": {"nesterov": false, "step_epochs": [8]}, "deterministic": false})"),
          target);
  EXPECT_EQ(target, BareFromJson<v1::StagesSpec>(R"({
      "pretrain": {"epochs": 9, "batch": 2, "step_epochs": [7]},
      "linearize": {"layer_shares": [1, 2]},
      "fine_tune": {"nesterov": false, "step_epochs": [8]}, "deterministic": false})"));
}

TEST(OverlayTest, ListsOfMessagesAreReplacedAsAWhole) {
  auto target = BareFromJson<v1::CandidatesSpec>(
      R"({"networks": ["a"], "deepreshape": [{"max_multiplier": 5}, {}]})");
  Overlay(BareFromJson<v1::CandidatesSpec>(R"({"deepreshape": [{"backbone": "b"}]})"), target);
  EXPECT_EQ(target, BareFromJson<v1::CandidatesSpec>(
                        R"({"networks": ["a"], "deepreshape": [{"backbone": "b"}]})"));
}

TEST(CheckMessageTest, IntegersHaveBounds) {
  EXPECT_EQ(ErrorsOf<v1::LimitsSpec>(R"({"max_attempts": 0})"),
            "max_attempts: found 0; allowed: 1 to 100");
  EXPECT_EQ(ErrorsOf<v1::LimitsSpec>(R"({"max_attempts": 101})"),
            "max_attempts: found 101; allowed: 1 to 100");
  EXPECT_EQ(ErrorsOf<v1::LimitsSpec>(R"({"max_attempts": 100})"), "");
  EXPECT_EQ(ErrorsOf<v1::LimitsSpec>(R"({"max_macs": -1})"),
            "max_macs: found -1; allowed: 0 or more");
  EXPECT_EQ(ErrorsOf<v1::LimitsSpec>(R"({"max_macs": 9223372036854775807})"), "");
}

TEST(CheckMessageTest, RealNumbersHaveBoundsAndAreFinite) {
  EXPECT_EQ(ErrorsOf<v1::SgdSpec>(R"({"learning_rate": 0})"),
            "learning_rate: found 0; allowed: a number above 0");
  EXPECT_EQ(ErrorsOf<v1::SgdSpec>(R"({"weight_decay": -0.5})"),
            "weight_decay: found -0.5; allowed: a number of at least 0");
  EXPECT_EQ(ErrorsOf<v1::SgdSpec>(R"({"momentum": 1})"),
            "momentum: found 1; allowed: a number from 0 to below 1");
  EXPECT_EQ(ErrorsOf<v1::SgdSpec>(R"({"step_factor": 1.5})"),
            "step_factor: found 1.5; allowed: a number above 0, at most 1");
  EXPECT_EQ(ErrorsOf<v1::LinearizeSpec>(R"({"threshold": 1})"),
            "threshold: found 1; allowed: a number between 0 and 1, both excluded");
  EXPECT_EQ(ErrorsOf<v1::AugmentationSpec>(R"({"mixup": 101})"),
            "mixup: found 101; allowed: a number from 0 to 100");
  EXPECT_EQ(ErrorsOf<v1::AugmentationSpec>(R"({"mixup": 100})"), "");
  auto sgd = FromJson<v1::SgdSpec>("{}");
  sgd.set_learning_rate(std::numeric_limits<double>::quiet_NaN());
  sgd.set_weight_decay(std::numeric_limits<double>::infinity());
  EXPECT_EQ(ErrorsOf(sgd),
            "learning_rate: found nan; allowed: a number above 0\n"
            "weight_decay: found inf; allowed: a number of at least 0");
}

TEST(CheckMessageTest, EnumsHaveOneOfTheirValues) {
  auto sgd = FromJson<v1::SgdSpec>("{}");
  for (const int number : {0, 99}) {
    sgd.set_schedule(static_cast<v1::Schedule>(number));
    EXPECT_EQ(ErrorsOf(sgd),
              absl::StrCat("schedule: found ", number,
                           "; allowed: constant, cosine, one_cycle, cosine_epochs, steps"));
  }
}

TEST(CheckMessageTest, TextsHaveALengthInCharactersAndAForm) {
  const auto name = [](const std::string& text) {
    auto spec = FromJson<v1::JobSpec>(R"({"data": {"set": "a", "classes": 2, "side": 8},
                                          "candidates": {}})");
    spec.set_name(text);
    return ErrorsOf(spec);
  };
  std::string long_name;
  for (int i = 0; i < 100; ++i) long_name += "\xc3\xa9";
  EXPECT_EQ(name(long_name), "");
  EXPECT_EQ(name(long_name + "x"), "name: found 101 characters; allowed: 1 to 100 characters");
  EXPECT_EQ(name(""), "name: found 0 characters; allowed: 1 to 100 characters");
  EXPECT_EQ(name("a\tb"), "name: found a control character; allowed: text on one line");
  const auto data = [](const std::string& members) {
    return ErrorsOf<v1::DataSpec>(R"({"classes": 2, "side": 8, )" + members + "}");
  };
  EXPECT_EQ(data(R"("set": "a-b_c.9")"), "");
  EXPECT_EQ(data(R"("set": "A")"),
            "set: found \"A\"; allowed: 1 to 100 of a-z, 0-9, '_', '.' and '-': synthetic, or a "
            "name that Workers are given a path for (cifar10, cifar100, ...)");
  const std::string hash(64, 'a');
  EXPECT_EQ(data(R"("set": "a", "hash": ")" + hash + "\""), "");
  EXPECT_EQ(data(R"("set": "a", "hash": "")"), "") << "none";
  EXPECT_EQ(data(R"("set": "a", "hash": "XY")"),
            "hash: found \"XY\"; allowed: 64 lower-case hexadecimal digits, as `reluscape data "
            "JOB` shows them");
}

TEST(CheckMessageTest, ListsHaveALengthAndTheirEntriesTheRule) {
  EXPECT_EQ(ErrorsOf<v1::BudgetsSpec>(R"({"relus": [5, 0, 6, 5], "fractions": [0.5, 1, 0.5]})"),
            "relus[1]: found 0; allowed: 1 to 9007199254740991\n"
            "relus[3]: found 5 again; allowed: each value once\n"
            "fractions[1]: found 1; allowed: a number between 0 and 1, both excluded\n"
            "fractions[2]: found 0.5 again; allowed: each value once");
  v1::BudgetsSpec budgets;
  for (int i = 1; i <= 101; ++i) budgets.add_relus(i > 99 ? 0 : i);
  EXPECT_EQ(ErrorsOf(budgets), "relus: found 101 entries; allowed: at most 100");
  EXPECT_EQ(ErrorsOf<v1::CandidatesSpec>(R"({"networks": ["a", ""]})"),
            "networks[1]: found 0 characters; allowed: 1 to 4000 characters");
}

TEST(CheckMessageTest, RequiredFieldsAreToldWhereTheirMessageIsThere) {
  EXPECT_EQ(ErrorsOf<v1::DataSpec>(R"({"set": "a"})"),
            "classes: found nothing; allowed: 2 to 100000\n"
            "side: found nothing; allowed: 8 to 256");
  EXPECT_EQ(ErrorsOf(BareFromJson<v1::JobSpec>(R"({"candidates": {}})")),
            "data: found nothing; allowed: an object such as {\"set\": \"synthetic\"}");
  EXPECT_EQ(ErrorsOf(BareFromJson<v1::StagesSpec>("{}")), "") << "what is away breaks no rule";
}

TEST(CheckMessageTest, PathsLeadFromTheInputToTheField) {
  const auto stages = FromJson<v1::StagesSpec>(R"({"pretrain": {"epochs": 0}})");
  EXPECT_EQ(ErrorsOf(stages), "pretrain.epochs: found 0; allowed: 1 to 100000");
  EXPECT_EQ(ErrorsOf(stages, "leases[0].settings"),
            "leases[0].settings.pretrain.epochs: found 0; allowed: 1 to 100000");
  EXPECT_EQ(ErrorsOf(FromJson<v1::CandidatesSpec>(R"({"deepreduce": [{}, {"order": [1, 1]}]})")),
            "deepreduce[1].order[1]: found 1 again; allowed: each value once");
}

TEST(AllowedTextTest, IsTheRuleUnlessItSaysOtherwise) {
  const auto allowed = [](const Descriptor* message, const char* field) {
    return AllowedText(*message->FindFieldByName(field));
  };
  EXPECT_EQ(allowed(v1::StagesSpec::descriptor(), "precision"), "float32, bfloat16, tf32");
  EXPECT_EQ(allowed(v1::StagesSpec::descriptor(), "preset"), "snl-2022, fast");
  EXPECT_EQ(allowed(v1::StagesSpec::descriptor(), "deterministic"), "");
  EXPECT_EQ(allowed(v1::JobSpec::descriptor(), "limits"), "an object");
  EXPECT_EQ(allowed(v1::JobSpec::descriptor(), "name"), "1 to 100 characters");
}

// Every default, of every message that a user writes, can be read and holds its own rule.
TEST(RulesTest, EveryDefaultHoldsItsOwnRule) {
  const google::protobuf::FileDescriptor& file = *v1::JobSpec::descriptor()->file();
  int defaults = 0;
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor& type = *file.message_type(i);
    for (int j = 0; j < type.field_count(); ++j) {
      const FieldDescriptor& field = *type.field(j);
      const v1::Rule& rule = field.options().GetExtension(v1::rule);
      if (rule.default_().empty()) continue;
      SCOPED_TRACE(field.full_name());
      ++defaults;
      EXPECT_FALSE(rule.required()) << "a default is never missing";
      const std::unique_ptr<Message> message(
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
      FieldErrors errors;
      JsonToMessage(absl::StrCat("{\"", field.name(), "\": ", rule.default_(), "}"), *message,
                    errors);
      EXPECT_TRUE(errors.empty()) << errors.ToStatus();
      FillDefaults(*message);
      CheckMessage(*message, "", errors);
      for (const FieldError& error : errors.errors()) {
        EXPECT_FALSE(error.field.starts_with(field.name()))
            << error.field << ": found " << error.found << "; allowed: " << error.allowed;
      }
    }
  }
  EXPECT_GT(defaults, 70);
}

// A bound of an integer is exact only up to 2^53.
TEST(RulesTest, BoundsOfIntegersAreIntegers) {
  const google::protobuf::FileDescriptor& file = *v1::JobSpec::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor& type = *file.message_type(i);
    for (int j = 0; j < type.field_count(); ++j) {
      const FieldDescriptor& field = *type.field(j);
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_INT64) continue;
      SCOPED_TRACE(field.full_name());
      const v1::Rule& rule = field.options().GetExtension(v1::rule);
      EXPECT_FALSE(rule.has_above() || rule.has_below()) << "an integer has from and to";
      for (const double bound : {rule.from(), rule.to()}) {
        EXPECT_EQ(static_cast<double>(static_cast<int64_t>(bound)), bound);
        EXPECT_LE(std::abs(bound), 9007199254740991.0);
      }
    }
  }
}

// Six digits are shown, and these differ in the seventh.
TEST(CheckMessageTest, NeighboursAreNoRepetition) {
  FieldErrors errors;
  CheckMessage(BareFromJson<v1::BudgetsSpec>(R"({"fractions": [0.1234561, 0.1234562]})"), "",
               errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
}

}  // namespace
}  // namespace reluscape

#include "search/vocabulary/json.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/job_service.pb.h"
#include "reluscape/v1/views.pb.h"

namespace reluscape {
namespace {

using google::protobuf::util::MessageDifferencer;

std::string ErrorsOf(const std::string& text) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(text, message, errors);
  return std::string(errors.ToStatus().message());
}

struct BadText {
  const char* name;
  std::string text;
  std::string error;
};

void PrintTo(const BadText& bad, std::ostream* out) { *out << bad.name; }

class BadJsonTest : public testing::TestWithParam<BadText> {};

TEST_P(BadJsonTest, SaysWhereWhatAndWhatIsAllowed) {
  EXPECT_EQ(ErrorsOf(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadJsonTest,
    testing::Values(
        BadText{"WrongTypeOfScalar", R"({"seed": "7"})", "seed: found \"7\"; allowed: an integer"},
        BadText{"FractionForInteger", R"({"seed": 1.5})", "seed: found 1.5; allowed: an integer"},
        BadText{"ExponentForInteger", R"({"seed": 1e3})", "seed: found 1e3; allowed: an integer"},
        BadText{"BooleanForInteger", R"({"seed": true})", "seed: found true; allowed: an integer"},
        BadText{"IntegerOutOfRange", R"({"seed": 9223372036854775808})",
                "seed: found 9223372036854775808; allowed: an integer from -9223372036854775808 to "
                "9223372036854775807"},
        BadText{"TextForNumber", R"({"stages": {"pretrain": {"learning_rate": "0.1"}}})",
                "stages.pretrain.learning_rate: found \"0.1\"; allowed: a number"},
        BadText{"NumberForBoolean", R"({"stages": {"augmentation": {"flip": 1}}})",
                "stages.augmentation.flip: found 1; allowed: true or false"},
        BadText{"NumberForText", R"({"name": 3})", "name: found 3; allowed: a string"},
        BadText{"ListForObject", R"({"data": []})", "data: found a list; allowed: an object"},
        BadText{"ObjectForList", R"({"objectives": {}})",
                "objectives: found an object; allowed: a list of strings"},
        BadText{"ItemOfList", R"({"budgets": {"relus": [5, 6, "7"]}})",
                "budgets.relus[2]: found \"7\"; allowed: an integer"},
        BadText{"NullInList", R"({"budgets": {"relus": [null]}})",
                "budgets.relus[0]: found null; allowed: an integer"},
        BadText{"ItemOfListOfObjects",
                R"({"candidates": {"deepreshape": [{}, {"max_multiplier": "x"}]}})",
                "candidates.deepreshape[1].max_multiplier: found \"x\"; allowed: an integer"},
        BadText{"UnknownEnumName", R"({"stages": {"pretrain": {"schedule": "linear"}}})",
                "stages.pretrain.schedule: found \"linear\"; allowed: constant, cosine, one_cycle, "
                "cosine_epochs, steps"},
        BadText{"EnumByNumber", R"({"stages": {"pretrain": {"schedule": 2}}})",
                "stages.pretrain.schedule: found 2; allowed: constant, cosine, one_cycle, "
                "cosine_epochs, steps"},
        BadText{"UnspecifiedEnum",
                R"({"stages": {"pretrain": {"schedule": "schedule_unspecified"}}})",
                "stages.pretrain.schedule: found \"schedule_unspecified\"; allowed: constant, "
                "cosine, one_cycle, cosine_epochs, steps"},
        BadText{
            "MisspelledField", R"({"limits": {"max_atempts": 2}})",
            "limits.max_atempts: found an unknown field; allowed: max_attempts (did you mean "
            "that?), or another of: max_attempts, max_macs, max_parameters, costs, max_trainings, "
            "max_device_hours, max_wall_hours"},
        BadText{"UnknownField", R"({"limits": {"colour": 2}})",
                "limits.colour: found an unknown field; allowed: max_attempts, max_macs, "
                "max_parameters, costs, max_trainings, max_device_hours, max_wall_hours"},
        BadText{"RepeatedKey", R"({"seed": 1, "seed": 2})",
                "seed: found the same key again; allowed: each key once"},
        BadText{"NotAnObject", "[1]", "job: found a list; allowed: an object"},
        BadText{"HugeNumber", R"({"seed": 1e999})",
                "job: found 1e999 at line 1, column 14; allowed: a number of magnitude up to "
                "1.8e308"}));

TEST(JsonTest, ReportsEveryErrorAtOnceAndReadsTheRest) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(R"({"name": "kept", "seed": "x", "budgets": {"relus": ["a", 5], "fractoins": []},
                    "limits": 4})",
                message, errors);
  ASSERT_EQ(errors.errors().size(), 4u);
  EXPECT_EQ(errors.errors()[0].field, "seed");
  EXPECT_EQ(errors.errors()[1].field, "budgets.relus[0]");
  EXPECT_EQ(errors.errors()[2].field, "budgets.fractoins");
  EXPECT_EQ(errors.errors()[3].field, "limits");
  EXPECT_EQ(message.name(), "kept");
  EXPECT_EQ(message.budgets().relus(0), 5);
}

TEST(JsonTest, PassesOverAllThatIsInAFieldWithoutAPlace) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(R"({"colour": [[1, {"seed": [{}]}], {}], "data": [{"set": 3}], "data": {"set": 4},
                    "budgets": {"relus": {"relus": [7]}, "fractions": [[0.5], 0.25]}, "seed": 9})",
                message, errors);
  std::vector<std::string> fields;
  for (const FieldError& error : errors.errors()) fields.push_back(error.field);
  EXPECT_EQ(fields, (std::vector<std::string>{"colour", "data", "data", "budgets.relus",
                                              "budgets.fractions[0]"}));
  EXPECT_FALSE(message.has_data());
  EXPECT_EQ(message.budgets().fractions(0), 0.25);
  EXPECT_EQ(message.seed(), 9);
}

TEST(JsonTest, ASyntaxErrorStandsAloneAndLeavesNothing) {
  v1::JobSpec message;
  FieldErrors errors;
  errors.Add("earlier", "one error", "none");
  JsonToMessage(R"({"name": "read", "seed": "x", "colour": ]})", message, errors);
  ASSERT_EQ(errors.errors().size(), 2u);
  EXPECT_EQ(errors.errors()[0].field, "earlier");
  EXPECT_TRUE(errors.errors()[1].found.starts_with("a syntax error at line 1, column 41,"));
  EXPECT_EQ(message.ByteSizeLong(), 0u);
}

TEST(JsonTest, SyntaxErrorsNameLineAndColumn) {
  const auto starts = [](const std::string& text, const std::string& start) {
    const std::string errors = ErrorsOf(text);
    EXPECT_EQ(errors.substr(0, start.size()), start) << errors;
  };
  starts("{\"seed\": 1,\n \"name\": x}", "job: found a syntax error at line 2, column 10");
  starts("{\"seed\": 1,,}", "job: found a syntax error at line 1, column 12");
  starts("{\"seed\": 1", "job: found a syntax error at line 1");
  starts("", "job: found a syntax error at line 1, column 1");
  starts("{\"name\": \"a\nb\"}", "job: found a syntax error at line 1");
  starts("{\"seed\": NaN}", "job: found a syntax error at line 1, column 10");
  starts("{\"name\": \"\xff\"}", "job: found a syntax error at line 1, column 11");
  starts("{} {}", "job: found a syntax error at line 1, column 4");
}

TEST(JsonTest, LimitsSizeAndDepth) {
  EXPECT_EQ(ErrorsOf(std::string(size_t{4} * 1024 * 1024 + 1, ' ')),
            "job: found 4194305 bytes; allowed: at most 4194304 bytes");
  EXPECT_EQ(ErrorsOf(std::string(1'000'000, '[')),
            "job: found more than 32 levels of nesting; allowed: at most 32");
  std::string many = "{\"objectives\": [";
  for (int i = 0; i < 200'000; ++i) many += "0,";
  EXPECT_EQ(ErrorsOf(many + "0]}"), "job: found more than 200000 values; allowed: at most 200000");
  many = "[";
  for (int i = 0; i < 199'998; ++i) many += "0,";
  EXPECT_EQ(ErrorsOf(many + "0]"), "job: found a list; allowed: an object");
}

TEST(JsonTest, LimitsValuesWhateverTheLastOneIs) {
  std::string full = "{\"objectives\": [";  // 200,000 values
  for (int i = 0; i < 199'998; ++i) full += i == 0 ? "0" : ",0";
  for (const char* last : {", 0]", ", {}]", ", {\"a\": 0}]", ", []]", "], \"data\": {}"}) {
    EXPECT_EQ(ErrorsOf(absl::StrCat(full, last, "}")),
              "job: found more than 200000 values; allowed: at most 200000")
        << last;
  }
}

TEST(JsonTest, NullIsAsIfLeftOutAndEnumsMayBeWrittenEitherWay) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(R"({"seed": null, "objectives": null, "data": null,
                    "stages": {"pretrain": {"schedule": "COSINE"},
                               "fine_tune": {"schedule": "one_cycle"}}})",
                message, errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  EXPECT_FALSE(message.has_seed());
  EXPECT_FALSE(message.has_data());
  EXPECT_EQ(message.stages().pretrain().schedule(), v1::COSINE);
  EXPECT_EQ(message.stages().fine_tune().schedule(), v1::ONE_CYCLE);
}

v1::Result SomeResult() {
  v1::Result result;
  result.set_result(9'007'199'254'740'993);  // not a double
  result.set_name("a \"quoted\"\nname \xc3\xa9");
  v1::ResultReport& report = *result.mutable_report();
  report.set_accuracy_soft(0.1);
  report.set_accuracy_trimmed(1e-300);
  report.set_accuracy_validation(1.0 / 3);
  (*result.mutable_costs())["b"].set_value(2.5);
  (*result.mutable_costs())["a"].set_value(std::numeric_limits<double>::denorm_min());
  result.set_on_front(true);
  result.mutable_seeds()->set_pretrain(std::numeric_limits<int64_t>::min());
  result.mutable_provenance();
  v1::LayerRelus& layer = *report.add_layers();
  layer.set_layer("section1.block1.relu1");
  layer.set_units(5);
  layer.set_polynomials(3);
  layer.set_input_min(-0.1);
  report.add_layers();
  return result;
}

TEST(JsonTest, EveryFieldSurvivesTheRoundTrip) {
  for (const bool compact : {false, true}) {
    const v1::Result result = SomeResult();
    v1::Result read;
    FieldErrors errors;
    JsonToMessage(MessageToJson(result, compact), read, errors);
    EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
    EXPECT_TRUE(MessageDifferencer::Equals(result, read)) << MessageToJson(read);
  }
}

TEST(JsonTest, WritesEveryFieldInTheOrderOfTheProto) {
  v1::Task task;
  task.set_task(3);
  task.set_device_seconds(2);
  EXPECT_EQ(MessageToJson(task, /*compact=*/true),
            R"({"task":3,"candidate":0,"stage":"","budget":null,"state":"","attempt":0,)"
            R"("worker":"","epochs_done":0,"epochs_planned":0,"last_epoch":null,)"
            R"("device_seconds":2,"started_at_ms":null,"finished_at_ms":null,"message":""})");
  v1::BudgetsSpec budgets;
  budgets.add_relus(5);
  budgets.add_relus(6);
  EXPECT_EQ(MessageToJson(budgets),
            "{\n  \"relus\": [\n    5,\n    6\n  ],\n  \"fractions\": []\n}");
  v1::Preview preview;
  (*preview.mutable_tasks())["pretrain"] = 1;
  (*preview.mutable_tasks())["fine-tune"] = 3;
  EXPECT_NE(MessageToJson(preview, true).find(R"("tasks":{"fine-tune":3,"pretrain":1})"),
            std::string::npos);
}

TEST(JsonTest, EnumsAreWrittenInLowerCaseAndNumbersThatAreNotFiniteAsNull) {
  v1::SgdSpec sgd;
  sgd.set_schedule(v1::ONE_CYCLE);
  sgd.set_momentum(std::numeric_limits<double>::quiet_NaN());
  const auto document = nlohmann::json::parse(MessageToJson(sgd));
  EXPECT_EQ(document["schedule"], "one_cycle");
  EXPECT_TRUE(document["momentum"].is_null());
  EXPECT_TRUE(document["nesterov"].is_null());
}

TEST(JsonTest, TextThatIsNotUtf8IsMended) {
  v1::Job job;
  job.set_message("file \xe9.png");
  const auto document = nlohmann::json::parse(MessageToJson(job));
  EXPECT_EQ(document["message"], "file \xef\xbf\xbd.png");
}

TEST(JsonTest, ShortFormLeavesOutWhatIsAbsent) {
  v1::JobSpec spec;
  spec.set_seed(0);
  spec.mutable_data()->set_set("synthetic");
  EXPECT_EQ(MessageToShortJson(spec),
            "{\n  \"data\": {\n    \"set\": \"synthetic\"\n  },\n  \"seed\": 0\n}");
  EXPECT_EQ(MessageToShortJson(spec, /*compact=*/true), R"({"data":{"set":"synthetic"},"seed":0})");
}

TEST(JsonTest, TwoChoicesOfOneOfAreAnError) {
  v1::SubmitJobRequest request;
  FieldErrors errors;
  JsonToMessage(R"({"spec": {}, "job_json": "{}"})", request, errors);
  EXPECT_EQ(errors.ToStatus().message(),
            "job_json: found a second choice; allowed: one field of job");
}

}  // namespace
}  // namespace reluscape

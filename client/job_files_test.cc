// The job files that users begin with are valid, as their documentation says.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "base/files.h"
#include "client/example_job.h"
#include "reluscape/v1/views.pb.h"
#include "search/network/accounting.h"
#include "search/network/names.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

// Expects that `text` is a valid job file whose networks can be built.
v1::JobSpec ExpectValid(const std::string& text) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(text, message, errors);
  const auto checked = Checked<v1::JobSpec>::From(message, "", errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus() << "\n" << text;
  if (!checked) return {};
  const v1::JobSpec& spec = **checked;
  for (const std::string& name : spec.candidates().networks()) {
    const absl::StatusOr<Architecture> architecture =
        ParseArchitecture(name, spec.data().side(), spec.data().classes());
    EXPECT_TRUE(architecture.ok()) << architecture.status();
    if (!architecture.ok()) continue;
    const absl::StatusOr<Network> network = BuildNetwork(*architecture);
    EXPECT_TRUE(network.ok()) << network.status();
    if (!network.ok()) continue;
    const absl::StatusOr<NetworkCounts> counts = CountNetwork(*network);
    EXPECT_TRUE(counts.ok()) << counts.status();
    for (const int64_t budget : spec.budgets().relus()) {
      EXPECT_LT(budget, counts->relus) << name;
    }
  }
  return spec;
}

TEST(ExampleJobTest, IsValidAsItIs) {
  const v1::JobSpec spec = ExpectValid(ExampleJobText());
  EXPECT_EQ(spec.data().set(), "synthetic");
  EXPECT_GE(spec.candidates().networks().size(), 2);
  EXPECT_THAT(spec.budgets().fractions(), ::testing::Contains(0.05));
}

TEST(ExampleJobTest, TakesAnotherDataSet) {
  const absl::StatusOr<std::string> text =
      ExampleJob(/*search=*/false, "cifar10", /*classes=*/0, /*side=*/0);
  ASSERT_TRUE(text.ok()) << text.status();
  const v1::JobSpec spec = ExpectValid(*text);
  EXPECT_EQ(spec.data().set(), "cifar10");
  const v1::JobSpec example = ExpectValid(ExampleJobText());
  EXPECT_EQ(spec.stages(), example.stages());
  EXPECT_EQ(spec.candidates(), example.candidates());
  EXPECT_EQ(spec.budgets(), example.budgets());
}

TEST(ExampleJobTest, TakesClassesAndSideOfAnUnknownDataSet) {
  const absl::StatusOr<std::string> text =
      ExampleJob(/*search=*/false, "mine", /*classes=*/7, /*side=*/48);
  ASSERT_TRUE(text.ok()) << text.status();
  const v1::JobSpec spec = ExpectValid(*text);
  EXPECT_EQ(spec.data().classes(), 7);
  EXPECT_EQ(spec.data().side(), 48);
}

// Every block ```json of the reference that is a whole job.
TEST(JobFileReferenceTest, ItsExamplesAreValid) {
  const absl::StatusOr<std::string> text =
      ReadFile(RELUSCAPE_SOURCE_DIR "/docs/job-file.md", /*limit_bytes=*/1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  const std::string begin = "```json\n";
  int examples = 0;
  for (size_t place = text->find(begin); place != std::string::npos;
       place = text->find(begin, place)) {
    place += begin.size();
    const size_t end = text->find("```", place);
    ASSERT_NE(end, std::string::npos);
    ExpectValid(text->substr(place, end - place));
    ++examples;
  }
  EXPECT_GE(examples, 2);
}

// The jobs whose results docs/curves-cifar10.md and docs/recipes.md show.
TEST(DocumentedJobsTest, AreValid) {
  const std::filesystem::path folder = RELUSCAPE_SOURCE_DIR "/docs/jobs";
  int jobs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    ASSERT_EQ(entry.path().extension(), ".json");
    const absl::StatusOr<std::string> text = ReadFile(entry.path(), /*limit_bytes=*/1 << 20);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_THAT(ExpectValid(*text).data().set(), ::testing::AnyOf("cifar10", "synthetic"));
    ++jobs;
  }
  EXPECT_GT(jobs, 0);
}

// docs/json.md explains every key of every document.
TEST(JsonReferenceTest, NamesEveryKey) {
  const absl::StatusOr<std::string> text =
      ReadFile(RELUSCAPE_SOURCE_DIR "/docs/json.md", /*limit_bytes=*/1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  const google::protobuf::FileDescriptor* file = v1::ResultList::descriptor()->file();
  std::vector<const google::protobuf::Descriptor*> messages = {v1::Preview::Network::descriptor()};
  for (int i = 0; i < file->message_type_count(); ++i) messages.push_back(file->message_type(i));
  for (const google::protobuf::Descriptor* message : messages) {
    for (int i = 0; i < message->field_count(); ++i) {
      const std::string& name = message->field(i)->name();
      EXPECT_TRUE(text->find("`" + name + "`") != std::string::npos ||
                  text->find("\"" + name + "\"") != std::string::npos)
          << message->name() << "." << name;
    }
  }
}

// docs/job-file.md explains every field of a job file.
TEST(JobFileReferenceTest, NamesEveryField) {
  const absl::StatusOr<std::string> text =
      ReadFile(RELUSCAPE_SOURCE_DIR "/docs/job-file.md", /*limit_bytes=*/1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  const google::protobuf::FileDescriptor* file = v1::JobSpec::descriptor()->file();
  for (int i = 0; i < file->message_type_count(); ++i) {
    const google::protobuf::Descriptor* message = file->message_type(i);
    for (int j = 0; j < message->field_count(); ++j) {
      EXPECT_NE(text->find("`" + message->field(j)->name() + "`"), std::string::npos)
          << message->name() << "." << message->field(j)->name();
    }
  }
}

}  // namespace
}  // namespace reluscape

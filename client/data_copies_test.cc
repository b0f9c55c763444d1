#include "client/data_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DataCopiesTest : public ::testing::Test {
 protected:
  DataCopiesTest() {
    job().set_job(3);
    job().set_name("small");
    job().set_data_set("cifar10");
    detail_.set_spec_json(R"({"data": {"set": "cifar10", "train_images": 1000,
                              "validation_images": 100, "test_images": 0}})");
  }

  v1::Job& job() { return *detail_.mutable_job(); }

  v1::DataCopy& AddCopy(const std::string& hash) {
    v1::DataCopy& copy = *job().add_data_copies();
    copy.set_data_hash(hash);
    return copy;
  }

  // Of worker "w": what it found when it opened so many training images of the Job's set.
  v1::WorkerData& AddProblem(int64_t train_images, const std::string& problem) {
    if (workers_.workers().empty()) {
      workers_.add_workers()->set_worker("w");
      workers_.mutable_workers(0)->set_connected(true);
    }
    v1::WorkerData& data = *workers_.mutable_workers(0)->add_data();
    data.set_data_set("cifar10");
    data.set_train_images(train_images);
    data.set_validation_images(100);
    data.set_problem(problem);
    return data;
  }

  std::string Text() const { return DataCopiesText(detail_, workers_); }

  // Data hashes.
  const std::string one_ = std::string(64, 'a');
  const std::string other_ = std::string(64, 'b');
  v1::JobDetail detail_;
  v1::WorkerList workers_;
};

TEST_F(DataCopiesTest, NoneAndOneNeedNoDecision) {
  EXPECT_EQ(Text(), "data set cifar10 of job 3 \"small\": no connected worker has opened it yet\n");
  v1::DataCopy& copy = AddCopy(one_);
  copy.add_workers("v");
  copy.add_workers("w");
  copy.set_candidates(2);
  EXPECT_FALSE(MustChooseData(job()));
  EXPECT_THAT(Text(), HasSubstr("it goes by the only copy that there is\n"));
  EXPECT_THAT(Text(), HasSubstr(one_ + "  yes                    2  v w\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("--use")));
}

TEST_F(DataCopiesTest, DifferentCopiesSayWhatToDo) {
  AddCopy(one_);
  AddCopy(other_);
  EXPECT_TRUE(MustChooseData(job()));
  EXPECT_THAT(Text(), HasSubstr("no task starts before you choose one of them\n"));
  EXPECT_THAT(Text(), HasSubstr("`reluscape data 3 --use HASH`"));
  EXPECT_THAT(Text(), HasSubstr(other_ + "  -                      0  none connected\n"));
}

TEST_F(DataCopiesTest, AChosenCopyAndAStatedOneAreTold) {
  AddCopy(one_).add_workers("v");
  AddCopy(other_);
  job().set_data_hash(one_);
  EXPECT_FALSE(MustChooseData(job()));
  EXPECT_THAT(Text(), HasSubstr("it goes by " + one_ + ", which was chosen\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("--use")));
  detail_.set_spec_json(R"({"data": {"set": "cifar10", "hash": ")" + other_ + "\"}}");
  job().set_data_hash(other_);
  EXPECT_THAT(Text(), HasSubstr("it goes by " + other_ +
                                ", which its job file states; no connected worker has it\n"));
}

TEST_F(DataCopiesTest, WorkersThatCouldNotOpenItSayWhy) {
  const std::string problem = "train.bin: found 3072 bytes; allowed: 153,600,000";
  AddProblem(1000, problem).set_split_seed(1);
  AddProblem(1000, problem + "\x1b").set_split_seed(2);
  AddProblem(1000, problem).set_split_seed(3);
  AddProblem(5, "of another job");
  AddProblem(1000, "of another set").set_data_set("cifar100");
  AddProblem(1000, "");
  EXPECT_THAT(Text(), HasSubstr("\n\nworker w cannot use its copy: " + problem +
                                "\nworker w cannot use its copy: " + problem + "?\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("another")));
  // A job file that cannot be read leaves the set's name to go by.
  detail_.set_spec_json("?");
  EXPECT_THAT(Text(), HasSubstr("of another job"));
  EXPECT_THAT(Text(), Not(HasSubstr("of another set")));
  workers_.mutable_workers(0)->set_connected(false);
  EXPECT_THAT(Text(), Not(HasSubstr("cannot use")));
}

}  // namespace
}  // namespace reluscape

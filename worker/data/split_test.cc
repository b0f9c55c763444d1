#include "worker/data/split.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

// `sizes[c]` images of class c, in turn, as long as a class has some left.
std::vector<int32_t> Labels(std::vector<int> sizes) {
  std::vector<int32_t> labels;
  for (bool more = true; more;) {
    more = false;
    for (size_t c = 0; c < sizes.size(); ++c) {
      if (sizes[c]-- > 0) {
        labels.push_back(static_cast<int32_t>(c));
        more = true;
      }
    }
  }
  return labels;
}

v1::DataSpec Spec(int64_t train, int64_t validation, int64_t test) {
  v1::DataSpec spec;
  spec.set_set("pictures");
  spec.set_train_images(train);
  spec.set_validation_images(validation);
  spec.set_test_images(test);
  return spec;
}

std::map<int32_t, int> Count(const std::vector<int64_t>& indices,
                             const std::vector<int32_t>& labels) {
  std::map<int32_t, int> counts;
  for (const int64_t index : indices) ++counts[labels.at(static_cast<size_t>(index))];
  return counts;
}

int Spread(const std::map<int32_t, int>& counts, int classes) {
  int low = 1 << 30;
  int high = 0;
  for (int c = 0; c < classes; ++c) {
    const int count = counts.contains(c) ? counts.at(c) : 0;
    low = std::min(low, count);
    high = std::max(high, count);
  }
  return high - low;
}

TEST(SplitTest, ClassCountsDifferByAtMostOneWithEqualClasses) {
  const std::vector<int32_t> train = Labels(std::vector<int>(10, 50));
  const std::vector<int32_t> test = Labels(std::vector<int>(10, 20));
  for (int64_t images = 1; images <= 400; images += 13) {
    for (const int64_t validation : {1, 7, 50, 93, 100}) {
      const auto split = DrawSplit(Spec(images, validation, 1 + images % 200), train, test, 10, 3);
      ASSERT_TRUE(split.ok()) << split.status();
      EXPECT_EQ(split->train.size(), static_cast<size_t>(images));
      EXPECT_EQ(split->validation.size(), static_cast<size_t>(validation));
      EXPECT_EQ(split->test.size(), static_cast<size_t>(1 + images % 200));
      EXPECT_LE(Spread(Count(split->train, train), 10), 1) << images << " " << validation;
      EXPECT_LE(Spread(Count(split->validation, train), 10), 1);
      EXPECT_LE(Spread(Count(split->test, test), 10), 1);
    }
  }
}

TEST(SplitTest, UnequalClassesKeepTheirShares) {
  const std::vector<int32_t> train = Labels({600, 300, 90, 10});
  const auto split = DrawSplit(Spec(500, 100, 0), train, Labels({3, 3, 3, 3}), 4, 1);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(Count(split->validation, train),
            (std::map<int32_t, int>{{0, 60}, {1, 30}, {2, 9}, {3, 1}}));
  EXPECT_EQ(Count(split->train, train),
            (std::map<int32_t, int>{{0, 300}, {1, 150}, {2, 45}, {3, 5}}));
}

TEST(SplitTest, SplitsAreDisjointAscendingAndCoverEverythingByDefault) {
  const std::vector<int32_t> train = Labels({40, 40, 21});
  const std::vector<int32_t> test = Labels({5, 6, 7});
  const auto split = DrawSplit(Spec(0, 0, 0), train, test, 3, 9);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->validation.size(), 10u);  // a tenth of 101, rounded down
  EXPECT_EQ(split->test.size(), test.size());
  EXPECT_TRUE(std::is_sorted(split->train.begin(), split->train.end()));
  EXPECT_TRUE(std::is_sorted(split->validation.begin(), split->validation.end()));
  std::set<int64_t> all(split->train.begin(), split->train.end());
  all.insert(split->validation.begin(), split->validation.end());
  EXPECT_EQ(all.size(), train.size());
  EXPECT_EQ(split->train.size() + split->validation.size(), train.size());
}

TEST(SplitTest, SeedAloneDecides) {
  const std::vector<int32_t> labels = Labels({100, 100});
  const auto draw = [&](int64_t images, uint64_t seed) {
    return *DrawSplit(Spec(images, 40, 30), labels, labels, 2, seed);
  };
  const Split a = draw(80, 1);
  EXPECT_EQ(SplitHash(a), SplitHash(draw(80, 1)));
  EXPECT_NE(SplitHash(a), SplitHash(draw(80, 2)));
  EXPECT_NE(a.train, draw(80, 2).train);
  EXPECT_NE(a.validation, draw(80, 2).validation);
  EXPECT_NE(a.test, draw(80, 2).test);
  EXPECT_NE(a.validation, a.test) << "training and test images are drawn independently";
  // More training images: the same validation, and the smaller split within the larger one.
  const Split b = draw(120, 1);
  EXPECT_EQ(a.validation, b.validation);
  EXPECT_TRUE(std::includes(b.train.begin(), b.train.end(), a.train.begin(), a.train.end()));
}

TEST(SplitTest, HashIsOfTheDocumentedBytes) {
  std::string text = "reluscape-split-1\ntrain 2\n";
  text += std::string("\x03\0\0\0\0\0\0\0\x00\x01\0\0\0\0\0\0", 16);
  text += "validation 1\n" + std::string("\x05\0\0\0\0\0\0\0", 8);
  text += "test 0\n";
  EXPECT_EQ(SplitHash({{3, 256}, {5}, {}}), Sha256Hex(text));
}

TEST(SplitTest, TooManyImagesAreNamedWithWhatThereIs) {
  const std::vector<int32_t> labels = Labels({50, 50});
  const std::vector<int32_t> tests = Labels({10, 10});
  const absl::Status status = DrawSplit(Spec(91, 10, 21), labels, tests, 2, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("data.train_images: found 91; allowed: 0 (all that validation "
                                 "leaves) or 1 to 90"));
  EXPECT_THAT(message, HasSubstr("data.test_images: found 21; allowed: 0 (all) or 1 to 20"));
  EXPECT_TRUE(DrawSplit(Spec(90, 10, 20), labels, tests, 2, 1).ok());

  const absl::Status all = DrawSplit(Spec(0, 100, 0), labels, tests, 2, 1).status();
  EXPECT_THAT(std::string(all.message()),
              HasSubstr("data.validation_images: found 100; allowed: 0 (a tenth) or 1 to 99"));
  EXPECT_FALSE(DrawSplit(Spec(-1, 10, 0), labels, tests, 2, 1).ok());
  EXPECT_FALSE(DrawSplit(Spec(0, -1, 0), labels, tests, 2, 1).ok());
  EXPECT_FALSE(DrawSplit(Spec(0, 0, -1), labels, tests, 2, 1).ok());
  EXPECT_FALSE(DrawSplit(Spec(INT64_MAX, INT64_MAX, INT64_MAX), labels, tests, 2, 1).ok());
}

TEST(SplitTest, SetsTooSmallToSplitAreRefused) {
  EXPECT_FALSE(DrawSplit(Spec(0, 0, 0), {}, {}, 2, 1).ok());
  EXPECT_FALSE(DrawSplit(Spec(0, 0, 0), {1}, {1}, 2, 1).ok());
  EXPECT_TRUE(DrawSplit(Spec(0, 0, 0), {0, 1}, {1}, 2, 1).ok());
}

}  // namespace
}  // namespace reluscape

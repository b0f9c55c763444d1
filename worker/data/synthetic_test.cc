#include "worker/data/synthetic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "gtest/gtest.h"

namespace reluscape {
namespace {

std::vector<uint8_t> Draw(SyntheticPart part, int64_t index) {
  std::vector<uint8_t> pixels(static_cast<size_t>(kSyntheticBytes));
  DrawSynthetic(part, index, std::span<uint8_t, kSyntheticBytes>(pixels));
  return pixels;
}

std::string HashOf(SyntheticPart part, int64_t first, int64_t count) {
  Sha256 hash;
  for (int64_t i = first; i < first + count; ++i) {
    const std::vector<uint8_t> pixels = Draw(part, i);
    hash.Update(pixels.data(), pixels.size());
  }
  return hash.HexDigest();
}

// A change here changes every user's data: give kSyntheticVersion another number with it.
TEST(SyntheticTest, ImagesArePinned) {
  EXPECT_EQ(kSyntheticVersion, "reluscape-synthetic-1");
  EXPECT_EQ(HashOf(SyntheticPart::kTrain, 0, 1),
            "d281f19a4f274cf194845078803f3ced81d306ce615f549122dd3713ffa32ec4");
  EXPECT_EQ(HashOf(SyntheticPart::kTrain, 0, 500),
            "afcba7b6bce2bb10715bf28e055cb41ecf96cc9a4ad9e5882bd01c3a40e715c9");
  EXPECT_EQ(HashOf(SyntheticPart::kTrain, kSyntheticTrainImages - 20, 20),
            "d534e19720ad678b01796072138e618a7e9c3ff9e1d175d22c4382ae1316447f");
  EXPECT_EQ(HashOf(SyntheticPart::kTest, 0, 200),
            "9e901f3242bb4a82499df4775417812fa53ee996ff04dbf4d063b0e608b13aa7");
}

TEST(SyntheticTest, AnImageDependsOnPartAndIndexAlone) {
  const std::vector<uint8_t> first = Draw(SyntheticPart::kTrain, 77);
  Draw(SyntheticPart::kTrain, 78);
  EXPECT_EQ(Draw(SyntheticPart::kTrain, 77), first);
  EXPECT_NE(Draw(SyntheticPart::kTest, 77), first);
}

TEST(SyntheticTest, NoImageIsDrawnTwice) {
  std::set<std::string> images;  // hashes
  for (int64_t i = 0; i < 300; ++i) {
    images.insert(HashOf(SyntheticPart::kTrain, i, 1));
    images.insert(HashOf(SyntheticPart::kTest, i, 1));
  }
  EXPECT_EQ(images.size(), 600u);
}

TEST(SyntheticTest, ClassesAreNamedAndBalanced) {
  std::set<std::string_view> names;
  std::array<int, kSyntheticClasses> counts = {};
  for (int64_t i = 0; i < kSyntheticTestImages; ++i) {
    ++counts[static_cast<size_t>(SyntheticLabel(i))];
  }
  for (int64_t label = 0; label < kSyntheticClasses; ++label) {
    names.insert(SyntheticClassName(label));
    EXPECT_EQ(counts[static_cast<size_t>(label)], kSyntheticTestImages / kSyntheticClasses);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kSyntheticClasses));
}

// What keeps linear functions of the pixels at chance: the mean images of the classes are alike,
// although the images themselves are not.
TEST(SyntheticTest, MeanImagesOfTheClassesAreAlike) {
  constexpr int64_t kPerClass = 300;
  std::vector<std::vector<double>> means(kSyntheticClasses,
                                         std::vector<double>(kSyntheticBytes, 0.0));
  double spread = 0;
  for (int64_t i = 0; i < kPerClass * kSyntheticClasses; ++i) {
    const std::vector<uint8_t> image = Draw(SyntheticPart::kTrain, i);
    std::vector<double>& mean = means[static_cast<size_t>(SyntheticLabel(i))];
    for (size_t p = 0; p < image.size(); ++p) {
      mean[p] += image[p] / static_cast<double>(kPerClass);
      spread += std::abs(image[p] - 127.5);
    }
  }
  spread /= static_cast<double>(kPerClass * kSyntheticClasses * kSyntheticBytes);
  EXPECT_GT(spread, 20) << "the images themselves are not grey";
  double difference = 0;
  for (size_t a = 0; a < means.size(); ++a) {
    for (size_t p = 0; p < means[a].size(); ++p) {
      difference += std::abs(means[a][p] - means[(a + 1) % means.size()][p]);
    }
  }
  difference /= static_cast<double>(kSyntheticClasses * kSyntheticBytes);
  EXPECT_LT(difference, 6);
}

}  // namespace
}  // namespace reluscape

// The teacher's targets and the cache that keeps them.

#include "worker/torch/teacher.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "search/network/names.h"
#include "worker/torch/logit_cache.h"
#include "worker/torch/step_recorder_test_util.h"

namespace reluscape {
namespace {

constexpr int64_t kClasses = 10;

Network NetworkOf(const std::string& name) {
  return *BuildNetwork(*ParseArchitecture(name, /*side=*/32, kClasses));
}

// A batch of drawn images whose views are numbered from `first`.
Batch MakeBatch(int64_t size, int64_t first) {
  Batch batch;
  batch.images = at::rand({size, 3, 32, 32}) * 2 - 1;
  batch.labels = at::zeros({size}, at::kLong);
  batch.views.resize(static_cast<size_t>(size));
  std::iota(batch.views.begin(), batch.views.end(), first);
  return batch;
}

Batch Rows(const Batch& batch, const std::vector<int64_t>& rows) {
  Batch part;
  part.images = batch.images.index_select(0, at::tensor(rows, at::kLong));
  part.labels = batch.labels.index_select(0, at::tensor(rows, at::kLong));
  for (const int64_t row : rows) part.views.push_back(batch.views[static_cast<size_t>(row)]);
  return part;
}

// Answers with what the views' numbers say, and counts how many it was asked for.
struct Numbers {
  const std::vector<int64_t>& views;
  int64_t computed = 0;

  LogitCache::Compute Function() {
    return [this](const std::vector<int64_t>& rows) {
      at::Tensor logits = at::empty({static_cast<int64_t>(rows.size()), kClasses});
      for (size_t i = 0; i < rows.size(); ++i) {
        logits[static_cast<int64_t>(i)].fill_(
            static_cast<double>(views[static_cast<size_t>(rows[i])]));
      }
      computed += static_cast<int64_t>(rows.size());
      return logits;
    };
  }
};

TEST(LogitCacheTest, ComputesEveryViewOnce) {
  LogitCache cache(/*images=*/10, /*views_per_image=*/18, kClasses, /*limit_bytes=*/1 << 20,
                   at::kCPU);
  for (const std::vector<int64_t>& views :
       std::vector<std::vector<int64_t>>{{0, 179, 18, 5}, {179, 7, 0}, {8, 9}, {5, 9, 7, 18}}) {
    Numbers numbers{views};
    const at::Tensor logits = cache.Get(views, numbers.Function());
    ASSERT_EQ(logits.sizes(), at::IntArrayRef({static_cast<int64_t>(views.size()), kClasses}));
    EXPECT_EQ(logits.scalar_type(), at::kFloat);
    for (size_t i = 0; i < views.size(); ++i) {
      EXPECT_TRUE((logits[static_cast<int64_t>(i)] == views[i]).all().item<bool>()) << views[i];
    }
    const int64_t expected = views[0] == 0 ? 4 : views[0] == 179 ? 1 : views[0] == 8 ? 2 : 0;
    EXPECT_EQ(numbers.computed, expected);
  }
  EXPECT_EQ(cache.size(), 7);
}

TEST(LogitCacheTest, KeepsItsLimitAndGivesTheSameBeyondIt) {
  constexpr int64_t kImages = 50;
  constexpr int64_t kViews = 162;
  const std::vector<int64_t> views = {0, kImages * kViews - 1, 162};
  for (const int64_t limit : {int64_t{0}, int64_t{100}, int64_t{5'000}, int64_t{40'000},
                              std::numeric_limits<int64_t>::max()}) {
    LogitCache cache(kImages, kViews, kClasses, limit, at::kCPU);
    EXPECT_LE(cache.bytes(), limit);
    for (int64_t round = 0; round < 2; ++round) {
      Numbers numbers{views};
      const at::Tensor logits = cache.Get(views, numbers.Function());
      for (size_t i = 0; i < views.size(); ++i) {
        EXPECT_EQ(logits[static_cast<int64_t>(i)][0].item<double>(),
                  static_cast<double>(at::tensor(views[i]).to(at::kHalf).item<float>()));
      }
      EXPECT_EQ(numbers.computed, round == 0 ? 3 : 3 - cache.size());
    }
  }
  // 162 views of 10 float16 and a bit each are 3,261 bytes.
  EXPECT_EQ(LogitCache(kImages, kViews, kClasses, 3'261 * 7, at::kCPU).bytes(), 3'240 * 7 + 142);
}

TEST(LogitCacheTest, RoundsToFloat16WhetherKeptOrNot) {
  const std::vector<int64_t> views = {3};
  const auto get = [&](int64_t limit) {
    LogitCache cache(1, 18, 4, limit, at::kCPU);
    const auto compute = [](const std::vector<int64_t>& /*rows*/) {
      return at::tensor({1.0F / 3, 1e6F, -1e6F, 0.0F}).view({1, 4});
    };
    cache.Get(views, compute);
    return cache.Get(views, compute);
  };
  const at::Tensor expected = at::tensor({0.333251953125F, 65504.0F, -65504.0F, 0.0F}).view({1, 4});
  EXPECT_TRUE(at::equal(get(1 << 20), expected));
  EXPECT_TRUE(at::equal(get(0), expected));
}

TEST(LogitCacheTest, ALogitThatIsNoNumberStaysOne) {
  LogitCache cache(1, 18, 2, 1 << 20, at::kCPU);
  const at::Tensor logits = cache.Get({0}, [](const std::vector<int64_t>& /*rows*/) {
    return at::tensor({std::numeric_limits<float>::quiet_NaN(), 1.0F}).view({1, 2});
  });
  EXPECT_TRUE(logits.isnan()[0][0].item<bool>());
}

class TeacherTest : public testing::TestWithParam<const char*> {};

// Whatever was missing beside it and wherever it stood: a resumed Task, whose cache is empty, has
// the targets of one that went on.
TEST_P(TeacherTest, AnImagesTargetDoesNotDependOnTheOthers) {
  at::manual_seed(4);
  GraphNetwork network(NetworkOf(GetParam()), MaskMode::kNone, at::kCPU);
  network.Initialize(/*seed=*/5);
  network.Fold();
  const Batch batch = MakeBatch(37, 0);
  LogitCache at_once(1, 64, kClasses, 0, at::kCPU);
  const at::Tensor expected = Teacher(network, &at_once).Kept(batch);

  LogitCache kept(1, 64, kClasses, 1 << 20, at::kCPU);
  const Teacher teacher(network, &kept);
  for (const std::vector<int64_t>& rows :
       std::vector<std::vector<int64_t>>{{36}, {5, 3, 4}, {20, 3, 21, 22, 5, 36, 0}}) {
    teacher.Kept(Rows(batch, rows));
  }
  EXPECT_EQ(kept.size(), 8);
  EXPECT_TRUE(at::equal(teacher.Kept(batch), expected));
  EXPECT_EQ(kept.size(), 37);
  EXPECT_TRUE(at::equal(teacher.Kept(batch), expected));
}

// Filling the cache takes recorded passes of one group each: the first three are taken as they are,
// the fourth is recorded.
TEST_P(TeacherTest, TheLogitsOfRecordedGroupsAreThoseOfTheNetwork) {
  at::manual_seed(4);
  GraphNetwork network(NetworkOf(GetParam()), MaskMode::kNone, at::kCPU);
  network.Initialize(/*seed=*/5);
  network.Fold();
  const Batch batch = MakeBatch(37, 0);  // three groups, the last one of five images
  LogitCache plain(1, 64, kClasses, 0, at::kCPU);
  const at::Tensor expected = Teacher(network, &plain).Kept(batch);

  LogitCache cache(1, 64, kClasses, 1 << 20, at::kCPU);
  std::vector<std::string> calls;
  const Teacher teacher(network, &cache, std::make_unique<FakeRecorder>(calls));
  EXPECT_TRUE(at::equal(teacher.Kept(Rows(batch, {30, 2})),
                        expected.index_select(0, at::tensor({30, 2}, at::kLong))));
  EXPECT_TRUE(at::equal(teacher.Kept(batch), expected));
  EXPECT_TRUE(at::equal(teacher.Kept(batch), expected));  // all kept: nothing is computed
  EXPECT_EQ(calls, (std::vector<std::string>{"warm-up", "warm-up", "warm-up", "record", "replay"}));
}

TEST_P(TeacherTest, WithACacheTargetsAreThoseOfTheNetworkUpToFloat16) {
  at::manual_seed(6);
  GraphNetwork network(NetworkOf(GetParam()), MaskMode::kNone, at::kCPU);
  network.Initialize(/*seed=*/7);
  network.Fold();
  const Batch batch = MakeBatch(20, 0);
  LogitCache cache(1, 20, kClasses, 1 << 20, at::kCPU);
  const at::Tensor plain = Teacher(network).Logits(batch.images);
  const at::Tensor cached = Teacher(network, &cache).Kept(batch);
  EXPECT_FALSE(at::equal(plain, cached));
  // Half a unit of the last of 11 bits.
  EXPECT_TRUE(at::allclose(cached, plain, /*rtol=*/std::ldexp(1.0, -11), /*atol=*/1e-4));
}

INSTANTIATE_TEST_SUITE_P(Networks, TeacherTest,
                         testing::Values("resnet18@4", "resnet18@16", "wrn-16-1@6"),
                         [](const auto& network) {
                           std::string name = network.param;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace reluscape

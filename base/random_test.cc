#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace reluscape {
namespace {

TEST(RandomTest, SplitMix64MatchesTheReferenceSequence) {
  Random random(1234567);  // first outputs of the published C code for this seed
  EXPECT_EQ(random.Next(), 6457827717110365317ULL);
  EXPECT_EQ(random.Next(), 3203168211198807973ULL);
}

TEST(RandomTest, BelowReachesEveryValueAndNoOther) {
  Random random(3);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Below(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
}

TEST(RandomTest, APermutationHoldsEveryIndexOnce) {
  std::vector<int64_t> order = Random(5).Permutation(100);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(RandomTest, DerivedSeedsDifferByPurposeAndIndexAndFitADouble) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const char* purpose : {"pretrain", "linearize"}) {
      for (uint64_t index = 0; index < 10; ++index) {
        const uint64_t derived = DeriveSeed(seed, purpose, index);
        EXPECT_LT(derived, uint64_t{1} << 53);
        seeds.insert(derived);
      }
    }
  }
  EXPECT_EQ(seeds.size(), 200u);
}

}  // namespace
}  // namespace reluscape

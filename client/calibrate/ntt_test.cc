#include "client/calibrate/ntt.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace reluscape {
namespace {

std::vector<uint64_t> RandomValues(const NegacyclicNtt& ntt, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> values(static_cast<size_t>(ntt.degree()));
  for (uint64_t& value : values) value = random() % ntt.prime();
  return values;
}

// a * b modulo X^N + 1, term by term.
std::vector<uint64_t> Schoolbook(const NegacyclicNtt& ntt, const std::vector<uint64_t>& a,
                                 const std::vector<uint64_t>& b) {
  const size_t n = a.size();
  std::vector<uint64_t> product(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      const uint64_t term = ntt.Multiply(a[i], b[j]);
      uint64_t& sum = product[(i + j) % n];
      // X^N = -1.
      sum = (sum + (i + j < n ? term : ntt.prime() - term)) % ntt.prime();
    }
  }
  return product;
}

TEST(NttTest, PrimesHaveSixtyBitsAndTheRootsThatTheDegreeNeeds) {
  for (const int64_t degree : {4096, 8192}) {
    const auto ntt = NegacyclicNtt::Create(degree);
    ASSERT_TRUE(ntt.ok()) << ntt.status();
    EXPECT_EQ(ntt->degree(), degree);
    EXPECT_GE(ntt->prime(), uint64_t{1} << 59);
    EXPECT_LT(ntt->prime(), uint64_t{1} << 60);
    EXPECT_EQ((ntt->prime() - 1) % (2 * static_cast<uint64_t>(degree)), 0);
  }
  // The first prime of SEAL's list for N = 8192: the largest below 2^60 that is 1 modulo 2^14.
  EXPECT_EQ(NegacyclicNtt::Create(8192)->prime(), 1'152'921'504'606'830'593U);
}

TEST(NttTest, InverseTakesBackForward) {
  for (const int64_t degree : {2, 4, 64, 4096, 8192}) {
    const auto ntt = NegacyclicNtt::Create(degree);
    ASSERT_TRUE(ntt.ok());
    const std::vector<uint64_t> values = RandomValues(*ntt, 1);
    std::vector<uint64_t> changed = values;
    ntt->Forward(changed);
    EXPECT_NE(changed, values);
    for (const uint64_t value : changed) ASSERT_LT(value, ntt->prime());
    ntt->Inverse(changed);
    EXPECT_EQ(changed, values) << degree;
  }
}

TEST(NttTest, ProductOfTransformsIsTheNegacyclicConvolution) {
  for (const int64_t degree : {2, 8, 32, 256, 1024}) {
    const auto ntt = NegacyclicNtt::Create(degree);
    ASSERT_TRUE(ntt.ok());
    std::vector<uint64_t> a = RandomValues(*ntt, 2);
    std::vector<uint64_t> b = RandomValues(*ntt, 3);
    const std::vector<uint64_t> expected = Schoolbook(*ntt, a, b);
    ntt->Forward(a);
    ntt->Forward(b);
    for (size_t i = 0; i < a.size(); ++i) a[i] = ntt->Multiply(a[i], b[i]);
    ntt->Inverse(a);
    EXPECT_EQ(a, expected) << degree;
  }
}

TEST(NttTest, LargestValuesDoNotOverflow) {
  const auto ntt = NegacyclicNtt::Create(4096);
  ASSERT_TRUE(ntt.ok());
  const std::vector<uint64_t> values(4096, ntt->prime() - 1);
  std::vector<uint64_t> changed = values;
  ntt->Forward(changed);
  ntt->Inverse(changed);
  EXPECT_EQ(changed, values);
}

TEST(NttTest, OtherDegreesAreRefused) {
  for (const int64_t degree : {-1, 0, 1, 3, 100, 131'072}) {
    EXPECT_EQ(NegacyclicNtt::Create(degree).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace reluscape

#include "base/foreign_text.h"

#include <gtest/gtest.h>

namespace reluscape {
namespace {

TEST(ForeignTextTest, QuotesCutsAndMasks) {
  EXPECT_EQ(QuotedForeign("conv1.weight"), "'conv1.weight'");
  EXPECT_EQ(QuotedForeign(""), "''");
  EXPECT_EQ(QuotedForeign("a\n\x1b[31m\xff"), "'a??[31m?'");
  EXPECT_EQ(QuotedForeign(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
  EXPECT_EQ(QuotedForeign(std::string(61, 'x')), "'" + std::string(60, 'x') + "...'");
  EXPECT_EQ(QuotedForeign("abcd", 3), "'abc...'");
}

TEST(ForeignTextTest, MeasuresCharacters) {
  EXPECT_EQ(Utf8Length("a", 0), 1u);
  EXPECT_EQ(Utf8Length("", 0), 0u);
  EXPECT_EQ(Utf8Length("\xc3\xa9", 0), 2u);
  EXPECT_EQ(Utf8Length("\xc3\xa9", 1), 0u);
  EXPECT_EQ(Utf8Length("\xe2\x82\xac", 0), 3u);
  EXPECT_EQ(Utf8Length("\xf0\x9f\x8e\x89", 0), 4u);
  EXPECT_EQ(Utf8Length("\xc0\x80", 0), 0u) << "overlong";
  EXPECT_EQ(Utf8Length("\xed\xa0\x80", 0), 0u) << "a surrogate";
  EXPECT_EQ(Utf8Length("\xf4\x90\x80\x80", 0), 0u) << "above U+10FFFF";
  EXPECT_EQ(Utf8Length("\xe2\x82", 0), 0u) << "cut";
}

TEST(ForeignTextTest, MakesUtf8OfAnyBytes) {
  EXPECT_EQ(ValidUtf8("a\xc3\xa9\xff\xe2\x82"), "a\xc3\xa9???");
  EXPECT_EQ(ValidUtf8(std::string(9000, 'x')).size(), 8000u);
}

TEST(ForeignTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutUtf8("abc", 3), "abc");
  EXPECT_EQ(CutUtf8("abcd", 3), "abc");
  EXPECT_EQ(CutUtf8("ab\xc3\xa9", 4), "ab\xc3\xa9");
  EXPECT_EQ(CutUtf8("ab\xc3\xa9", 3), "ab");
  for (size_t most = 1; most <= 4; ++most) {
    EXPECT_EQ(CutUtf8("a\xf0\x9f\x8e\x89", most), "a");
  }
  EXPECT_EQ(CutUtf8("\xe2\x82\xac", 0), "");
}

}  // namespace
}  // namespace reluscape

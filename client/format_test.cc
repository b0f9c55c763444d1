#include "client/format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace reluscape {
namespace {

TEST(FormatTest, BytesHaveAUnitThatPeopleRead) {
  EXPECT_EQ(BytesText(0), "0 bytes");
  EXPECT_EQ(BytesText(1), "1 byte");
  EXPECT_EQ(BytesText(999), "999 bytes");
  EXPECT_EQ(BytesText(1000), "1.0 kB");
  EXPECT_EQ(BytesText(999'950), "1.0 MB");
  EXPECT_EQ(BytesText(1'234'567'890), "1.2 GB");
  EXPECT_EQ(BytesText(9'223'372'036'854'775'807), "9223372.0 TB");
}

TEST(FormatTest, SeparatesThousands) {
  EXPECT_EQ(WithSeparators(0), "0");
  EXPECT_EQ(WithSeparators(999), "999");
  EXPECT_EQ(WithSeparators(1000), "1,000");
  EXPECT_EQ(WithSeparators(491520), "491,520");
  EXPECT_EQ(WithSeparators(1053353152), "1,053,353,152");
  EXPECT_EQ(WithSeparators(-100), "-100");
  EXPECT_EQ(WithSeparators(-1234567), "-1,234,567");
  EXPECT_EQ(WithSeparators(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(FormatTest, WritesFractionsAsPerCent) {
  EXPECT_EQ(Percent(0.8125), "81.2");
  EXPECT_EQ(Percent(0.12345, 2), "12.35");
  EXPECT_EQ(Percent(1), "100.0");
}

TEST(FormatTest, KeepsThreeDigitsOfSeconds) {
  EXPECT_EQ(Seconds(123.4), "123");
  EXPECT_EQ(Seconds(12.34), "12.3");
  EXPECT_EQ(Seconds(1.234), "1.23");
  EXPECT_EQ(Seconds(0.01234), "0.0123");
  EXPECT_EQ(Seconds(0), "0.000000");
  EXPECT_EQ(Seconds(std::nan("")), "?");
}

TEST(FormatTest, WritesDurations) {
  EXPECT_EQ(Duration(7.4), "0:07");
  EXPECT_EQ(Duration(59.6), "1:00");
  EXPECT_EQ(Duration(151), "2:31");
  EXPECT_EQ(Duration(3751), "1:02:31");
  EXPECT_EQ(Duration(-1), "?");
  EXPECT_EQ(Duration(std::numeric_limits<double>::infinity()), "?");
}

TEST(FormatTest, ExactNumbersReadBack) {
  for (const double value : {0.1, 1.0 / 3, 1e-9, 123456789.125, 0.0}) {
    EXPECT_EQ(std::stod(ExactNumber(value)), value);
  }
  EXPECT_EQ(ExactNumber(0.5), "0.5");
  EXPECT_EQ(ExactNumber(std::nan("")), "");
}

TEST(FormatTest, TextCannotSteerTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n"), "a?[2Jb?");
  EXPECT_EQ(Printable("größer"), "größer");
}

TEST(FormatTest, WidthsAreThoseOfCodePoints) {
  EXPECT_EQ(DisplayWidth("größe"), 5);
  EXPECT_EQ(Shortened("größe", 5), "größe");
  EXPECT_EQ(Shortened("größer", 5), "größ…");
  EXPECT_EQ(Shortened("abc", 0), "");
  EXPECT_EQ(DisplayWidth(Shortened("abcdefghij", 4)), 4);
}

TEST(FormatTest, LocalTimeOfNothingIsADash) {
  EXPECT_EQ(LocalTime(0), "-");
  EXPECT_EQ(LocalTime(1'700'000'000'000).size(), std::string("2023-11-14 22:13:20").size());
}

}  // namespace
}  // namespace reluscape

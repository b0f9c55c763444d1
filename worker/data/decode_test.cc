#include "worker/data/decode.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "worker/data/data_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

struct Decoded {
  absl::Status status;
  std::vector<uint8_t> pixels;
};

Decoded Decode(const std::string& bytes, int side = 16) {
  Decoded result;
  result.pixels.resize(static_cast<size_t>(side * side * 3));
  result.status = DecodeImage("folder/picture", bytes, side, result.pixels);
  return result;
}

void ExpectBroken(const std::string& bytes, const std::string& what, int side = 16) {
  const absl::Status status = Decode(bytes, side).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("folder/picture"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(what));
}

TEST(DecodeTest, PngComesBackBitForBit) {
  const std::vector<uint8_t> picture = Picture(16, 16, 3, 1);
  const Decoded decoded = Decode(EncodePng(picture, 16, 16));
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ(decoded.pixels, picture);
}

TEST(DecodeTest, JpegComesBackNearlyEqual) {
  const std::vector<uint8_t> picture = Picture(16, 16, 3, 2);
  const Decoded decoded = Decode(EncodeJpeg(picture, 16, 16));
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  int worst = 0;
  for (size_t i = 0; i < picture.size(); ++i) {
    worst = std::max(worst, std::abs(picture[i] - decoded.pixels[i]));
  }
  EXPECT_LE(worst, 12);
}

TEST(DecodeTest, JpegKeepsTheOrderOfChannels) {
  std::vector<uint8_t> red;
  for (int i = 0; i < 16 * 16; ++i) red.insert(red.end(), {250, 10, 10});
  const Decoded decoded = Decode(EncodeJpeg(red, 16, 16));
  ASSERT_TRUE(decoded.status.ok());
  EXPECT_GT(decoded.pixels[0], 230);
  EXPECT_LT(decoded.pixels[2], 40);
}

TEST(DecodeTest, GreyBecomesRgb) {
  const std::vector<uint8_t> picture = Picture(16, 16, 1, 3);
  for (const std::string& bytes :
       {EncodePng(picture, 16, 16, PNG_FORMAT_GRAY), EncodeJpeg(picture, 16, 16, TJPF_GRAY)}) {
    const Decoded decoded = Decode(bytes);
    ASSERT_TRUE(decoded.status.ok()) << decoded.status;
    for (size_t i = 0; i < picture.size(); ++i) {
      EXPECT_NEAR(decoded.pixels[3 * i], picture[i], 3);
      EXPECT_EQ(decoded.pixels[3 * i], decoded.pixels[3 * i + 1]);
      EXPECT_EQ(decoded.pixels[3 * i], decoded.pixels[3 * i + 2]);
    }
  }
}

TEST(DecodeTest, AlphaIsComposedOntoBlack) {
  std::vector<uint8_t> picture = Picture(16, 16, 4, 4);
  for (size_t i = 3; i < picture.size(); i += 4) picture[i] = i < 512 ? 255 : 0;
  const Decoded decoded = Decode(EncodePng(picture, 16, 16, PNG_FORMAT_RGBA));
  ASSERT_TRUE(decoded.status.ok()) << decoded.status;
  EXPECT_EQ(decoded.pixels[0], picture[0]);
  EXPECT_EQ(decoded.pixels[1], picture[1]);
  EXPECT_EQ(decoded.pixels.back(), 0);
}

TEST(DecodeTest, WrongSizeIsNamedWithFoundAndWanted) {
  ExpectBroken(EncodePng(Picture(16, 17, 3, 1), 16, 17), "16 x 17 pixels; allowed: data.side");
  ExpectBroken(EncodeJpeg(Picture(24, 16, 3, 1), 24, 16), "24 x 16 pixels; allowed: data.side");
}

TEST(DecodeTest, SizesAreComparedBeforeAnythingIsAllocated) {
  // A header that promises 2,000,000,000 x 2,000,000,000 pixels.
  std::string png = EncodePng(Picture(16, 16, 3, 1), 16, 16);
  for (const size_t at : {16, 20}) png.replace(at, 4, std::string("\x77\x35\x94\x00", 4));
  const absl::Status status = Decode(png).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;

  std::string jpeg = EncodeJpeg(Picture(16, 16, 3, 1), 16, 16);
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xdc\xff\xdc");
  ExpectBroken(jpeg, "65500 x 65500 pixels");
}

TEST(DecodeTest, EveryTruncationIsAnError) {
  for (const std::string& bytes :
       {EncodePng(Picture(16, 16, 3, 5), 16, 16), EncodeJpeg(Picture(16, 16, 3, 5), 16, 16)}) {
    // The last bytes of a PNG (checksum, end chunk) carry no pixels; those of a JPEG are its end
    // marker.
    const size_t tail = bytes[0] == '\x89' ? 20 : 1;
    for (size_t length = 0; length + tail < bytes.size(); length += 7) {
      const Decoded decoded = Decode(bytes.substr(0, length));
      EXPECT_EQ(decoded.status.code(), absl::StatusCode::kDataLoss)
          << length << " of " << bytes.size() << ": " << decoded.status;
    }
  }
}

TEST(DecodeTest, DamagedBytesNeverCrash) {
  for (const std::string& bytes :
       {EncodePng(Picture(16, 16, 3, 6), 16, 16), EncodeJpeg(Picture(16, 16, 3, 6), 16, 16)}) {
    int errors = 0;
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      errors += Decode(damaged).status.ok() ? 0 : 1;
    }
    EXPECT_GT(errors, 20);
  }
}

TEST(DecodeTest, OtherFilesAreRefused) {
  ExpectBroken("", "the file is empty");
  ExpectBroken("GIF89a............", "neither JPEG nor PNG");
  ExpectBroken(std::string(1, '\xff'), "neither JPEG nor PNG");
  ExpectBroken("\xff\xd8\xff", "broken JPEG");
  ExpectBroken("\x89PNG\r\n\x1a\n", "broken PNG");
}

TEST(DecodeTest, PixelsMustFitTheSide) {
  std::vector<uint8_t> pixels(10);
  EXPECT_EQ(DecodeImage("x", EncodePng(Picture(16, 16, 3, 1), 16, 16), 16, pixels).code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace reluscape

#include "search/export/tensor_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

std::string WithHeader(const std::string& header) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, bytes.size());
  return bytes + header;
}

std::string ErrorOf(const std::string& header) {
  return std::string(ReadTensorFile(WithHeader(header)).status().message());
}

// What is broken in other ways is in worker/torch/safetensors_test.cc.
TEST(TensorFileTest, HeadersOfTheLargestSizeAreReadInLinearTime) {
  // With quadratic time each of these takes minutes, and the test its timeout.
  std::string many = "{\"t\":{}";
  for (int i = 0; many.size() < 4'000'000; ++i) absl::StrAppend(&many, ",\"", i, "\":{}");
  EXPECT_EQ(ErrorOf(many + "}"),
            "safetensors: tensor '0': is not an object of dtype, shape and data_offsets");
  EXPECT_EQ(ErrorOf(many + ",\"t\":{}}"), "safetensors: header repeats the name 't'");

  std::string empty = "{\"__metadata__\":{}";
  for (int i = 0; empty.size() < 4'000'000; ++i) {
    absl::StrAppend(&empty, ",\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  }
  const auto file = ReadTensorFile(WithHeader(empty + "}"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_GT(file->tensors.size(), 60'000u);

  EXPECT_EQ(ErrorOf(std::string(4'000'000, '[')), "safetensors: header is nested too deeply");
  std::string chain;
  while (chain.size() < 4'000'000) chain += "{\"a\":";
  EXPECT_EQ(ErrorOf(chain), "safetensors: header is nested too deeply");
}

}  // namespace
}  // namespace reluscape

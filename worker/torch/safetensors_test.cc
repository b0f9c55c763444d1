#include "worker/torch/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <cstring>

namespace reluscape {
namespace {

using testing::HasSubstr;

// A file by hand: `header` behind its length, then `data` zero bytes.
std::string File(const std::string& header, size_t data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\0');
}

SafetensorsFile Example() {
  SafetensorsFile file;
  file.tensors["b.weight"] = torch::tensor({1.5F, -2.25F, 1e-30F, 4.0F}).view({2, 2});
  file.tensors["a.mask"] = torch::tensor({0, 1, 1}, at::kByte);
  file.tensors["steps"] = torch::tensor(41, at::kLong);
  file.tensors["empty"] = torch::empty({0, 3});
  file.metadata = {{"kind", "weights"}, {"text", "quote \" and \xc3\xa9"}};
  return file;
}

TEST(SafetensorsTest, GivesBackWhatWasWritten) {
  const SafetensorsFile file = Example();
  const auto read = ReadSafetensors(WriteSafetensors(file));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata, file.metadata);
  ASSERT_EQ(read->tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    const at::Tensor& other = read->tensors.at(name);
    EXPECT_EQ(other.sizes(), tensor.sizes()) << name;
    EXPECT_EQ(other.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(other, tensor)) << name;
  }
}

TEST(SafetensorsTest, BytesDependOnTheContentAlone) {
  SafetensorsFile file = Example();
  const std::string bytes = WriteSafetensors(file);
  // The same values with other strides and another history.
  file.tensors["b.weight"] = file.tensors["b.weight"].t().contiguous().t().requires_grad_();
  EXPECT_EQ(WriteSafetensors(file), bytes);
}

TEST(SafetensorsTest, LaysTensorsOutAligned) {
  const std::string bytes = WriteSafetensors(Example());
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ((8 + length) % 8, 0U);
  // The eight-byte integer comes first, the bytes of the mask last.
  int64_t steps = 0;
  std::memcpy(&steps, bytes.data() + 8 + length, 8);
  EXPECT_EQ(steps, 41);
  EXPECT_EQ(bytes.substr(bytes.size() - 3), std::string("\0\1\1", 3));
}

TEST(SafetensorsTest, ReadsAFileByHand) {
  const auto read =
      ReadSafetensors(File(R"({"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})", 8));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(at::equal(read->tensors.at("w"), torch::zeros({2, 1})));
}

struct BrokenFile {
  std::string bytes;
  std::string message;
};

class BrokenSafetensorsTest : public testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenSafetensorsTest, IsRefusedWithAReason) {
  const auto read = ReadSafetensors(GetParam().bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().message));
}

std::string Tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

INSTANTIATE_TEST_SUITE_P(
    Files, BrokenSafetensorsTest,
    testing::Values(
        BrokenFile{"", "only 0 bytes"}, BrokenFile{"1234567", "only 7 bytes"},
        BrokenFile{std::string(8, '\xff'), "header is said to be"},
        BrokenFile{File("{}", 0).substr(0, 9), "header is said to be"},
        BrokenFile{File("", 0), "not a JSON object"}, BrokenFile{File("{", 0), "not a JSON object"},
        BrokenFile{File("[1]", 0), "not a JSON object"},
        BrokenFile{File("{\"\xff\":1}", 0), "not a JSON object"},
        BrokenFile{File(std::string(100000, '['), 0), "nested too deeply"},
        BrokenFile{File(R"({"w":3})", 0), "is not an object"},
        BrokenFile{File(R"({"w":{"dtype":"F32","shape":[]}})", 4), "is not an object"},
        BrokenFile{File(R"({"__metadata__":[]})", 0), "__metadata__ is not an object"},
        BrokenFile{File(R"({"__metadata__":{"a":1}})", 0), "is not text"},
        BrokenFile{File(R"({"":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4), "name"},
        BrokenFile{File(Tensor("\"F16\"", "[2]", "[0,4]"), 4), "found dtype 'F16'"},
        BrokenFile{File(Tensor("7", "[2]", "[0,4]"), 4), "another JSON type"},
        BrokenFile{File(Tensor("\"F32\"", "3", "[0,4]"), 4), "shape is not a list"},
        BrokenFile{File(Tensor("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "at most 8"},
        BrokenFile{File(Tensor("\"F32\"", "[-1]", "[0,4]"), 4), "negative"},
        BrokenFile{File(Tensor("\"F32\"", "[1.5]", "[0,4]"), 4), "negative, no integer"},
        BrokenFile{File(Tensor("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4), "larger than"},
        BrokenFile{File(Tensor("\"F32\"", "[18446744073709551615]", "[0,4]"), 4), "larger than"},
        BrokenFile{File(Tensor("\"F32\"", "[0,4294967296]", "[0,0]"), 0), "larger than"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[0]"), 4), "pair of positions"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[-4,0]"), 4), "pair of positions"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[4,0]"), 4), "lies at"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[0,4]"), 3), "lies at"},
        BrokenFile{File(Tensor("\"F32\"", "[2]", "[0,4]"), 4), "takes 4 bytes but"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[0,4]"), 5), "tensors end at 4 of 5"},
        BrokenFile{File(Tensor("\"F32\"", "[1]", "[4,8]"), 8), "starts at 4"},
        BrokenFile{File(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                        R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                        6),
                   "starts at 2"},
        BrokenFile{File(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                        2),
                   "repeats the name 'a'"}));

TEST(SafetensorsTest, EveryTruncationAndEveryFlippedBitIsReadOrRefused) {
  const std::string bytes = WriteSafetensors(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ReadSafetensors(bytes.substr(0, size)).ok()) << size;
  }
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string damaged = bytes;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    const auto read = ReadSafetensors(damaged);
    if (read.ok()) continue;  // a flipped bit of a value or a name is another valid file
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace reluscape

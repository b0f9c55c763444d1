#include "search/export/folded_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "search/export/architecture_json.h"
#include "search/export/tensor_file.h"
#include "search/network/accounting.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr char kName[] = "resnet20@2";

RawTensor Filled(std::vector<int64_t> shape, float value) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  std::string data;
  for (int64_t i = 0; i < elements; ++i) {
    data.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return {.type = ElementType::kFloat32, .shape = std::move(shape), .data = std::move(data)};
}

float First(const RawTensor& tensor) {
  float value = 0;
  std::memcpy(&value, tensor.data.data(), sizeof(value));
  return value;
}

class FoldedFileTest : public testing::Test {
 protected:
  // Every weight is 2; batch norm: gain 3, shift 1, mean 0.5, variance 4.
  FoldedFileTest()
      : text_(CanonicalText(*ParseArchitecture(kName, 32, 10))),
        network_(*BuildNetwork(*ParseArchitecture(kName, 32, 10))) {
    for (const Op& op : network_.ops) {
      const int64_t channels = op.output.channels;
      const Shape in =
          op.inputs.empty() ? Shape{} : network_.ops[static_cast<size_t>(op.inputs[0])].output;
      if (op.kind == OpKind::kConv) {
        file_.tensors[op.name + ".weight"] =
            Filled({channels, in.channels, op.kernel, op.kernel}, 2);
      } else if (op.kind == OpKind::kLinear) {
        file_.tensors[op.name + ".weight"] = Filled({channels, in.channels}, 2);
        file_.tensors[op.name + ".bias"] = Filled({channels}, 7);
      } else if (op.kind == OpKind::kBatchNorm) {
        file_.tensors[op.name + ".weight"] = Filled({channels}, 3);
        file_.tensors[op.name + ".bias"] = Filled({channels}, 1);
        file_.tensors[op.name + ".running_mean"] = Filled({channels}, 0.5);
        file_.tensors[op.name + ".running_var"] = Filled({channels}, 4);
      } else if (op.kind == OpKind::kRelu) {
        file_.tensors[op.name + ".mask"] = {
            .type = ElementType::kUint8,
            .shape = {channels, op.output.height, op.output.width},
            .data = std::string(static_cast<size_t>(channels * op.output.height * op.output.width),
                                '\1')};
      }
    }
    file_.metadata["kind"] = "result";
  }

  const std::string text_;
  const Network network_;
  TensorFile file_;
};

TEST_F(FoldedFileTest, BatchNormsGoIntoConvolutions) {
  const auto folded = FoldFile(text_, WriteTensorFile(file_));
  ASSERT_TRUE(folded.ok()) << folded.status();
  const auto read = ReadTensorFile(folded->bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata.at("folded"), "true");
  EXPECT_EQ(read->metadata.at("kind"), "result");
  const double gain = 3 / std::sqrt(4 + 1e-5);
  EXPECT_NEAR(First(read->tensors.at("stem.conv.weight")), 2 * gain, 1e-6);
  EXPECT_NEAR(First(read->tensors.at("stem.conv.bias")), 1 - 0.5 * gain, 1e-6);
  EXPECT_EQ(read->tensors.at("stem.conv.bias").shape, (std::vector<int64_t>{2}));
  EXPECT_EQ(read->tensors.at("stem.conv.weight").shape, file_.tensors.at("stem.conv.weight").shape);
  EXPECT_FALSE(read->tensors.contains("stem.bn.weight"));
  for (const auto& [name, tensor] : file_.tensors) {
    if (name.ends_with(".mask") || name.starts_with("classifier")) {
      EXPECT_EQ(read->tensors.at(name), tensor) << name;
    }
  }
}

TEST_F(FoldedFileTest, TheArchitectureListsWhatTheFileHolds) {
  const auto folded = FoldFile(text_, WriteTensorFile(file_));
  ASSERT_TRUE(folded.ok()) << folded.status();
  const TensorFile read = *ReadTensorFile(folded->bytes);
  const auto json = ArchitectureJson(kName, text_, &folded->network);
  ASSERT_TRUE(json.ok()) << json.status();
  const nlohmann::json document = nlohmann::json::parse(*json);
  EXPECT_EQ(document.at("folded"), true);
  EXPECT_EQ(document.at("parameters"), CountNetwork(network_)->parameters);
  std::set<std::string> names;
  for (const auto& operation : document.at("operations")) {
    const auto name = operation.at("name").get<std::string>();
    const auto kind = operation.at("kind").get<std::string>();
    EXPECT_NE(kind, "batch_norm");
    if (kind == "conv" || kind == "linear") names.insert(name + ".weight");
    if (kind == "linear" || (kind == "conv" && operation.at("bias"))) names.insert(name + ".bias");
    if (kind == "relu") names.insert(name + ".mask");
  }
  std::set<std::string> held;
  for (const auto& [name, tensor] : read.tensors) held.insert(name);
  EXPECT_EQ(names, held);
  EXPECT_EQ(nlohmann::json::parse(*ArchitectureJson(kName, text_)).at("folded"), false);
}

TEST_F(FoldedFileTest, RefusesWhatCannotBeFolded) {
  const auto error = [&](const std::string& bytes) {
    return std::string(FoldFile(text_, bytes).status().message());
  };
  const std::string once = FoldFile(text_, WriteTensorFile(file_))->bytes;
  EXPECT_EQ(error(once), "the file has been folded already");
  EXPECT_NE(error("no tensors at all").find("safetensors: "), std::string::npos);
  file_.tensors.erase("stem.bn.bias");
  EXPECT_EQ(error(WriteTensorFile(file_)), "tensor stem.bn.bias is missing");
  EXPECT_EQ(FoldFile("resnet20@2", once).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace reluscape

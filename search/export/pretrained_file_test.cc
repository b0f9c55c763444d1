#include "search/export/pretrained_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "search/network/accounting.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

RawTensor Floats(const std::vector<int64_t>& shape, float first) {
  RawTensor tensor{.type = ElementType::kFloat32, .shape = shape, .data = {}};
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  for (int64_t i = 0; i < elements; ++i) {
    const float value = first + static_cast<float>(i) / 1024;
    tensor.data.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return tensor;
}

struct Case {
  Network network;
  std::string text;
  TensorFile file;  // its tensors under its own names, each with values of its own

  std::string Error() const {
    return std::string(ReadPretrained(network, text, WriteTensorFile(file)).status().message());
  }
  void Rename(const std::function<std::string(const std::string&)>& rename) {
    TensorFile renamed;
    for (auto& [name, tensor] : file.tensors) renamed.tensors[rename(name)] = std::move(tensor);
    file = std::move(renamed);
  }
};

Case CaseOf(const std::string& name) {
  const Architecture architecture = ParseArchitecture(name, /*side=*/32, /*classes=*/10).value();
  Case one{BuildNetwork(architecture).value(), CanonicalText(architecture), {}};
  float first = 1;
  for (const TensorPlace& place : TensorsOf(one.network)) {
    one.file.tensors[place.name] = Floats(place.shape, first);
    first += 1;
  }
  return one;
}

TEST(PretrainedFileTest, NamesOfTheFileAreQuotedAndCutInMessages) {
  const std::string evil = "\x1b[2J\n" + std::string(100'000, 'x');
  // The longest name that a file may have has 1000 bytes.
  const std::string name = evil.substr(0, 900);
  Case one = CaseOf("resnet18@4");
  one.file.tensors[name] = Floats({1}, 1);
  EXPECT_THAT(one.Error(), HasSubstr("tensor '?[2J?xxx"));
  EXPECT_LT(one.Error().size(), 300u);
  Case twice = CaseOf("resnet18@4");
  twice.file.tensors[name] = Floats({1}, 1);
  twice.file.tensors["module." + name] = Floats({1}, 1);
  EXPECT_THAT(twice.Error(), HasSubstr("stands there twice"));
  EXPECT_LT(twice.Error().size(), 300u);
  Case other = CaseOf("resnet18@4");
  other.file.metadata = {{"format", "reluscape-1"}, {"network", evil}};
  EXPECT_THAT(other.Error(), HasSubstr("of the network '?[2J?xxx"));
  EXPECT_LT(other.Error().size(), 1'000u);
}

TEST(PretrainedFileTest, EveryParameterOfEveryFamilyHasAPlace) {
  for (const char* name :
       {"resnet18@4", "resnet20@2+shortcut:downsample", "resnet50@2", "wrn-10-2@2", "vgg16@2",
        "resnet20@2+skip:dirac", "resnet20@2+skip:dirac-ss:merge=scaled"}) {
    const Case one = CaseOf(name);
    int64_t parameters = 0;
    for (const TensorPlace& place : TensorsOf(one.network)) {
      if (absl::StrContains(place.name, ".running_")) continue;
      int64_t elements = 1;
      for (const int64_t size : place.shape) elements *= size;
      parameters += elements;
    }
    EXPECT_EQ(parameters, CountNetwork(one.network).value().parameters) << name;
    const auto read = ReadPretrained(one.network, one.text, WriteTensorFile(one.file));
    ASSERT_TRUE(read.ok()) << name << ": " << read.status();
    EXPECT_EQ(read->tensors, one.file.tensors) << name;
  }
}

// The names of public models, written out: what a user's file holds.
TEST(PretrainedFileTest, NamesOfPublicModels) {
  const auto has = [](const std::string& ours, bool pre_activation, const std::string& theirs) {
    const std::vector<std::string> names = AcceptedNames(ours, pre_activation);
    return names.front() == ours && std::find(names.begin(), names.end(), theirs) != names.end();
  };
  EXPECT_TRUE(has("stem.conv.weight", false, "conv1.weight"));
  EXPECT_TRUE(has("stem.bn.running_var", false, "bn1.running_var"));
  EXPECT_TRUE(has("classifier.bias", false, "fc.bias"));
  EXPECT_TRUE(has("classifier.weight", false, "linear.weight"));
  EXPECT_TRUE(has("section1.block1.conv1.weight", false, "layer1.0.conv1.weight"));
  EXPECT_TRUE(has("section4.block2.bn2.running_mean", false, "layer4.1.bn2.running_mean"));
  EXPECT_TRUE(has("section2.block1.shortcut.conv.weight", false, "layer2.0.downsample.0.weight"));
  EXPECT_TRUE(has("section2.block1.shortcut.bn.bias", false, "layer2.0.shortcut.1.bias"));
  EXPECT_TRUE(has("section3.block6.bn3.weight", false, "layer3.5.bn3.weight"));
  EXPECT_TRUE(has("tail.bn.weight", true, "bn1.weight"));
  EXPECT_TRUE(has("section1.block1.bn1.weight", true, "block1.layer.0.bn1.weight"));
  EXPECT_TRUE(
      has("section2.block1.shortcut.conv.weight", true, "block2.layer.0.convShortcut.weight"));
  EXPECT_FALSE(has("stem.bn.weight", true, "bn1.weight"));
}

TEST(PretrainedFileTest, ForeignNamesComeOutAsOurs) {
  struct Style {
    const char* network;
    bool pre_activation;
    const char* block;     // prefix of a block's tensors
    const char* wrapper;   // before every name
    const char* shortcut;  // what a projection's convolution is called
  };
  for (const Style& style :
       {Style{"resnet18@4", false, "layer", "", "downsample.0"},
        Style{"resnet34@2", false, "layer", "module.", "shortcut.0"},
        Style{"resnet18@4+imagenet-stem", false, "layer", "_orig_mod.module.", "downsample.0"},
        Style{"wrn-16-2@4", true, "block", "module.", "convShortcut"},
        Style{"wrn-10-2@4", true, "layer", "", "shortcut.0"}}) {
    Case one = CaseOf(style.network);
    const TensorFile expected = one.file;
    bool had_shortcut = false;
    one.Rename([&](const std::string& name) {
      std::string theirs;
      for (const std::string& accepted : AcceptedNames(name, style.pre_activation)) {
        if (accepted == name) continue;
        if (absl::StrContains(name, ".shortcut.conv.")) {
          if (!absl::StrContains(accepted, style.shortcut)) continue;
          had_shortcut = true;
        }
        if (absl::StartsWith(name, "section") && !absl::StartsWith(accepted, style.block)) continue;
        theirs = accepted;
        break;
      }
      EXPECT_NE(theirs, "") << name;
      return style.wrapper + theirs;
    });
    EXPECT_TRUE(had_shortcut);
    one.file.tensors[absl::StrCat(style.wrapper, "bn1.num_batches_tracked")] = {
        .type = ElementType::kInt64, .shape = {}, .data = std::string(8, '\1')};
    const auto read = ReadPretrained(one.network, one.text, WriteTensorFile(one.file));
    ASSERT_TRUE(read.ok()) << style.network << ": " << read.status();
    EXPECT_EQ(read->tensors, expected.tensors) << style.network;
  }
}

TEST(PretrainedFileTest, TheFirstMismatchIsNamed) {
  Case missing = CaseOf("resnet18@4");
  missing.file.tensors.erase("section2.block1.shortcut.bn.weight");
  missing.file.tensors.erase("section3.block1.conv1.weight");
  EXPECT_EQ(missing.Error(),
            "tensor section2.block1.shortcut.bn.weight is missing (looked for "
            "section2.block1.shortcut.bn.weight, layer2.0.downsample.1.weight, "
            "block2.layer.0.downsample.1.weight, layer2.0.shortcut.1.weight, "
            "block2.layer.0.shortcut.1.weight); the network needs 8 of F32");

  Case shape = CaseOf("resnet18@4");
  shape.file.tensors.erase("stem.conv.weight");
  shape.file.tensors["module.conv1.weight"] = Floats({4, 3, 7, 7}, 0);
  EXPECT_EQ(
      shape.Error(),
      "tensor stem.conv.weight ('module.conv1.weight' in the file): found 4x3x7x7 of F32; the "
      "network needs 4x3x3x3 of F32");

  Case type = CaseOf("resnet18@4");
  type.file.tensors["classifier.bias"] = {
      .type = ElementType::kFloat64, .shape = {10}, .data = std::string(80, '\0')};
  EXPECT_EQ(type.Error(), "tensor classifier.bias: found 10 of F64; the network needs 10 of F32");

  Case unknown = CaseOf("resnet18@4");
  unknown.file.tensors["fc2.weight"] = Floats({3, 5}, 0);
  EXPECT_EQ(unknown.Error(), "tensor 'fc2.weight' (3x5 of F32) belongs to nothing in the network");

  Case twice = CaseOf("resnet18@4");
  twice.file.tensors["linear.bias"] = Floats({10}, 0);
  EXPECT_EQ(twice.Error(),
            "tensor classifier.bias stands there twice, as 'classifier.bias' and as 'linear.bias'");

  Case wrapped = CaseOf("resnet18@4");
  wrapped.file.tensors["module.stem.conv.weight"] = Floats({4, 3, 3, 3}, 0);
  EXPECT_THAT(wrapped.Error(), HasSubstr("tensor 'stem.conv.weight' stands there twice"));
}

TEST(PretrainedFileTest, ValuesThatCannotBeWeightsAreRefused) {
  const auto with = [](const std::string& name, float value) {
    Case one = CaseOf("resnet18@4");
    std::memcpy(one.file.tensors.at(name).data.data() + 2 * sizeof(float), &value, sizeof(value));
    return one.Error();
  };
  EXPECT_EQ(with("section1.block2.conv2.weight", std::numeric_limits<float>::quiet_NaN()),
            "tensor section1.block2.conv2.weight: element 2 is nan; allowed: finite numbers");
  EXPECT_THAT(with("stem.bn.bias", std::numeric_limits<float>::infinity()),
              HasSubstr("element 2 is inf"));
  EXPECT_EQ(with("stem.bn.running_var", -1),
            "tensor stem.bn.running_var: element 2 is -1; allowed: finite numbers of at least 0");
  EXPECT_EQ(with("stem.bn.running_mean", -1), "");
}

TEST(PretrainedFileTest, MasksMustKeepAllReLUs) {
  Case one = CaseOf("resnet18@4");
  RawTensor mask{
      .type = ElementType::kUint8, .shape = {4, 32, 32}, .data = std::string(4096, '\1')};
  one.file.tensors["section1.block1.relu1.mask"] = mask;
  EXPECT_EQ(one.Error(), "");
  mask.data[7] = 0;
  one.file.tensors["section1.block1.relu1.mask"] = mask;
  EXPECT_EQ(
      one.Error(),
      "tensor 'section1.block1.relu1.mask' removes ReLUs; a pretrained network has all of them");
  one.file.tensors.erase("section1.block1.relu1.mask");
  one.file.tensors["section9.block1.relu1.mask"] = mask;
  EXPECT_THAT(one.Error(), HasSubstr("belongs to nothing in the network"));
}

TEST(PretrainedFileTest, FilesOfOurOwnSayWhichNetworkTheyAreOf) {
  Case one = CaseOf("resnet18@4");
  one.file.metadata = {{"format", "reluscape-1"}, {"network", one.text}};
  EXPECT_EQ(one.Error(), "");
  // The same tensors, but another network: a ReLU behind the stem.
  const Case other = CaseOf("resnet18@4+stem-relu");
  one.file.metadata["network"] = other.text;
  EXPECT_EQ(one.Error(), absl::StrCat("the file is of the network '", other.text,
                                      "' and this candidate's is ", one.text));
  one.file.metadata = {{"format", "reluscape-1"}, {"folded", "true"}};
  EXPECT_THAT(one.Error(), HasSubstr("folded"));
  EXPECT_FALSE(CheckPretrained("resnet18@4", 32, 10, "no safetensors").ok());
  one.file.metadata = {};
  EXPECT_TRUE(CheckPretrained("resnet18@4", 32, 10, WriteTensorFile(one.file)).ok());
  EXPECT_FALSE(CheckPretrained("resnet18@4", 32, 11, WriteTensorFile(one.file)).ok());
}

}  // namespace
}  // namespace reluscape

// Writes networks as `reluscape export` does, with images and the logits that LibTorch gives for
// them: export_networks FOLDER NAME... makes FOLDER/<index>/ for each name. Behind a name
// "/polynomial": removed ReLUs are polynomials.

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "search/export/architecture_json.h"
#include "search/export/folded_file.h"
#include "search/network/names.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/graph_network.h"

namespace reluscape {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kSide = 32;

constexpr std::string_view kPolynomial = "/polynomial";

absl::Status Write(const std::filesystem::path& folder, std::string name) {
  const bool polynomial = name.ends_with(kPolynomial);
  if (polynomial) name.resize(name.size() - kPolynomial.size());
  ASSIGN_OR_RETURN(const Architecture architecture, ParseArchitecture(name, kSide, kClasses));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  GraphNetwork graph(network, MaskMode::kFrozen, at::kCPU, v1::LinearizeSpec::PIXEL,
                     polynomial ? v1::LinearizeSpec::POLYNOMIAL : v1::LinearizeSpec::IDENTITY);
  graph.Initialize(1);
  graph.SetTraining(false);
  const c10::NoGradGuard no_grad;
  at::manual_seed(5);
  // What training would leave: gains, shifts and statistics of their own, some ReLUs removed.
  for (const NamedTensor& weight : graph.weights()) {
    weight.tensor.add_(torch::randn(weight.tensor.sizes()), 0.05);
  }
  for (const NamedTensor& one : graph.coefficients()) {
    const at::Tensor drawn = torch::randn(one.tensor.sizes());
    drawn[2].mul_(0.1);  // squares of squares of a network that nobody trained overflow soon
    one.tensor.add_(drawn, 0.05);
  }
  for (const NamedTensor& one : graph.statistics()) {
    one.tensor.add_(torch::rand(one.tensor.sizes()), 0.5);
  }
  SafetensorsFile file;
  AddTensors(graph.parameters(), file.tensors);
  AddTensors(graph.statistics(), file.tensors);
  for (const NamedTensor& mask : graph.masks()) {
    mask.tensor.copy_((torch::rand(mask.tensor.sizes()) > 0.5).to(at::kFloat));
    file.tensors[mask.name] = mask.tensor.to(at::kByte);
  }
  const std::string text = CanonicalText(architecture);
  const std::string bytes = WriteSafetensors(file);
  ASSIGN_OR_RETURN(const std::string json, ArchitectureJson(name, text));
  ASSIGN_OR_RETURN(const FoldedFile folded, FoldFile(text, bytes));
  ASSIGN_OR_RETURN(const std::string folded_json, ArchitectureJson(name, text, &folded.network));
  for (const char* part : {"plain", "folded"}) std::filesystem::create_directories(folder / part);
  RETURN_IF_ERROR(WriteFileAtomically(folder / "plain" / "weights.safetensors", bytes));
  RETURN_IF_ERROR(WriteFileAtomically(folder / "plain" / "architecture.json", json));
  RETURN_IF_ERROR(WriteFileAtomically(folder / "folded" / "weights.safetensors", folded.bytes));
  RETURN_IF_ERROR(WriteFileAtomically(folder / "folded" / "architecture.json", folded_json));

  SafetensorsFile expected;
  expected.tensors["images"] = torch::randn({3, 3, kSide, kSide});
  expected.tensors["logits"] = graph.Forward(expected.tensors["images"]);
  return WriteFileAtomically(folder / "expected.safetensors", WriteSafetensors(expected));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    const absl::Status status =
        reluscape::Write(std::filesystem::path(argv[1]) / std::to_string(i - 2), argv[i]);
    if (!status.ok()) {
      std::fprintf(stderr, "%s: %s\n", argv[i], std::string(status.message()).c_str());
      return 1;
    }
  }
  return 0;
}

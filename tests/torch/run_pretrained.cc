// What the network NAME gives for images, with weights that a user brings:
// run_pretrained NAME WEIGHTS.safetensors IMAGES.safetensors LOGITS.safetensors. IMAGES holds
// "images", N x 3 x 32 x 32 and normalised; LOGITS will hold "logits", N x 10.

#include <c10/core/GradMode.h>

#include <cstdio>
#include <string>

#include "base/files.h"
#include "base/status_macros.h"
#include "search/export/pretrained_file.h"
#include "search/network/names.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/graph_network.h"

namespace reluscape {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kSide = 32;
constexpr int64_t kMostBytes = int64_t{1} << 30;

absl::Status Run(const std::string& name, const std::string& weights, const std::string& images,
                 const std::string& logits) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseArchitecture(name, kSide, kClasses));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(weights, kMostBytes));
  ASSIGN_OR_RETURN(const TensorFile pretrained,
                   ReadPretrained(network, CanonicalText(architecture), bytes));
  GraphNetwork graph(network, MaskMode::kNone, at::kCPU);
  std::vector<NamedTensor> learned = graph.weights();
  learned.insert(learned.end(), graph.statistics().begin(), graph.statistics().end());
  RETURN_IF_ERROR(RestoreTensors(TensorsIn(pretrained), learned));
  graph.SetTraining(false);

  ASSIGN_OR_RETURN(const std::string input, ReadFile(images, kMostBytes));
  ASSIGN_OR_RETURN(const SafetensorsFile given, ReadSafetensors(input));
  const c10::NoGradGuard no_grad;
  SafetensorsFile result;
  result.tensors["logits"] = graph.Forward(given.tensors.at("images"));
  return WriteFileAtomically(logits, WriteSafetensors(result));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const absl::Status status = reluscape::Run(argv[1], argv[2], argv[3], argv[4]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}

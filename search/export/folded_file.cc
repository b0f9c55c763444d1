#include "search/export/folded_file.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/export/tensor_file.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr char kFolded[] = "folded";

std::vector<float> Floats(const RawTensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

}  // namespace

absl::StatusOr<FoldedFile> FoldFile(const std::string& canonical_text, std::string_view bytes) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(canonical_text));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(TensorFile file, ReadTensorFile(bytes));
  if (file.metadata.contains(kFolded)) {
    return absl::FailedPreconditionError("the file has been folded already");
  }
  FloatTensors floats;
  for (const auto& [name, tensor] : file.tensors) {
    if (tensor.type == ElementType::kFloat32) floats[name] = Floats(tensor);
  }
  FoldedFile folded;
  ASSIGN_OR_RETURN(folded.network, FoldNetwork(network, std::move(floats)));

  TensorFile written;
  written.metadata = std::move(file.metadata);
  written.metadata[kFolded] = "true";
  for (auto& [name, tensor] : file.tensors) {
    if (tensor.type != ElementType::kFloat32) written.tensors[name] = std::move(tensor);
  }
  for (const auto& [name, values] : folded.network.tensors) {
    const auto before = file.tensors.find(name);
    // Only a convolution's bias is new; it has one value per output channel.
    std::vector<int64_t> shape = before != file.tensors.end()
                                     ? before->second.shape
                                     : std::vector<int64_t>{static_cast<int64_t>(values.size())};
    std::string data(values.size() * sizeof(float), '\0');
    std::memcpy(data.data(), values.data(), data.size());
    written.tensors[name] = {
        .type = ElementType::kFloat32, .shape = std::move(shape), .data = std::move(data)};
  }
  folded.bytes = WriteTensorFile(written);
  return folded;
}

}  // namespace reluscape

#include "worker/torch/safetensors.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr std::array<std::pair<ElementType, at::ScalarType>, 5> kTypes = {
    {{ElementType::kFloat32, at::kFloat},
     {ElementType::kFloat64, at::kDouble},
     {ElementType::kInt64, at::kLong},
     {ElementType::kInt32, at::kInt},
     {ElementType::kUint8, at::kByte}}};

ElementType TypeOf(at::ScalarType scalar) {
  for (const auto& [type, torch_type] : kTypes) {
    if (torch_type == scalar) return type;
  }
  TORCH_CHECK(false, "safetensors: type ", scalar, " is not written");
}

at::ScalarType ScalarOf(ElementType element) {
  for (const auto& [type, torch_type] : kTypes) {
    if (type == element) return torch_type;
  }
  TORCH_CHECK(false, "safetensors: a type without a counterpart");
}

}  // namespace

std::string WriteSafetensors(const SafetensorsFile& file) {
  TensorFile raw;
  raw.metadata = file.metadata;
  for (const auto& [name, tensor] : file.tensors) {
    const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
    raw.tensors[name] = {
        .type = TypeOf(flat.scalar_type()),
        .shape = flat.sizes().vec(),
        .data = std::string(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes())};
  }
  return WriteTensorFile(raw);
}

TensorMap TensorsIn(const TensorFile& file) {
  TensorMap tensors;
  for (const auto& [name, tensor] : file.tensors) {
    at::Tensor copy = at::empty(tensor.shape, ScalarOf(tensor.type));
    if (!tensor.data.empty()) {
      std::memcpy(copy.mutable_data_ptr(), tensor.data.data(), tensor.data.size());
    }
    tensors.emplace(name, std::move(copy));
  }
  return tensors;
}

absl::StatusOr<SafetensorsFile> ReadSafetensors(std::string_view bytes) {
  ASSIGN_OR_RETURN(TensorFile raw, ReadTensorFile(bytes));
  return SafetensorsFile{.tensors = TensorsIn(raw), .metadata = std::move(raw.metadata)};
}

}  // namespace reluscape

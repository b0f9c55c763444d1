#pragma once

// Files of tensors in the safetensors format (search/export/tensor_file.h) as LibTorch's own.
// Thread-safe.

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "search/export/tensor_file.h"

namespace reluscape {

using TensorMap = std::map<std::string, at::Tensor>;

struct SafetensorsFile {
  TensorMap tensors;                            // by name; on the CPU, contiguous
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
};

// The bytes of a file; equal content gives equal bytes. Tensors may be on any device and of
// float32, float64, int64, int32 or uint8.
std::string WriteSafetensors(const SafetensorsFile& file);

// The tensors of a file that has been read; on the CPU, contiguous.
TensorMap TensorsIn(const TensorFile& file);

// Reads `bytes`, which may come from anywhere. The errors of ReadTensorFile.
absl::StatusOr<SafetensorsFile> ReadSafetensors(std::string_view bytes);

}  // namespace reluscape

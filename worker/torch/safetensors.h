#pragma once

// The safetensors format (huggingface/safetensors, README, "Format"): eight bytes with the length
// of a JSON header, the header with name, type, shape and position of every tensor, then the
// tensors' bytes without gaps; all little-endian. Thread-safe.

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace reluscape {

using TensorMap = std::map<std::string, at::Tensor>;

struct SafetensorsFile {
  TensorMap tensors;                            // by name; on the CPU, contiguous
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
};

// The bytes of a file. Equal content gives equal bytes: tensors lie by element size (largest
// first, so that all are aligned) and name. Tensors may be on any device and of float32, float64,
// int64, int32 or uint8.
std::string WriteSafetensors(const SafetensorsFile& file);

// Reads `bytes`, which may come from anywhere. DATA_LOSS says what is wrong: a header that is not
// JSON or longer than 4 MiB, a repeated name, an unknown type, a shape of more than 8 dimensions, a
// size that does not fit the position, or positions that overlap, leave gaps or pass the end.
absl::StatusOr<SafetensorsFile> ReadSafetensors(std::string_view bytes);

}  // namespace reluscape

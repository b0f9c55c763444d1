#pragma once

// The safetensors format (huggingface/safetensors, README, "Format"): eight bytes with the length
// of a JSON header, the header with name, type, shape and position of every tensor, then the
// tensors' bytes without gaps; all little-endian. Without LibTorch. Thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

enum class ElementType { kFloat32, kFloat64, kInt64, kInt32, kUint8 };

int64_t ElementBytes(ElementType type);
// As the format writes it: "F32".
const char* ElementName(ElementType type);

// Row-major. `data` holds exactly the bytes that type and shape need.
struct RawTensor {
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  std::string data;

  friend bool operator==(const RawTensor&, const RawTensor&) = default;
};

struct TensorFile {
  std::map<std::string, RawTensor> tensors;
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
};

// The bytes of a file. Equal content gives equal bytes: tensors lie by element size (largest
// first, so that all are aligned) and name.
std::string WriteTensorFile(const TensorFile& file);

// Reads `bytes`, which may come from anywhere. DATA_LOSS says what is wrong: a header that is not
// JSON or longer than 4 MiB, a repeated name, an unknown type, a shape of more than 8 dimensions, a
// size that does not fit the position, or positions that overlap, leave gaps or pass the end.
absl::StatusOr<TensorFile> ReadTensorFile(std::string_view bytes);

}  // namespace reluscape

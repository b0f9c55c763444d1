#pragma once

// Pretrained weights that a user brings for a network, as safetensors. Thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "search/export/tensor_file.h"
#include "search/network/network.h"

namespace reluscape {

// One tensor of a network, float32.
struct TensorPlace {
  std::string name;  // "<op>.weight", ".bias", ".running_mean", ".running_var", ".dirac_a", ...
  std::vector<int64_t> shape;

  friend bool operator==(const TensorPlace&, const TensorPlace&) = default;
};

// All weights and batch-norm statistics of `network`, in the order of its operations.
std::vector<TensorPlace> TensorsOf(const Network& network);

// The names under which a file may hold tensor `name` of a network, the own one first. With those
// of torchvision's ResNets (conv1, bn1, layer1.0.conv1, layer1.0.downsample.0, fc), of their
// variants for 32 x 32 images (shortcut.0, linear) and of wide residual networks
// (block1.layer.0.bn1, convShortcut; there bn1 is the norm behind the last block:
// `pre_activation`).
std::vector<std::string> AcceptedNames(const std::string& name, bool pre_activation);

// The tensors of `network` (whose canonical text is given), under its own names, from the bytes of
// a file that may come from anywhere. "module." and "_orig_mod." before a name and
// ".num_batches_tracked" are passed over; so are masks that hold 1 everywhere.
//
// FAILED_PRECONDITION names the first tensor, in the order of the operations, that is missing, or
// has another shape or type than float32, or holds a number that is not finite or a negative
// variance; then one that belongs to nothing in the network, or a mask that removes ReLUs; or a
// file of our own that is folded or of another network. DATA_LOSS: see ReadTensorFile.
absl::StatusOr<TensorFile> ReadPretrained(const Network& network, const std::string& canonical_text,
                                          std::string_view bytes);

// The same for a network by name or canonical text and images of a data set; also the errors of
// ParseArchitecture.
absl::Status CheckPretrained(const std::string& network, int64_t side, int64_t classes,
                             std::string_view bytes);

}  // namespace reluscape

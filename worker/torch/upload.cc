#include "worker/torch/upload.h"

#include <algorithm>

namespace reluscape {

at::Tensor Upload(const std::vector<int64_t>& values, at::Device device) {
  const at::TensorOptions options =
      at::TensorOptions().dtype(at::kLong).pinned_memory(device.is_cuda());
  const at::Tensor host = at::empty({static_cast<int64_t>(values.size())}, options);
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<int64_t>());
  return host.to(device, /*non_blocking=*/true);
}

}  // namespace reluscape

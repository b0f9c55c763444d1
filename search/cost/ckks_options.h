#pragma once

// What a user chooses of the CKKS model, beside network and kept ReLUs.

#include <string>

namespace reluscape {

struct CkksOptions {
  std::string preset = "mpcnn_cpu";  // parameters, packing and operation table
};

}  // namespace reluscape

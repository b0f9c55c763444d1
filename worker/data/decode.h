#pragma once

// JPEG (libjpeg-turbo) and PNG (libpng) images to RGB bytes. Thread-safe: no state between calls.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace reluscape {

// Decodes `bytes` (the whole file `name`, which is used in messages alone) into `pixels`, side x
// side x 3 bytes in RGB. Grey images become RGB. An alpha channel (PNG) is composed onto black.
// The format is told by the first bytes, whatever the file is called.
// DATA_LOSS, naming the file, what was found and what is allowed, where the bytes are no JPEG or
// PNG, are cut short or damaged (also where the decoder would only warn), or hold an image that is
// not side x side: sizes are compared in the header, before anything is decoded. UNAVAILABLE where
// there is no memory for a decoder.
absl::Status DecodeImage(const std::string& name, std::string_view bytes, int64_t side,
                         std::span<uint8_t> pixels);

}  // namespace reluscape

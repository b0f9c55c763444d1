#pragma once

// The dashboard's files, built into the binary from web/app/dist by tools/cmake/embed_files.cmake.
// Thread-safe.

#include <string>
#include <string_view>

namespace reluscape {

struct Asset {
  std::string_view path;  // "/app.js"
  std::string_view content_type;
  std::string_view etag;  // quoted, from the content's SHA-256
  std::string_view bytes;
};

// "/" is index.html. Null where there is no such file; the asset lives as long as the program.
const Asset* FindAsset(const std::string& path);

}  // namespace reluscape

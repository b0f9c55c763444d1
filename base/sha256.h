#pragma once

// SHA-256 (FIPS 180-4) as lower-case hexadecimal text: names of artifacts, hashes of recipes,
// networks and data. Thread-compatible.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace reluscape {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* bytes, size_t size);
  void Update(std::string_view text) { Update(text.data(), text.size()); }
  // The digest as 64 hexadecimal digits. Call once; no Update after it.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view text);

// NOT_FOUND or INTERNAL with the path where the file cannot be read.
absl::StatusOr<std::string> Sha256OfFile(const std::filesystem::path& path);

// The first 12 digits, for people: of recipes, data and builds. The database's jobs.recipe_short
// says the same in SQL.
std::string ShortHash(std::string_view hash);

// Whether `text` is 64 lower-case hexadecimal digits; an artifact name from outside must be, so
// that it can never name a path.
bool IsSha256Hex(std::string_view text);

}  // namespace reluscape

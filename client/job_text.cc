#include "client/job_text.h"

#include <array>
#include <cstdint>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/files.h"

namespace reluscape {
namespace {

// As the coordinator's (job_service.proto).
constexpr int64_t kMaxJobFileBytes = 4 << 20;

}  // namespace

absl::StatusOr<std::string> ReadJobText(const std::string& file) {
  if (file != "-") return ReadFile(file, kMaxJobFileBytes);
  std::string text;
  std::array<char, 65536> piece{};
  while (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0) {
    text.append(piece.data(), static_cast<size_t>(std::cin.gcount()));
    if (static_cast<int64_t>(text.size()) > kMaxJobFileBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "standard input: more than the ", kMaxJobFileBytes, " bytes that a job file may have"));
    }
  }
  return text;
}

}  // namespace reluscape

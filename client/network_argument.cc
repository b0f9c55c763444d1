#include "client/network_argument.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

absl::StatusOr<std::string> NetworkText(const std::string& argument) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(argument, error)) return argument;
  ASSIGN_OR_RETURN(const std::string content, ReadFile(argument, kMaxArgumentFileBytes));
  std::string text(absl::StripAsciiWhitespace(content));
  if (text.empty() || text.front() != '{') return text;
  const auto document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("network") || !document["network"].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat(argument,
                     ": found JSON without a text \"network\"; allowed: an architecture.json, or a "
                     "name or canonical text"));
  }
  return document["network"].get<std::string>();
}

}  // namespace

absl::StatusOr<NetworkArgument> ReadNetworkArgument(const std::string& argument,
                                                    std::optional<int64_t> side, int64_t classes) {
  NetworkArgument network;
  ASSIGN_OR_RETURN(network.text, NetworkText(argument));
  if (IsCanonicalText(network.text)) {
    ASSIGN_OR_RETURN(network.architecture, ParseCanonicalText(network.text));
  } else {
    ASSIGN_OR_RETURN(
        network.architecture,
        ParseArchitecture(network.text, side.value_or(UsualSide(network.text)), classes));
  }
  return network;
}

}  // namespace reluscape

#include "search/cost/link.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "search/cost/built_in_data.h"
#include "search/cost/json_fields.h"

namespace reluscape {
namespace {

// Beyond them a number is a slip of the unit.
constexpr double kMaxMbitPerS = 1e9;
constexpr double kMinMbitPerS = 1e-6;
constexpr double kMaxRoundTripS = 3600;

absl::StatusOr<Link> LinkOf(const nlohmann::json& object, const std::string& source) {
  JsonFields fields(object, source);
  Link link;
  link.name = fields.Text("name");
  link.up_mbit_per_s = fields.Number("up_mbit_per_s", kMinMbitPerS, true, kMaxMbitPerS);
  link.down_mbit_per_s = fields.Number("down_mbit_per_s", kMinMbitPerS, true, kMaxMbitPerS);
  link.round_trip_s = fields.Number("round_trip_s", 0, true, kMaxRoundTripS);
  link.status = fields.Choice("status", "artifact recalled assumption user");
  link.source = fields.Text("source");
  RETURN_IF_ERROR(fields.Finish());
  return link;
}

std::vector<Link> MakeBuiltInLinks() {
  std::vector<Link> links = {{.name = "loopback",
                              .status = "artifact",
                              .source = "one machine: no transfer and no round trips beyond what "
                                        "the measured constants hold",
                              .loopback = true}};
  for (const auto& object : nlohmann::json::parse(BuiltInLinksJson())) {
    // The build's own data; a test reads every one of them.
    absl::StatusOr<Link> link = LinkOf(object, "search/cost/data/links.json");
    if (link.ok()) links.push_back(*std::move(link));
  }
  return links;
}

std::optional<double> NumberIn(const std::string& text, double low, double high) {
  double value = 0;
  const bool fits =
      absl::SimpleAtod(text, &value) && std::isfinite(value) && value >= low && value <= high;
  return fits ? std::optional<double>(value) : std::nullopt;
}

}  // namespace

const std::vector<Link>& BuiltInLinks() {
  static const auto* const links = new std::vector<Link>(MakeBuiltInLinks());
  return *links;
}

absl::StatusOr<Link> ParseLink(const std::string& text) {
  std::vector<std::string> names;
  for (const Link& link : BuiltInLinks()) {
    if (link.name == text) return link;
    names.push_back(link.name);
  }
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() == 2 || parts.size() == 3) {
    const auto up = NumberIn(parts[0], kMinMbitPerS, kMaxMbitPerS);
    const auto down = NumberIn(parts[1], kMinMbitPerS, kMaxMbitPerS);
    const auto round_trip = parts.size() == 3 ? NumberIn(parts[2], 0, kMaxRoundTripS) : 0.0;
    if (up && down && round_trip) {
      return Link{.name = text,
                  .up_mbit_per_s = *up,
                  .down_mbit_per_s = *down,
                  .round_trip_s = *round_trip,
                  .status = "user",
                  .source = "given as up/down/round trip"};
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("link: found ", text, "; allowed: ", absl::StrJoin(names, ", "),
                   ", or UP/DOWN/RTT in Mbit/s (", kMinMbitPerS, " to ", kMaxMbitPerS,
                   ") and seconds (0 to ", kMaxRoundTripS, ") as in 100/500/0.02, or a JSON file"));
}

absl::StatusOr<Link> LinkFromJson(const std::string& json, const std::string& source) {
  return LinkOf(nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false), source);
}

double UploadSeconds(const Link& link, double bytes) {
  return link.loopback ? 0 : bytes * 8 / (link.up_mbit_per_s * 1e6);
}

double DownloadSeconds(const Link& link, double bytes) {
  return link.loopback ? 0 : bytes * 8 / (link.down_mbit_per_s * 1e6);
}

double RoundTripSeconds(const Link& link, double flights) {
  return link.loopback ? 0 : flights * link.round_trip_s / 2;
}

}  // namespace reluscape

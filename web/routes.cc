#include "web/routes.h"

#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/foreign_text.h"
#include "base/status_macros.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

// How much of a text from outside an error message repeats.
constexpr size_t kQuotedBytes = 80;

bool IsDigits(const std::string& text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool IsLoopbackIpv4(const std::string& host) {
  const std::vector<std::string> parts = absl::StrSplit(host, '.');
  if (parts.size() != 4 || parts[0] != "127") return false;
  for (const std::string& part : parts) {
    int value = 0;
    if (!IsDigits(part) || part.size() > 3 || !absl::SimpleAtoi(part, &value) || value > 255) {
      return false;
    }
  }
  return true;
}

template <typename Message>
absl::StatusOr<std::string> JsonOf(const absl::StatusOr<Message>& message) {
  if (!message.ok()) return message.status();
  return MessageToJson(*message);
}

}  // namespace

absl::StatusOr<int64_t> ParseId(const std::string& what, const std::string& text) {
  int64_t value = 0;
  if (!IsDigits(text) || text[0] == '0' || !absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": found \"", text.substr(0, kQuotedBytes), text.size() > kQuotedBytes ? "..." : "",
        "\"; allowed: a whole number from 1 to 9223372036854775807"));
  }
  return value;
}

absl::StatusOr<Route> ParseRoute(const std::string& path) {
  if (path == "/healthz") return Route{RouteKind::kHealth};
  const std::vector<std::string> parts = absl::StrSplit(path, '/');  // "/api/jobs": "", api, jobs
  if (parts.size() >= 3 && parts[0].empty() && parts[1] == "api") {
    const std::string& noun = parts[2];
    if (parts.size() == 3 && noun == "jobs") return Route{RouteKind::kJobs};
    if (parts.size() == 3 && noun == "workers") return Route{RouteKind::kWorkers};
    if (parts.size() == 3 && noun == "events") return Route{RouteKind::kEvents};
    if (parts.size() == 4 && noun == "jobs") {
      ASSIGN_OR_RETURN(const int64_t id, ParseId("job", parts[3]));
      return Route{RouteKind::kJob, id};
    }
    if (parts.size() == 5 && noun == "jobs" && parts[4] == "results") {
      ASSIGN_OR_RETURN(const int64_t id, ParseId("job", parts[3]));
      return Route{RouteKind::kResults, id};
    }
    if (parts.size() == 4 && noun == "candidates") {
      ASSIGN_OR_RETURN(const int64_t id, ParseId("candidate", parts[3]));
      return Route{RouteKind::kCandidate, id};
    }
  }
  return absl::NotFoundError(
      absl::StrCat("there is no page ", path.substr(0, kQuotedBytes),
                   "; the API has /api/jobs, /api/jobs/{id}, /api/jobs/{id}/results, "
                   "/api/candidates/{id}, /api/workers, /api/events and /healthz"));
}

absl::StatusOr<std::string> AnswerJson(const Route& route, ResultReader& reader) {
  switch (route.kind) {
    case RouteKind::kJobs:
      return JsonOf(reader.ListJobs());
    case RouteKind::kJob:
      return JsonOf(reader.GetJob(JobId{route.id}));
    case RouteKind::kResults:
      return JsonOf(reader.ListResults(JobId{route.id}));
    case RouteKind::kCandidate:
      return JsonOf(reader.GetCandidate(CandidateId{route.id}));
    case RouteKind::kWorkers:
      return JsonOf(reader.ListWorkers());
    case RouteKind::kHealth:
      RETURN_IF_ERROR(reader.ListEvents(JobId{}, /*after=*/0, /*limit=*/1).status());
      return std::string("{\"status\": \"ok\"}");
    case RouteKind::kEvents:
      break;
  }
  return absl::InternalError("events are a stream, not a document");
}

int HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

std::string ErrorJson(const std::string& message) {
  std::string json = "{\"error\": \"";
  for (size_t i = 0; i < message.size();) {
    const size_t length = Utf8Length(message, i);
    const auto c = static_cast<unsigned char>(message[i]);
    if (length == 0) {
      json += '?';
    } else if (c == '"' || c == '\\') {
      json += '\\';
      json += message[i];
    } else if (c < 0x20 || c == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
      json += escaped;
    } else {
      json.append(message, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return json + "\"}";
}

bool IsLoopbackHost(const std::string& host) {
  std::string name = host;
  if (!name.empty() && name[0] == '[') {
    const size_t end = name.find(']');
    const std::string rest = end == std::string::npos ? "?" : name.substr(end + 1);
    if (!rest.empty() && !(rest[0] == ':' && IsDigits(rest.substr(1)))) return false;
    return name.substr(0, end + 1) == "[::1]";
  }
  if (const size_t colon = name.find(':'); colon != std::string::npos) {
    if (!IsDigits(name.substr(colon + 1))) return false;
    name.resize(colon);
  }
  return absl::AsciiStrToLower(name) == "localhost" || IsLoopbackIpv4(name);
}

}  // namespace reluscape

#pragma once

// What the gateway answers, free of HTTP: paths to listings, listings to JSON. Thread-safe.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "storage/result_reader.h"

namespace reluscape {

enum class RouteKind { kJobs, kJob, kResults, kCandidate, kWorkers, kEvents, kHealth };

struct Route {
  RouteKind kind = RouteKind::kJobs;
  int64_t id = 0;  // kJob, kResults, kCandidate
};

// An id as it stands in a path: decimal digits, no sign, no leading zero, 1 to 2^63 - 1.
// INVALID_ARGUMENT names `what` and the text.
absl::StatusOr<int64_t> ParseId(const std::string& what, const std::string& text);

// INVALID_ARGUMENT for a malformed id, NOT_FOUND for a path that is no route.
absl::StatusOr<Route> ParseRoute(const std::string& path);

// The JSON document of a route other than kEvents. Errors are the reader's.
absl::StatusOr<std::string> AnswerJson(const Route& route, ResultReader& reader);

// 400, 404, 503 or, for any other code, 500.
int HttpStatus(const absl::Status& status);

// {"error": "..."}; bytes that are not UTF-8 become question marks.
std::string ErrorJson(const std::string& message);

// Whether `host`, a Host header with or without a port, names the loopback: localhost, 127.x.x.x
// or [::1].
bool IsLoopbackHost(const std::string& host);

}  // namespace reluscape

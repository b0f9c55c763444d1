#pragma once

// The HTTP gateway: the dashboard's files, the listings as JSON and the events as a stream. It
// only reads, through database connections of its own. Thread-safe.
//
//   GET /                      the dashboard (index.html, app.js, app.css)
//   GET /api/jobs              JobList, newest first
//   GET /api/jobs/{id}         JobDetail
//   GET /api/jobs/{id}/results   ResultList
//   GET /api/candidates/{id}   CandidateDetail
//   GET /api/workers           WorkerList
//   GET /api/events[?job=N]    server-sent events: id = the event's number, event = its kind,
//                              data = Event; starts behind Last-Event-ID, else at the newest event
//   GET /healthz               {"status": "ok"} while the database can be read
//
// The documents are the messages of views.proto. Errors are {"error": "..."} with 400 (malformed
// id or parameter), 403 (foreign Host header), 404, 405 (not GET or HEAD), 416 (any Range),
// 500 and 503 (database not readable, or too many listeners).

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/ports.h"

namespace reluscape {

struct HttpServerOptions {
  // Where to listen. On a loopback address only requests whose Host header names the loopback are
  // answered, so that no web page elsewhere can read the API by DNS rebinding.
  std::string address = "127.0.0.1";
  int port = kHttpPort;    // 0 to 65535; 0 = a free one
  int max_listeners = 32;  // open /api/events streams, 1 to 1000; each holds a thread
};

class HttpServer {
 public:
  // Listens and answers in threads of its own. `database` must exist (the Store makes it).
  // INVALID_ARGUMENT names the option; UNAVAILABLE where the address or the database cannot be
  // opened.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           const std::filesystem::path& database);
  // Ends every stream and joins every thread, within a second unless a client reads very slowly.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace reluscape

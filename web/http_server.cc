#include "web/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "storage/result_reader.h"
#include "web/assets.h"
#include "web/routes.h"
#include "web/sse_hub.h"

namespace reluscape {
namespace {

// Threads for requests other than event streams, which have a thread each.
constexpr size_t kRequestThreads = 16;
// How long a client may be silent before its thread is taken back.
constexpr time_t kIdleSeconds = 1;
constexpr time_t kReadSeconds = 2;
constexpr time_t kWriteSeconds = 5;
constexpr size_t kMaxRequestBytes = 1024;  // no request has a body
// How soon a stream notices that its client is gone or that the server stops.
constexpr Milliseconds kStreamCheck{500};
// Proxies close a stream that is silent for a minute or so.
constexpr std::chrono::seconds kKeepAliveInterval{15};

// Only files of this server, no inline code: what a job file or a worker calls itself can never
// become a script.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr char kJsonType[] = "application/json; charset=utf-8";

void SetError(const absl::Status& status, int http_status, httplib::Response& response) {
  response.status = http_status;
  response.set_header("Cache-Control", "no-store");
  response.set_content(ErrorJson(std::string(status.message())), kJsonType);
}

void SetError(const absl::Status& status, httplib::Response& response) {
  SetError(status, HttpStatus(status), response);
}

// cpp-httplib's default adds SO_REUSEPORT, with which a second server on the same port would
// start without an error and take half of the requests.
void SetSocketOptions(socket_t socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

struct EventQuery {
  JobId job;
  std::optional<int64_t> after;
};

absl::StatusOr<EventQuery> ParseEventQuery(const httplib::Request& request) {
  EventQuery query;
  if (request.get_param_value_count("job") > 1) {
    return absl::InvalidArgumentError("job: found several; allowed: one");
  }
  if (request.has_param("job")) {
    ASSIGN_OR_RETURN(query.job.value, ParseId("job", request.get_param_value("job")));
  }
  if (const std::string last = request.get_header_value("Last-Event-ID"); !last.empty()) {
    if (last == "0") {
      query.after = 0;
    } else {
      ASSIGN_OR_RETURN(query.after, ParseId("Last-Event-ID", last));
    }
  }
  return query;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, std::filesystem::path database)
      : options_(options),
        database_(std::move(database)),
        loopback_(IsLoopbackHost(options.address) || options.address == "::1") {}

  absl::Status Start() {
    SseHubOptions hub_options;
    hub_options.max_listeners = options_.max_listeners;
    ASSIGN_OR_RETURN(hub_, SseHub::Start(hub_options, [this] { return OpenReader(); }));

    const auto threads = static_cast<size_t>(options_.max_listeners) + kRequestThreads;
    server_.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    server_.set_keep_alive_timeout(kIdleSeconds);
    server_.set_read_timeout(kReadSeconds);
    server_.set_write_timeout(kWriteSeconds);
    server_.set_payload_max_length(kMaxRequestBytes);
    server_.set_socket_options(SetSocketOptions);
    server_.set_tcp_nodelay(true);
    server_.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                                 {"Content-Security-Policy", kContentSecurityPolicy},
                                 {"Cross-Origin-Resource-Policy", "same-origin"},
                                 {"Referrer-Policy", "no-referrer"}});
    // Every request is answered here: the library's own routing matches paths by std::regex.
    server_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          Answer(request, response);
          // The library applies a Range header to what was "handled".
          return request.ranges.empty() ? httplib::Server::HandlerResponse::Handled
                                        : httplib::Server::HandlerResponse::Unhandled;
        });
    server_.set_exception_handler([](const httplib::Request& request, httplib::Response& response,
                                     const std::exception_ptr& exception) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& e) {
        LogError("HTTP ", request.path, ": ", std::string(e.what()));
      }
      SetError(absl::InternalError("the server failed; its log says more"), response);
    });

    if (options_.port == 0) {
      port_ = server_.bind_to_any_port(options_.address);
    } else if (server_.bind_to_port(options_.address, options_.port)) {
      port_ = options_.port;
    }
    if (port_ <= 0) {
      return absl::UnavailableError(absl::StrCat(
          "cannot listen on ", options_.address, " port ", options_.port,
          ": it is in use, or the address is not one of this machine's; choose another HTTP port"));
    }
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    return WaitUntilListening();
  }

  ~Impl() {
    if (hub_ != nullptr) {
      hub_->Stop();  // ends the streams, whose threads the server joins
    }
    server_.stop();
  }

  int port() const { return port_; }

 private:
  // stop() has no effect before the accept loop runs, and the thread would then never end.
  absl::Status WaitUntilListening() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!server_.is_running()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return absl::UnavailableError("the HTTP server did not start listening within 10 s");
      }
      std::this_thread::sleep_for(Milliseconds(1));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<ResultReader>> OpenReader() const {
    return ResultReader::Open(database_);
  }

  void Answer(const httplib::Request& request, httplib::Response& response) {
    if (loopback_ && !IsLoopbackHost(request.get_header_value("Host"))) {
      SetError(absl::PermissionDeniedError(
                   "this server listens on the loopback only; ask for it as localhost"),
               403, response);
      return;
    }
    if (request.method != "GET" && request.method != "HEAD") {
      response.set_header("Allow", "GET, HEAD");
      SetError(absl::InvalidArgumentError("this API only reads: use GET or HEAD"), 405, response);
      return;
    }
    if (!request.ranges.empty()) {
      SetError(absl::InvalidArgumentError("ranges are not supported: leave the Range header out"),
               416, response);
      return;
    }
    if (const Asset* asset = FindAsset(request.path)) {
      AnswerAsset(*asset, request, response);
      return;
    }
    const absl::StatusOr<Route> route = ParseRoute(request.path);
    if (!route.ok()) {
      SetError(route.status(), response);
    } else if (route->kind == RouteKind::kEvents) {
      AnswerEvents(request, response);
    } else {
      AnswerDocument(*route, response);
    }
  }

  static void AnswerAsset(const Asset& asset, const httplib::Request& request,
                          httplib::Response& response) {
    const std::string etag(asset.etag);
    response.set_header("ETag", etag);
    response.set_header("Cache-Control", "no-cache");  // keep it, but ask whether it changed
    if (request.get_header_value("If-None-Match") == etag) {
      response.status = 304;
      return;
    }
    response.set_content(asset.bytes.data(), asset.bytes.size(), std::string(asset.content_type));
  }

  void AnswerDocument(const Route& route, httplib::Response& response) {
    const absl::StatusOr<std::unique_ptr<ResultReader>> reader = OpenReader();
    if (!reader.ok()) {
      LogWarning("HTTP: ", reader.status().ToString());
      SetError(absl::UnavailableError("the database cannot be read now; try again"), response);
      return;
    }
    absl::StatusOr<std::string> json = AnswerJson(route, **reader);
    if (!json.ok()) {
      SetError(json.status(), response);
      return;
    }
    response.set_header("Cache-Control", "no-store");
    response.set_content(*std::move(json), kJsonType);
  }

  void AnswerEvents(const httplib::Request& request, httplib::Response& response) {
    const absl::StatusOr<EventQuery> query = ParseEventQuery(request);
    if (!query.ok()) {
      SetError(query.status(), response);
      return;
    }
    absl::StatusOr<std::unique_ptr<SseHub::Listener>> opened =
        hub_->Listen(query->job, query->after);
    if (!opened.ok()) {
      response.set_header("Retry-After", "10");
      SetError(opened.status(), response);
      return;
    }
    response.set_header("Cache-Control", "no-store");
    response.set_header("X-Accel-Buffering", "no");  // nginx would hold events back
    std::shared_ptr<SseHub::Listener> listener = *std::move(opened);
    auto last_write = std::make_shared<std::chrono::steady_clock::time_point>();
    response.set_chunked_content_provider(
        "text/event-stream",
        [listener = std::move(listener), last_write](size_t offset, httplib::DataSink& sink) {
          const auto now = std::chrono::steady_clock::now();
          if (offset == 0 && *last_write == std::chrono::steady_clock::time_point()) {
            *last_write = now;
            return Write(sink, "retry: 1000\n\n");
          }
          absl::StatusOr<std::string> frames = listener->Next(kStreamCheck);
          if (absl::IsCancelled(frames.status())) {
            sink.done();
            return true;
          }
          if (!frames.ok()) {
            LogWarning("an event stream ends: ", frames.status().ToString());
            return false;  // the browser connects again behind the last event it got
          }
          if (frames->empty() &&
              std::chrono::steady_clock::now() - *last_write > kKeepAliveInterval) {
            *frames = ": keep-alive\n\n";
          }
          if (frames->empty()) return sink.is_writable();
          *last_write = std::chrono::steady_clock::now();
          return Write(sink, *frames);
        });
  }

  static bool Write(httplib::DataSink& sink, const std::string& text) {
    return sink.is_writable() && sink.write(text.data(), text.size());
  }

  const HttpServerOptions options_;
  const std::filesystem::path database_;
  const bool loopback_;
  int port_ = 0;
  // Streams use the hub, so the server with its threads goes first.
  std::unique_ptr<SseHub> hub_;
  httplib::Server server_;
  std::jthread thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const HttpServerOptions& options, const std::filesystem::path& database) {
  if (options.port < 0 || options.port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("HTTP port: found ", options.port, "; allowed: 0 to 65535"));
  }
  if (options.max_listeners < 1 || options.max_listeners > 1000) {
    return absl::InvalidArgumentError(
        absl::StrCat("HTTP listeners: found ", options.max_listeners, "; allowed: 1 to 1000"));
  }
  if (options.address.empty()) {
    return absl::InvalidArgumentError("HTTP address: found nothing; allowed: an IP address");
  }
  auto impl = std::make_unique<Impl>(options, database);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }

}  // namespace reluscape

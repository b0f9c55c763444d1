// reluscape-server: the coordinator with its HTTP gateway. Flags, wiring, signals.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/clock.h"
#include "base/exit_codes.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/ports.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "server/coordinator.h"
#include "server/rpc/rpc_server.h"
#include "storage/artifacts/artifact_folder.h"
#include "storage/store.h"
#include "web/http_server.h"

namespace reluscape {
namespace {

struct Options {
  std::string data_dir = "reluscape-data";
  std::string artifact_dir;
  std::string grpc_address = "127.0.0.1";
  int grpc_port = kGrpcPort;
  std::string http_address = "127.0.0.1";
  int http_port = kHttpPort;
  int64_t lease_seconds = 30;
  int64_t sync_interval_ms = 1000;
  int64_t sweep_age_seconds =
      std::chrono::floor<std::chrono::seconds>(CoordinatorOptions().sweep_age).count();
  std::string log_level = "info";
};

void AddOptions(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  app.add_option("--data-dir", options.data_dir,
                 "folder of the database (reluscape.db) and of server.json; is created");
  app.add_option("--artifact-dir", options.artifact_dir,
                 "folder of weights and masks, which every worker must see too (default: artifacts "
                 "inside data-dir)");
  app.add_option("--grpc-address", options.grpc_address,
                 "where to listen for clients and workers; 0.0.0.0 for every network interface "
                 "(there is no access control: trusted networks only)");
  app.add_option("--grpc-port", options.grpc_port, "its port; 0 picks a free one")
      ->check(CLI::Range(0, 65535));
  app.add_option("--http-address", options.http_address, "where to listen for browsers");
  app.add_option("--http-port", options.http_port, "its port; 0 picks a free one")
      ->check(CLI::Range(0, 65535));
  app.add_option("--lease-seconds", options.lease_seconds,
                 "a worker not heard of for this long loses its tasks")
      ->check(CLI::Range(1, 86400));
  app.add_option("--sync-interval-ms", options.sync_interval_ms,
                 "workers call at least this often, in milliseconds; well below the lease")
      ->check(CLI::Range(10, 3600000));
  app.add_option("--sweep-age-seconds", options.sweep_age_seconds,
                 "files of the artifact folder that no row names are removed when they are this "
                 "old; 0 = never")
      ->check(CLI::Range(0, 315360000));
  app.add_option("--log-level", options.log_level, "debug, info, warning or error");
}

// Does `work` every `interval` until it is destroyed.
class Ticker {
 public:
  // `name`: of the work, for the log.
  Ticker(std::string name, Milliseconds interval, std::function<absl::Status()> work)
      : name_(std::move(name)),
        interval_(interval),
        work_(std::move(work)),
        thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

 private:
  void Loop(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { changed_.NotifyAll(); });
    while (!stop.stop_requested()) {
      if (const absl::Status status = work_(); !status.ok()) {
        LogError(name_, " failed, trying again: ", std::string(status.message()));
      }
      MutexLock lock(mutex_);
      if (!stop.stop_requested()) changed_.WaitFor(mutex_, interval_);
    }
  }

  const std::string name_;
  const Milliseconds interval_;
  const std::function<absl::Status()> work_;
  Mutex mutex_;
  CondVar changed_;
  std::jthread thread_;
};

absl::Status Serve(const Options& options, const std::stop_token& stop) {
  const std::filesystem::path folder = options.data_dir;
  const std::filesystem::path artifact_folder = options.artifact_dir.empty()
                                                    ? folder / "artifacts"
                                                    : std::filesystem::path(options.artifact_dir);
  const std::filesystem::path database = folder / "reluscape.db";
  const std::filesystem::path ports_file = folder / "server.json";
  if (options.sync_interval_ms * 2 > options.lease_seconds * 1000) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sync-interval-ms: found ", options.sync_interval_ms,
                     "; allowed: at most half of the lease, ", options.lease_seconds * 500));
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("--data-dir: cannot create ", folder.string(), ": ", error.message()));
  }

  const SystemClock clock;
  const ArtifactFolder artifacts(artifact_folder);
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, Store::Open(database));
  std::filesystem::remove(ports_file, error);  // of a coordinator that was killed
  CoordinatorOptions coordinator_options;
  coordinator_options.lease_time = std::chrono::seconds(options.lease_seconds);
  coordinator_options.sync_interval = Milliseconds(options.sync_interval_ms);
  coordinator_options.sweep_age = std::chrono::seconds(options.sweep_age_seconds);
  ASSIGN_OR_RETURN(const std::unique_ptr<Coordinator> coordinator,
                   Coordinator::Start(coordinator_options, *store, artifacts, clock));

  HttpServerOptions http_options;
  http_options.address = options.http_address;
  http_options.port = options.http_port;
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> http,
                   HttpServer::Start(http_options, database));
  RpcServerOptions rpc_options;
  rpc_options.address = options.grpc_address;
  rpc_options.port = options.grpc_port;
  ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> rpc,
                   RpcServer::Start(rpc_options, *coordinator, database, artifacts));
  const Ticker ticker("looking after the leases", coordinator->tick_interval(),
                      [&] { return coordinator->Tick(); });
  const Ticker explorer("choosing networks", coordinator->explore_interval(),
                        [&] { return coordinator->Explore(); });

  // Whoever started this process finds the ports here; the pid tells it from an older file.
  RETURN_IF_ERROR(WriteFileAtomically(
      ports_file, absl::StrCat("{\"grpc_port\": ", rpc->port(), ", \"http_port\": ", http->port(),
                               ", \"pid\": ", ::getpid(), "}\n")));
  std::cout << "reluscape-server: gRPC at " << options.grpc_address << ":" << rpc->port()
            << ", dashboard at http://" << options.http_address << ":" << http->port() << "/"
            << std::endl;
  LogInfo("coordinator ", kVersion, " (", BuildCommit(), ") serves ", database.string());

  while (!stop.stop_requested()) std::this_thread::sleep_for(Milliseconds(50));
  LogInfo("stopping");
  rpc->Shutdown(Milliseconds(2'000));
  std::filesystem::remove(ports_file, error);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const SignalWatch signals;
  Options options;
  CLI::App app(
      "The coordinator of Reluscape: takes jobs, hands tasks to workers, shows the "
      "dashboard.",
      "reluscape-server");
  AddConfigOption(app);
  AddOptions(app, options);
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  absl::Status status = StartLog("server", options.log_level);
  if (status.ok()) status = Serve(options, signals.token());
  if (!status.ok()) std::cerr << "reluscape-server: " << status.message() << "\n";
  return static_cast<int>(ServiceExitCodeOf(status));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }

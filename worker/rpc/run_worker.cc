#include "worker/rpc/run_worker.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "base/exit_codes.h"
#include "base/log.h"
#include "base/rpc/channel.h"
#include "base/status_macros.h"
#include "worker/agent.h"
#include "worker/agent_setup.h"
#include "worker/rpc/grpc_link.h"
#include "worker/worker_id.h"

namespace reluscape {
namespace {

absl::StatusOr<std::string> WaitForMarker(const RunWorkerOptions& options,
                                          const ArtifactFolder& artifacts,
                                          const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + options.marker_patience;
  bool told = false;
  while (true) {
    absl::StatusOr<std::string> id = artifacts.ReadId();
    if (id.ok()) return id;
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (std::chrono::steady_clock::now() >= deadline) {
      // A file system may be mounted late: a restart can cure it.
      return absl::UnavailableError(std::string(id.status().message()));
    }
    if (!told) LogInfo("waiting for the coordinator's artifact folder");
    told = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

absl::Status RunWorker(const RunWorkerOptions& options, const ArtifactFolder& artifacts,
                       Trainer& trainer, const std::stop_token& stop) {
  const absl::StatusOr<std::string> folder_id = WaitForMarker(options, artifacts, stop);
  if (!folder_id.ok()) return stop.stop_requested() ? absl::OkStatus() : folder_id.status();
  AgentOptions agent_options = AgentOptionsFor(trainer, artifacts, *folder_id);
  v1::WorkerInfo& info = agent_options.worker;
  ASSIGN_OR_RETURN(const WorkerId id,
                   WorkerId::Claim(options.id, info.host(), info.device(), *folder_id));
  info.set_id(id.text());
  if (options.check_storage) agent_options.check_storage = options.check_storage;

  LogInfo("worker ", info.id(), " on ", info.device(), " works for ", options.server, " (build ",
          info.build_commit(), ", protocol ", info.protocol(), ", behaviour ", info.behaviour(),
          ")");
  std::unique_ptr<CoordinatorLink> link = MakeGrpcLink(MakeChannel(options.server));
  if (options.wrap_link) link = options.wrap_link(std::move(link));
  Agent agent(agent_options, *link, trainer);
  const absl::Status status = agent.Run(stop);
  if (!agent.TrainerReturned()) {
    LogError("the trainer did not stop in time; ending without it");
    if (!status.ok()) LogError(std::string(status.message()));
    std::_Exit(static_cast<int>(ServiceExitCodeOf(status)));
  }
  return status;
}

}  // namespace reluscape

#include "worker/agent_setup.h"

#include <unistd.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/machine.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

// Whether the artifact folder is still the coordinator's and takes a file of `bytes`, if any.
absl::Status CheckStorage(const ArtifactFolder& artifacts, const std::string& id, int64_t bytes) {
  ASSIGN_OR_RETURN(const std::string found, artifacts.ReadId());
  if (found != id) {
    return absl::FailedPreconditionError(
        absl::StrCat("the artifact folder is now another one: its marker says ", found,
                     ", at the start it said ", id));
  }
  return bytes > 0 ? artifacts.Probe(bytes) : absl::OkStatus();
}

// Tells this process from every earlier one with its id.
std::string NewIncarnation() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8),
                      "-", ::getpid());
}

}  // namespace

AgentOptions AgentOptionsFor(const Trainer& trainer, const ArtifactFolder& artifacts,
                             const std::string& folder_id) {
  AgentOptions options;
  v1::WorkerInfo& info = options.worker;
  info.set_host(HostName());
  info.set_pid(::getpid());
  info.set_incarnation(NewIncarnation());
  info.set_build_commit(BuildCommit());
  info.set_protocol(kProtocolNumber);
  info.set_behaviour(kBehaviourNumber);
  trainer.Describe(info);
  options.artifact_folder_id = folder_id;
  options.check_storage = [&artifacts, folder_id](int64_t bytes) {
    return CheckStorage(artifacts, folder_id, bytes);
  };
  return options;
}

}  // namespace reluscape

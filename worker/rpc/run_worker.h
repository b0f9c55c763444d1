#pragma once

// What every worker program does once it has a Trainer.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/ports.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/coordinator_link.h"
#include "worker/trainer.h"

namespace reluscape {

struct RunWorkerOptions {
  std::string server = LocalServer();  // HOST:PORT of the coordinator
  std::string id;                      // empty = made of host and device, see worker_id.h
  // How long to wait for the artifact folder's marker, which the coordinator writes when it starts.
  Milliseconds marker_patience{15'000};
  // For tests of faults: something wrong between this Worker and the coordinator, or its artifacts.
  std::function<std::unique_ptr<CoordinatorLink>(std::unique_ptr<CoordinatorLink>)> wrap_link;
  std::function<absl::Status(int64_t bytes)> check_storage;  // null: looks at `artifacts`
};

// Waits for the marker of `artifacts`, takes the id, and works for the coordinator until `stop` is
// requested (OK) or this Worker can be of no use any more: the errors of Agent::Run, and
// FAILED_PRECONDITION where there is no marker. Where the Trainer breaks its promise to return
// within 2 s, the whole process ends here.
absl::Status RunWorker(const RunWorkerOptions& options, const ArtifactFolder& artifacts,
                       Trainer& trainer, const std::stop_token& stop);

}  // namespace reluscape

#pragma once

// What every worker program does once it has a Trainer.

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "worker/trainer.h"

namespace reluscape {

struct RunWorkerOptions {
  std::string server = "127.0.0.1:50551";  // HOST:PORT of the coordinator
  std::string id;                          // empty = made of host and device, see worker_id.h
  // How long to wait for the artifact folder's marker, which the coordinator writes when it starts.
  Milliseconds marker_patience{15'000};
};

// Waits for the marker of `artifacts`, takes the id, and works for the coordinator until `stop` is
// requested (OK) or the coordinator refuses this Worker for good. FAILED_PRECONDITION: the artifact
// folder is not that of the coordinator. Where the Trainer breaks its promise to return within 2 s,
// the whole process ends here.
absl::Status RunWorker(const RunWorkerOptions& options, const ArtifactFolder& artifacts,
                       Trainer& trainer, const std::stop_token& stop);

}  // namespace reluscape

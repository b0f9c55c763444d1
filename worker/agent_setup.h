#pragma once

// What a process says of itself as a Worker, whatever links it to the coordinator.

#include <string>

#include "storage/artifacts/artifact_folder.h"
#include "worker/agent.h"
#include "worker/trainer.h"

namespace reluscape {

// All but the Worker's id; with an incarnation that no earlier process had. `folder_id` is what the
// marker of `artifacts` holds at present; the artifact folder counts as usable while it still does
// and takes files. `artifacts` must outlive the options.
AgentOptions AgentOptionsFor(const Trainer& trainer, const ArtifactFolder& artifacts,
                             const std::string& folder_id);

}  // namespace reluscape

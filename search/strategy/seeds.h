#pragma once

// The seeds of a Job's Tasks: one derivation for the coordinator and for programs that work without
// one, so that a Job comes to the same Results in both. Thread-safe.

#include <cstdint>
#include <string>

#include "search/vocabulary/stage.h"

namespace reluscape {

// Of one Task. Depends on the network (its NetworkHash) and the replicate, not on the position in
// the Job: adding a network to a Job changes no other's seed. All Budgets share the fine-tune's
// seed: what differs between them is the Budget. At most 2^53 - 1, see DeriveSeed.
uint64_t TaskSeed(uint64_t job_seed, Stage stage, const std::string& network_hash,
                  int64_t replicate);

// Of the choice of validation images; the same for all Tasks of a Job.
uint64_t SplitSeed(uint64_t job_seed);

}  // namespace reluscape

#pragma once

// How many CPU threads the Tasks of a Job compute with, and where a Task has cores to run on.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// A network's multiply-accumulates per image for each thread of a Task. Where a second Task could
// use the core, a second thread pays less the smaller the network is: with batches of 128, two
// descents of one thread took 2.0 times as many steps together as one of two threads at resnet18@4
// (2.3 million MACs), and 1.4 times as many at resnet18@16 (35 million; AMD EPYC of family 25 model
// 17, 2 cores, LibTorch 2.13.0, 2026-11-30). Between the two lies this: an assumption.
inline constexpr int64_t kMacsPerThread = 10'000'000;

// As job.proto allows.
inline constexpr int64_t kMostThreads = 1024;

// The most threads with which as many of `tasks` Tasks run beside each other as with one thread
// each, so that none waits for another's cores; not more than a network of `macs` can use. At least
// 1, which is also the answer where there are no cores (Workers on GPUs).
int64_t ChooseThreads(const std::vector<SharedCores>& cores, int64_t tasks, int64_t macs);

// Of a Job whose submitter left them open and that has none yet: chosen by the Workers that are
// connected and the number and size of its Candidates, stored with it and told as an event.
absl::StatusOr<int64_t> SetThreads(JobId job, Transaction& transaction, TaskBook& book);

// Whether a Task of so many threads may begin on a Worker of `cores` cores (0: on another device)
// beside others' Tasks that have `beside` threads. One that needs more than there are runs alone.
bool HaveRoom(int64_t cores, int64_t threads, int64_t beside);

}  // namespace reluscape

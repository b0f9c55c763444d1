#pragma once

// Which Tasks a Candidate has and what each waits for:
//
//   pretrain --> linearize --(Snapshot of a Budget)--> fine-tune of that Budget, one per Budget
//
// A Candidate that is not linearized has a pretrain alone. The pretrain of one with a teacher waits
// for that of the teacher, another Candidate of the Job.
//
// A fine-tune becomes QUEUED with its Snapshot, even while the descent goes on; a descent that
// fails takes with it only the fine-tunes whose Snapshot it has not left.

#include <cstdint>
#include <set>
#include <vector>

#include "storage/store.h"

namespace reluscape {

// The Tasks of a new Candidate (whose id is set), in the order above, largest Budget first: the
// pretrain QUEUED unless it waits for a teacher, the others BLOCKED, each with its seed.
std::vector<TaskRow> PlanTasks(const CandidateRow& candidate, uint64_t job_seed);

// What the Tasks of one Candidate wait for, as it stands.
struct Inputs {
  bool teacher = true;        // the pretrain of its teacher has succeeded, or there is no teacher
  bool pretrained = false;    // its own has
  std::set<int64_t> budgets;  // that have a Snapshot
};

// Whether everything that `task` needs is there.
bool IsReady(const TaskRow& task, const Inputs& inputs);

// Whether `task` is one that the failure of `failed` makes impossible: what comes after a pretrain,
// or a fine-tune whose Snapshot the linearize has not left. No Task waits for a fine-tune.
bool IsBarredBy(const TaskRow& task, const TaskRow& failed);

}  // namespace reluscape

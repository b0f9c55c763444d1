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
#include <string>
#include <vector>

#include "storage/store.h"

namespace reluscape {

// The Tasks of a new Candidate (whose id is set), in the order above, largest Budget first: the
// pretrain QUEUED unless it waits for a teacher, the others BLOCKED, each with its seed.
std::vector<TaskRow> PlanTasks(const CandidateRow& candidate, uint64_t job_seed);

// Whether `task` is the one that the success of `ended` sets free.
bool IsFreedBy(const TaskRow& task, const TaskRow& ended);

// Whether `task` is one that the failure of `failed` makes impossible: what comes after a pretrain,
// or a fine-tune whose Snapshot the linearize has not left. No Task waits for a fine-tune.
bool IsBarredBy(const TaskRow& task, const TaskRow& failed);

// Whether `task`, of a Candidate with a teacher, is the one that the success of the teacher's
// `ended` sets free, or its failure makes impossible.
bool IsFreedByTeacher(const TaskRow& task, const TaskRow& ended);

// Whether `task` is the one that the Snapshot for `budget` sets free.
bool IsFreedBySnapshot(const TaskRow& task, int64_t budget);

}  // namespace reluscape

#pragma once

// The documents of views.proto as text for a terminal. Pure functions.

#include <string>
#include <vector>

#include "reluscape/v1/job_service.pb.h"
#include "reluscape/v1/views.pb.h"

namespace reluscape {

std::string JobsText(const v1::JobList& list);
// The Job, what it waits for, its Candidates and their Tasks.
std::string JobText(const v1::JobDetail& detail);
// A table, and below it a line per thing that is wrong with a Worker.
std::string WorkersText(const v1::WorkerList& list);
// What a Job would become.
std::string PreviewText(const v1::Preview& preview);

// The obstacles of a Job that its message does not tell already.
std::vector<std::string> ObstaclesBeside(const v1::Job& job);

// Which weights of it are there: "the weights of its front", "no weights".
std::string KeptText(const v1::Job& job);

// "3 of 9 tasks done, 2 running"
std::string TaskSummary(const v1::Job& job);

// "fine-tune to 4,096", "pretrain".
std::string TaskName(const v1::Task& task);

}  // namespace reluscape

#pragma once

// Which Job of a data folder a job file means.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "search/vocabulary/job.h"
#include "worker/train/data_folder.h"

namespace reluscape {

struct JobFile {
  Checked<v1::JobSpec> spec;
  std::vector<std::string> files;  // the content of its pretrained files
};

// NOT_FOUND where there is none; INVALID_ARGUMENT with one line per wrong field; the errors of
// ReadPretrainedFiles (search/export/pretrained_job.h).
absl::StatusOr<JobFile> ReadJobFile(const std::filesystem::path& path);

// What a coordinator without Jobs would say of it: INVALID_ARGUMENT with one line per wrong field.
// A job that takes its order from another one is left to the folder that has that one.
absl::Status CheckJob(const JobFile& job);

// The newest Job of `folder` that is not CANCELLED and has this very spec; else the newest one that
// has it but for Budgets which `job` has more, and which it gets; else a new one. What is done, and
// with which Job, goes to the log. Its pretrained files are stored. The errors of
// Coordinator::Submit and Coordinator::AddBudgets.
absl::StatusOr<JobId> ChooseJob(const JobFile& job, DataFolder& folder);

// Tasks of `job` that have failed run again, and what was cancelled over them, but for those that
// would come to the same: DIVERGED and INFEASIBLE ones.
absl::Status RetryFailures(JobId job, DataFolder& folder);

}  // namespace reluscape

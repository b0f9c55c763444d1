#pragma once

// How far a Job is: lines for a log and bars for a terminal, made from the documents that GetJob
// answers. No clock and no I/O. Not thread-safe.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reluscape/v1/views.pb.h"

namespace reluscape {

// 0 to 1. Of linearize: how far the ReLU count has come down to the smallest Budget, as its epochs
// are not known before.
double TaskFraction(const v1::Candidate& candidate, const v1::Task& task);

// Seconds of device time that are left, from the time that the fraction done has taken; negative
// where nothing is known yet.
double TaskSecondsLeft(const v1::Candidate& candidate, const v1::Task& task);

struct TimeLeft {
  double seconds = 0;
  bool complete = true;  // false: a Stage that no Task has begun yet is missing
};

// Of all Tasks that have not ended, divided by the number that run at once. A Task that has not
// begun is taken to cost what its Stage cost so far per MAC.
TimeLeft JobTimeLeft(const v1::JobDetail& detail);

class ProgressLines {
 public:
  // With `epochs` a line whenever a running Task has come another tenth of its way; without only
  // one when a Task starts or ends.
  explicit ProgressLines(bool epochs) : epochs_(epochs) {}

  // What is new since the last call; the first call also tells what has already ended. While the
  // Job waits, its message and, once each, what keeps Workers from its Tasks.
  std::vector<std::string> Update(const v1::JobDetail& detail);

 private:
  struct Seen {
    std::string state;
    int64_t attempt = 0;
    int64_t tenths = 0;
  };

  bool epochs_;
  std::string job_state_;
  std::string job_message_;
  std::string search_message_;
  std::set<std::string> obstacles_;  // that were told and are still there
  std::map<int64_t, Seen> tasks_;
};

// A summary and one bar per running Task, at most `lines` lines of at most `width` columns.
std::vector<std::string> ProgressBlock(const v1::JobDetail& detail, int64_t width, int64_t lines);

}  // namespace reluscape

#include "client/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/format.h"
#include "client/listings.h"

namespace reluscape {
namespace {

bool Ended(const std::string& state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED";
}

std::string Who(const v1::Candidate& candidate, const v1::Task& task) {
  return absl::StrCat(
      Printable(candidate.name()),
      candidate.replicate() > 0 ? absl::StrCat(" (replicate ", candidate.replicate(), ")") : "",
      ": ", TaskName(task));
}

// "epoch 7 of 15, validation 71.2 %"
std::string EpochText(const v1::Task& task) {
  std::string text = absl::StrCat("epoch ", task.epochs_done());
  if (task.stage() != "linearize" && task.epochs_planned() > 0) {
    absl::StrAppend(&text, " of ", task.epochs_planned());
  }
  if (task.has_last_epoch()) {
    absl::StrAppend(&text, ", validation ", Percent(task.last_epoch().validation_accuracy()), " %");
    if (task.stage() == "linearize") {
      absl::StrAppend(&text, ", ", WithSeparators(task.last_epoch().relus()), " ReLUs");
    }
  }
  return text;
}

std::string LeftText(double seconds) {
  return seconds <= 0 ? "" : absl::StrCat(", ", Duration(seconds), " left");
}

std::string Bar(double fraction, int64_t width) {
  const int64_t full =
      std::clamp<int64_t>(std::llround(fraction * static_cast<double>(width)), 0, width);
  return absl::StrCat("[", std::string(static_cast<size_t>(full), '#'),
                      std::string(static_cast<size_t>(width - full), '.'), "]");
}

}  // namespace

double TaskFraction(const v1::Candidate& candidate, const v1::Task& task) {
  if (task.state() == "SUCCEEDED") return 1;
  double fraction = 0;
  if (task.stage() == "linearize") {
    if (task.has_last_epoch() && !candidate.budgets().empty()) {
      const int64_t end = *std::min_element(candidate.budgets().begin(), candidate.budgets().end());
      const int64_t way = candidate.relus() - end;
      fraction = way <= 0 ? 0
                          : static_cast<double>(candidate.relus() - task.last_epoch().relus()) /
                                static_cast<double>(way);
    }
  } else if (task.epochs_planned() > 0) {
    fraction = static_cast<double>(task.epochs_done()) / static_cast<double>(task.epochs_planned());
  }
  return std::clamp(fraction, 0.0, 1.0);
}

double TaskSecondsLeft(const v1::Candidate& candidate, const v1::Task& task) {
  const double fraction = TaskFraction(candidate, task);
  if (fraction >= 1) return 0;
  double left = -1;
  if (fraction > 0 && task.device_seconds() > 0) {
    // device_seconds is stored with each epoch, so it belongs to the fraction.
    left = task.device_seconds() * (1 - fraction) / fraction;
  }
  if (task.has_last_epoch() && task.epochs_planned() > 0 &&
      (left >= 0 || task.stage() != "linearize")) {
    const double planned = task.last_epoch().seconds() *
                           static_cast<double>(task.epochs_planned() - task.epochs_done());
    left = left < 0 ? planned : std::min(left, std::max(planned, 0.0));
  }
  return left;
}

TimeLeft JobTimeLeft(const v1::JobDetail& detail) {
  struct Cost {
    double seconds = 0;
    double macs = 0;
  };
  std::map<std::string, Cost> by_stage;
  double running = 0;
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) {
      running += task.state() == "LEASED" ? 1 : 0;
      const double fraction = TaskFraction(candidate, task);
      if (fraction > 0 && task.device_seconds() > 0) {
        Cost& cost = by_stage[task.stage()];
        cost.seconds += task.device_seconds() / fraction;
        cost.macs += static_cast<double>(candidate.macs());
      }
    }
  }
  TimeLeft left;
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) {
      if (Ended(task.state())) continue;
      const double own = TaskSecondsLeft(candidate, task);
      const auto stage = by_stage.find(task.stage());
      if (own >= 0) {
        left.seconds += own;
      } else if (stage != by_stage.end() && stage->second.macs > 0) {
        left.seconds +=
            stage->second.seconds / stage->second.macs * static_cast<double>(candidate.macs());
      } else {
        left.complete = false;
      }
    }
  }
  left.seconds /= std::max(running, 1.0);
  return left;
}

std::vector<std::string> ProgressLines::Update(const v1::JobDetail& detail) {
  std::vector<std::string> lines;
  const v1::Job& job = detail.job();
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) {
      Seen& seen = tasks_[task.task()];
      const int64_t tenths = static_cast<int64_t>(10 * TaskFraction(candidate, task));
      const std::string who = Who(candidate, task);
      if (seen.state != task.state() || seen.attempt != task.attempt()) {
        if (task.state() == "LEASED") {
          lines.push_back(
              absl::StrCat(who,
                           task.attempt() > 1 ? absl::StrCat(" resumes as attempt ", task.attempt())
                                              : " started",
                           " on ", Printable(task.worker()),
                           task.epochs_done() > 0 ? absl::StrCat(" (", EpochText(task), ")") : ""));
        } else if (task.state() == "QUEUED" && seen.state == "LEASED") {
          lines.push_back(absl::StrCat(who, " is back in the queue",
                                       task.message().empty() ? "" : ": ",
                                       Printable(task.message())));
        } else if (task.state() == "SUCCEEDED") {
          lines.push_back(absl::StrCat(who, " done, ", EpochText(task), ", took ",
                                       Duration(task.device_seconds())));
        } else if (task.state() == "FAILED") {
          lines.push_back(absl::StrCat(who, " FAILED: ", Printable(task.message())));
        }
      } else if (epochs_ && task.state() == "LEASED" && tenths > seen.tenths) {
        lines.push_back(
            absl::StrCat(who, " ", EpochText(task), LeftText(TaskSecondsLeft(candidate, task))));
      }
      seen = {task.state(), task.attempt(), tenths};
    }
  }
  if (job.search_message() != search_message_ && !job.search_message().empty()) {
    lines.push_back(absl::StrCat("search: ", Printable(job.search_message())));
  }
  search_message_ = job.search_message();
  if (job.message() != job_message_ && !job.message().empty() && job.state() == "RUNNING") {
    lines.push_back(Printable(job.message()));
  }
  job_message_ = job.message();
  const std::vector<std::string> beside = ObstaclesBeside(job);
  std::set<std::string> present(beside.begin(), beside.end());
  // Between two Tasks nothing runs for a moment; only a Job that says so waits.
  if (job.state() == "RUNNING" && !job.message().empty()) {
    for (const std::string& obstacle : present) {
      if (obstacles_.insert(obstacle).second) {
        lines.push_back(absl::StrCat("  ", Printable(obstacle)));
      }
    }
  }
  std::erase_if(obstacles_, [&](const std::string& told) { return !present.contains(told); });
  if (job.state() != job_state_) {
    std::string line = absl::StrCat("job ", job.job(), " \"", Printable(job.name()), "\" ",
                                    job.state(), ": ", TaskSummary(job));
    if (job.has_finished_at_ms()) {
      absl::StrAppend(
          &line, ", ", job.results(), job.results() == 1 ? " result" : " results", ", took ",
          Duration(static_cast<double>(job.finished_at_ms() - job.created_at_ms()) / 1000));
    }
    lines.insert(job_state_.empty() && !job.has_finished_at_ms() ? lines.begin() : lines.end(),
                 line);
  }
  job_state_ = job.state();
  return lines;
}

std::vector<std::string> ProgressBlock(const v1::JobDetail& detail, int64_t width, int64_t lines) {
  const TimeLeft left = JobTimeLeft(detail);
  std::string summary = absl::StrCat(TaskSummary(detail.job()), ", ", detail.job().results(),
                                     detail.job().results() == 1 ? " result" : " results");
  if (detail.job().has_hypervolume()) {
    absl::StrAppend(&summary, ", hypervolume ", HypervolumeText(detail.job().hypervolume()));
  }
  if (left.seconds > 0) {
    absl::StrAppend(&summary, left.complete ? ", about " : ", more than ", Duration(left.seconds),
                    " left");
  }
  std::vector<std::string> block = {Shortened(summary, width)};
  std::vector<std::pair<std::string, std::string>> running;  // bar's label, text behind the bar
  int64_t label_width = 0;
  std::vector<double> fractions;
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) {
      if (task.state() != "LEASED") continue;
      running.emplace_back(
          Who(candidate, task),
          absl::StrCat(EpochText(task), LeftText(TaskSecondsLeft(candidate, task))));
      fractions.push_back(TaskFraction(candidate, task));
      label_width = std::max(label_width, DisplayWidth(running.back().first));
    }
  }
  for (size_t i = 0; i < running.size(); ++i) {
    if (static_cast<int64_t>(block.size()) + 1 >= lines && i + 1 < running.size()) {
      block.push_back(absl::StrCat("... and ", running.size() - i, " more"));
      break;
    }
    const auto& [label, text] = running[i];
    const std::string blanks(static_cast<size_t>(label_width - DisplayWidth(label)), ' ');
    block.push_back(Shortened(
        absl::StrCat(label, blanks, " ", Bar(fractions[i], /*width=*/20), " ", text), width));
  }
  return block;
}

}  // namespace reluscape

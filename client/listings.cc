#include "client/listings.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/data_copies.h"
#include "client/format.h"
#include "client/text_table.h"

namespace reluscape {
namespace {

int64_t TasksIn(const v1::Job& job, const std::string& state) {
  const auto found = job.tasks().find(state);
  return found == job.tasks().end() ? 0 : found->second;
}

std::string BudgetList(const google::protobuf::RepeatedField<int64_t>& budgets) {
  std::vector<std::string> texts;
  for (const int64_t budget : budgets) texts.push_back(WithSeparators(budget));
  return absl::StrJoin(texts, " ");
}

// How much accuracy the ReLUs of each section are worth, most critical first.
std::string CriticalityText(const v1::Criticality& network) {
  std::vector<const v1::SectionCriticality*> sections;
  for (const v1::SectionCriticality& section : network.sections()) sections.push_back(&section);
  std::sort(sections.begin(), sections.end(),
            [](const auto* a, const auto* b) { return a->rank() < b->rank(); });
  TextTable table({{"rank", true},
                   {"section", true},
                   {"ReLUs", true},
                   {"validation %", true},
                   {"lowest %", true},
                   {"highest %", true},
                   {"replicates", true},
                   {"score", true}});
  for (const v1::SectionCriticality* section : sections) {
    table.AddRow({absl::StrCat(section->rank()), absl::StrCat(section->section()),
                  WithSeparators(section->relus()), Percent(section->accuracy(), 2),
                  Percent(section->accuracy_lowest(), 2), Percent(section->accuracy_highest(), 2),
                  absl::StrCat(section->replicates()), absl::StrFormat("%.4f", section->score())});
  }
  return absl::StrCat("criticality of ", Printable(network.name()), ": order ",
                      absl::StrJoin(network.order(), ","), " (exponent ",
                      ExactNumber(network.exponent()), ", baseline ", network.baseline(), ")\n",
                      table.ToString());
}

// What the search of a Job did last, and what its Front dominates.
std::string SearchText(const v1::Job& job) {
  std::string text;
  if (job.has_strategy()) {
    absl::StrAppend(&text, "search by ", job.strategy(), ": ",
                    job.search_message().empty() ? "no network was chosen yet"
                                                 : Printable(job.search_message()),
                    "\n");
  }
  if (job.has_hypervolume()) {
    absl::StrAppend(&text, "hypervolume of the front: ", HypervolumeText(job.hypervolume()), "\n");
  }
  return text;
}

// Why the search chose each network.
std::string ChoicesText(const v1::JobDetail& detail) {
  if (!detail.job().has_strategy()) return "";
  std::map<int64_t, double> gains;  // of all Results of a Candidate
  for (const v1::HypervolumePoint& point : detail.hypervolumes()) {
    gains[point.candidate()] += point.gain();
  }
  TextTable table(
      {{"candidate", true}, {"network"}, {"results known", true}, {"why"}, {"came to", true}});
  for (const v1::Candidate& candidate : detail.candidates()) {
    const auto gain = gains.find(candidate.candidate());
    table.AddRow(
        {absl::StrCat(candidate.candidate()), candidate.name(),
         candidate.has_results_seen() ? absl::StrCat("to ", candidate.results_seen()) : "-",
         candidate.reason().empty() ? candidate.origin() : candidate.reason(),
         gain == gains.end() ? "-" : absl::StrCat("+", HypervolumeText(gain->second))});
  }
  return absl::StrCat("\n", table.ToString());
}

std::string SpaceLines(const v1::Preview::Space& space) {
  std::string text = absl::StrCat(
      "space of ", WithSeparators(space.networks()), " networks",
      space.listed()
          ? ""
          : absl::StrCat(" among ", WithSeparators(space.looked_at()), " drawn combinations"),
      "; ", space.strategy(), " chooses, ", WithSeparators(space.seeds()),
      " of them are of DeepReShape's rule\n");
  for (const auto& [reason, count] :
       std::map<std::string, int64_t>(space.left_out().begin(), space.left_out().end())) {
    absl::StrAppend(&text, "left out: ", WithSeparators(count), " (", reason, ")\n");
  }
  return text;
}

std::string Epochs(const v1::Task& task) {
  if (task.epochs_planned() == 0) {
    return task.epochs_done() == 0 ? "-" : absl::StrCat(task.epochs_done());
  }
  // The plan of linearize is only a cap: the descent ends when the smallest Budget is met.
  return absl::StrCat(task.epochs_done(), task.stage() == "linearize" ? " (cap " : " / ",
                      task.epochs_planned(), task.stage() == "linearize" ? ")" : "");
}

std::string WorkerState(const v1::Worker& worker) {
  if (!worker.connected()) return "not connected";
  if (worker.quarantined()) return "quarantined";
  return worker.problem().empty() ? "connected" : "takes no task";
}

// A line per thing that is wrong. What a Worker could not open is told only while it is connected:
// it looks again when it comes back.
std::string WorkerProblems(const v1::Worker& worker) {
  const std::string name = absl::StrCat("worker ", Printable(worker.worker()));
  std::string text;
  if (worker.quarantined()) {
    // The coordinator's own words, which say how it ends.
    absl::StrAppend(&text, name, ": ", Printable(worker.problem()), "\n");
  } else if (!worker.problem().empty()) {
    absl::StrAppend(&text, name, " takes no task: ", Printable(worker.problem()), "\n");
  }
  if (!worker.connected()) return text;
  std::set<std::string> told;  // the same problem of several splits is told once
  for (const v1::WorkerData& data : worker.data()) {
    if (data.problem().empty()) continue;
    const std::string line = absl::StrCat(name, " cannot use data set ", Printable(data.data_set()),
                                          ": ", Printable(data.problem()), "\n");
    if (told.insert(line).second) absl::StrAppend(&text, line);
  }
  return text;
}

}  // namespace

std::vector<std::string> ObstaclesBeside(const v1::Job& job) {
  std::vector<std::string> obstacles;
  for (const std::string& obstacle : job.obstacles()) {
    if (!absl::StrContains(job.message(), obstacle)) obstacles.push_back(obstacle);
  }
  return obstacles;
}

std::string KeptText(const v1::Job& job) {
  if (job.keeps() == "results") return "the weights of its results";
  if (job.keeps() == "front") return "the weights of its front";
  return job.keeps() == "nothing" ? "no weights" : "all weights";
}

std::string TaskSummary(const v1::Job& job) {
  int64_t all = 0;
  for (const auto& [state, number] : job.tasks()) all += number;
  std::string text = absl::StrCat(TasksIn(job, "SUCCEEDED"), " of ", all, " tasks done");
  if (const int64_t running = TasksIn(job, "LEASED"); running > 0) {
    absl::StrAppend(&text, ", ", running, " running");
  }
  if (const int64_t failed = TasksIn(job, "FAILED"); failed > 0) {
    absl::StrAppend(&text, ", ", failed, " failed");
  }
  if (const int64_t cancelled = TasksIn(job, "CANCELLED"); cancelled > 0) {
    absl::StrAppend(&text, ", ", cancelled, " cancelled");
  }
  return text;
}

std::string TaskName(const v1::Task& task) {
  return task.has_budget() ? absl::StrCat(task.stage(), " to ", WithSeparators(task.budget()))
                           : task.stage();
}

std::string JobsText(const v1::JobList& list) {
  if (list.jobs().empty()) {
    return "no job yet: `reluscape example-job > job.json`, then `reluscape submit job.json`\n";
  }
  TextTable table({{"job", true},
                   {"name"},
                   {"state"},
                   {"data set"},
                   {"candidates", true},
                   {"tasks done", true},
                   {"results", true},
                   {"created"},
                   {"took", true}});
  for (const v1::Job& job : list.jobs()) {
    int64_t all = 0;
    for (const auto& [state, number] : job.tasks()) all += number;
    table.AddRow(
        {absl::StrCat(job.job()), job.name(),
         absl::StrCat(job.state(), job.has_archived_at_ms() ? ", archived" : ""), job.data_set(),
         WithSeparators(job.candidates()),
         absl::StrCat(WithSeparators(TasksIn(job, "SUCCEEDED")), " / ", WithSeparators(all)),
         WithSeparators(job.results()), LocalTime(job.created_at_ms()),
         job.has_finished_at_ms()
             ? Duration(static_cast<double>(job.finished_at_ms() - job.created_at_ms()) / 1000)
             : "-"});
  }
  return table.ToString();
}

std::string JobText(const v1::JobDetail& detail) {
  const v1::Job& job = detail.job();
  std::string text = absl::StrCat("job ", job.job(), " \"", Printable(job.name()),
                                  "\": ", job.state(), ", ", TaskSummary(job), "\n");
  absl::StrAppend(&text, "data set ", Printable(job.data_set()), ", recipe ", job.recipe(),
                  ", created ", LocalTime(job.created_at_ms()));
  if (job.has_finished_at_ms()) absl::StrAppend(&text, ", ended ", LocalTime(job.finished_at_ms()));
  if (job.threads() > 0) {
    absl::StrAppend(&text, "\non CPUs each task has ", job.threads(),
                    job.threads() == 1 ? " thread" : " threads");
  }
  absl::StrAppend(&text, "\ntest accuracies: ",
                  job.has_unsealed_at_ms()
                      ? absl::StrCat("unsealed ", LocalTime(job.unsealed_at_ms()))
                      : "sealed",
                  "\n");
  absl::StrAppend(&text, "files: ", BytesText(detail.artifact_bytes()), " in ",
                  WithSeparators(detail.artifact_files()), "\n");
  if (job.has_archived_at_ms()) {
    absl::StrAppend(&text, "archived ", LocalTime(job.archived_at_ms()), ": keeps ", KeptText(job),
                    "; nothing can be added to it\n");
  }
  absl::StrAppend(&text, SearchText(job));
  if (!job.message().empty()) {
    absl::StrAppend(&text, Printable(job.message()), "\n");
  } else if (!job.obstacles().empty()) {
    absl::StrAppend(&text, "some connected workers take none of its tasks:\n");
  }
  for (const std::string& obstacle : ObstaclesBeside(job)) {
    absl::StrAppend(&text, "  ", Printable(obstacle), "\n");
  }
  if (job.state() == "FAILED" && !job.has_archived_at_ms()) {
    absl::StrAppend(&text, "`reluscape retry ", job.job(), "` runs again what has failed\n");
  }
  TextTable networks({{"candidate", true},
                      {"network"},
                      {"replicate", true},
                      {"ReLUs", true},
                      {"MACs", true},
                      {"parameters", true},
                      {"budgets"},
                      {"origin"}});
  TextTable tasks({{"task", true},
                   {"network"},
                   {"stage"},
                   {"state"},
                   {"epochs", true},
                   {"validation %", true},
                   {"device time", true},
                   {"attempt", true},
                   {"worker"},
                   {"message"}});
  for (const v1::Candidate& candidate : detail.candidates()) {
    networks.AddRow({absl::StrCat(candidate.candidate()), candidate.name(),
                     absl::StrCat(candidate.replicate()), WithSeparators(candidate.relus()),
                     WithSeparators(candidate.macs()), WithSeparators(candidate.parameters()),
                     BudgetList(candidate.budgets()), candidate.origin()});
    for (const v1::Task& task : candidate.tasks()) {
      tasks.AddRow({absl::StrCat(task.task()), candidate.name(), TaskName(task), task.state(),
                    Epochs(task),
                    task.has_last_epoch() ? Percent(task.last_epoch().validation_accuracy()) : "-",
                    task.device_seconds() > 0 ? Duration(task.device_seconds()) : "-",
                    absl::StrCat(task.attempt()), task.worker().empty() ? "-" : task.worker(),
                    task.message()});
    }
  }
  absl::StrAppend(&text, ChoicesText(detail));
  for (const v1::Criticality& network : detail.criticality()) {
    absl::StrAppend(&text, "\n", CriticalityText(network));
  }
  absl::StrAppend(&text, "\n", networks.ToString(), "\n", tasks.ToString());
  return text;
}

std::string WorkersText(const v1::WorkerList& list) {
  if (list.workers().empty()) return "no worker has called yet\n";
  TextTable table({{"worker"},
                   {"state"},
                   {"host"},
                   {"pid", true},
                   {"device"},
                   {"fast in"},
                   {"LibTorch"},
                   {"build"},
                   {"data sets"},
                   {"tasks"},
                   {"last seen"}});
  for (const v1::Worker& worker : list.workers()) {
    table.AddRow(
        {worker.worker(), WorkerState(worker), worker.host(), absl::StrCat(worker.pid()),
         worker.device(),
         worker.fast_precisions().empty() ? "-" : absl::StrJoin(worker.fast_precisions(), " "),
         worker.torch_version(), worker.build_commit(), absl::StrJoin(worker.data_sets(), " "),
         worker.tasks().empty() ? "-" : absl::StrJoin(worker.tasks(), " "),
         LocalTime(worker.last_seen_ms())});
  }
  std::string problems;
  for (const v1::Worker& worker : list.workers()) {
    absl::StrAppend(&problems, WorkerProblems(worker));
  }
  return absl::StrCat(table.ToString(), problems.empty() ? "" : "\n", problems);
}

std::string PreviewText(const v1::Preview& preview) {
  TextTable table({{"network"},
                   {"replicates", true},
                   {"ReLUs", true},
                   {"MACs", true},
                   {"parameters", true},
                   {"budgets"},
                   {"origin"}});
  for (const v1::Preview::Network& network : preview.networks()) {
    table.AddRow({network.name(), WithSeparators(network.replicates()),
                  WithSeparators(network.relus()), WithSeparators(network.macs()),
                  WithSeparators(network.parameters()), BudgetList(network.budgets()),
                  network.origin()});
  }
  std::string text = preview.networks().empty() ? "" : table.ToString();
  if (preview.has_space()) absl::StrAppend(&text, SpaceLines(preview.space()));
  std::vector<std::string> stages;
  for (const char* stage : {"pretrain", "linearize", "fine-tune"}) {
    if (const auto found = preview.tasks().find(stage); found != preview.tasks().end()) {
      stages.push_back(absl::StrCat(WithSeparators(found->second), " ", stage));
    }
  }
  absl::StrAppend(&text, "\n", WithSeparators(preview.candidates()),
                  preview.candidates() == 1 ? " candidate" : " candidates",
                  preview.has_space() ? " before the search" : "",
                  stages.empty() ? "" : absl::StrCat("; tasks: ", absl::StrJoin(stages, ", ")),
                  "; recipe ", preview.recipe(), "\n");
  for (const std::string& note : preview.notes()) {
    absl::StrAppend(&text, "note: ", Printable(note), "\n");
  }
  return text;
}

}  // namespace reluscape

#include "client/cli.h"

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/ports.h"
#include "client/calibrate_command.h"
#include "client/commands.h"
#include "client/connection.h"
#include "client/describe.h"
#include "client/equalize.h"
#include "client/estimate.h"
#include "client/estimate_flags.h"
#include "client/example_job.h"
#include "client/export.h"
#include "client/published.h"
#include "client/space.h"
#include "client/terminal.h"
#include "client/up.h"
#include "client/watch.h"

namespace reluscape {
namespace {

// Everything that the command line can say.
struct Arguments {
  std::string server = LocalServer();
  int64_t job = 0;
  int64_t result = 0;
  bool json = false;
  bool csv = false;
  bool watch = false;
  SubmitOptions submit;
  RetryOptions retry;
  std::string keep = "results";
  bool yes = false;
  std::string data_hash;
  std::vector<int64_t> relus;
  std::vector<double> fractions;
  std::string out_folder;
  bool force = false;
  bool folded = false;
  bool example_search = false;
  std::string example_data;
  int64_t example_classes = 0;
  int64_t example_side = 0;
  SpaceOptions space;
  DescribeOptions describe;
  EqualizeOptions equalize;
  EstimateOptions estimate;
  CalibrateOptions calibrate;
  PublishedOptions published;
  UpOptions up;
};

// A number that the coordinator gave a Job or a Result.
CLI::Validator IsId() {
  return {[](std::string& text) {
            const bool digits = !text.empty() && text.size() <= 18 &&
                                text.find_first_not_of("0123456789") == std::string::npos;
            return digits && text.find_first_not_of('0') != std::string::npos
                       ? std::string()
                       : absl::StrCat("found ", text, "; allowed: a number from 1");
          },
          "NUMBER"};
}

// The first digits of a data hash, or all of them.
CLI::Validator IsHashBegin() {
  return {[](std::string& text) {
            return text.size() >= 8 && text.size() <= 64 &&
                           text.find_first_not_of("0123456789abcdef") == std::string::npos
                       ? std::string()
                       : absl::StrCat("found ", text,
                                      "; allowed: the first 8 digits or more of a "
                                      "hash that `reluscape data JOB` shows");
          },
          "HASH"};
}

void AddJob(CLI::App& command, Arguments& arguments) {
  command.add_option("JOB", arguments.job, "number of the job")->required()->check(IsId());
}

void AddJson(CLI::App& command, Arguments& arguments) {
  command.add_flag("--json", arguments.json, "print the JSON document of docs/json.md");
}

void AddUp(CLI::App& app, Arguments& arguments) {
  CLI::App* up = app.add_subcommand(
      "up", "Start a coordinator and workers on this machine; Ctrl-C stops them together");
  UpOptions& options = arguments.up;
  up->add_option("--data-dir", options.data_dir, "folder for the database, artifacts and logs")
      ->capture_default_str();
  up->add_option("--grpc-port", options.grpc_port,
                 "port of the coordinator; 0 picks a free one (default: 50551, or a free one "
                 "where that is taken)")
      ->check(CLI::Range(0, 65535));
  up->add_option("--http-port", options.http_port,
                 "port of the dashboard; 0 picks a free one (default: 8080, or a free one "
                 "where that is taken)")
      ->check(CLI::Range(0, 65535));
  up->add_option(
        "--workers", options.workers,
        "number of workers (default: one per GPU; without one, one per core as far as memory "
        "goes)")
      ->check(CLI::Range(0, 256));
  up->add_option("--threads", options.threads,
                 "on a CPU: the most threads of all tasks together (default: one per core)")
      ->check(CLI::Range(1, 4096));
  up->add_option("--data", options.data, "a data set for the workers, as NAME=PATH (repeatable)")
      ->allow_extra_args(false);
  up->add_option("--device", options.device, "device of every worker: auto, cpu, cuda or cuda:N")
      ->capture_default_str();
}

void AddSubmit(CLI::App& app, Arguments& arguments) {
  CLI::App* submit = app.add_subcommand("submit", "Submit a job file");
  submit->add_option("FILE", arguments.submit.file, "job file (docs/job-file.md); - reads stdin")
      ->required();
  submit->add_flag("--watch", arguments.watch, "follow the job until it has ended");
  submit
      ->add_flag("--validate-only", arguments.submit.validate_only,
                 "check the file and show what it would become; store nothing")
      ->excludes("--watch");
  submit
      ->add_option("--request-id", arguments.submit.request_id,
                   "text of your choice: a second submission with the same one is answered with "
                   "the first one's job")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.size() > 100 ? std::string("at most 100 characters") : std::string();
          },
          "TEXT(100)"));
  AddJson(*submit, arguments);
}

void AddRetry(CLI::App& app, Arguments& arguments) {
  CLI::App* retry =
      app.add_subcommand("retry", "Run again what has failed, from its last checkpoint");
  RetryOptions& options = arguments.retry;
  CLI::Option* job =
      retry->add_option("JOB", options.job, "number of the job, for all of its failed tasks")
          ->check(IsId());
  CLI::Option* candidate =
      retry
          ->add_option("--candidate", options.candidate,
                       "instead of JOB: only this candidate's, as `show` numbers it")
          ->check(IsId())
          ->excludes(job);
  CLI::Option* task = retry
                          ->add_option("--task", options.task,
                                       "instead of JOB: only this one, as `show` numbers it")
                          ->check(IsId())
                          ->excludes(job)
                          ->excludes(candidate);
  retry
      ->add_option("--max-epochs", options.max_epochs,
                   "the job's new stages.linearize.max_epochs, where a descent ended above a "
                   "budget")
      ->check(CLI::Range(1, 100000));
  AddJson(*retry, arguments);
  retry->callback([job, candidate, task] {
    if (job->count() + candidate->count() + task->count() == 0) {
      throw CLI::RequiredError("JOB, --candidate or --task");
    }
  });
}

void AddJobCommands(CLI::App& app, Arguments& arguments) {
  AddJson(*app.add_subcommand("list", "List the jobs, newest first"), arguments);
  CLI::App* show = app.add_subcommand("show", "Show a job's candidates and tasks");
  AddJob(*show, arguments);
  AddJson(*show, arguments);
  AddJob(*app.add_subcommand("watch", "Follow a job until it has ended"), arguments);
  CLI::App* results =
      app.add_subcommand("results", "Show a job's results and which are on the front");
  AddJob(*results, arguments);
  AddJson(*results, arguments);
  results->add_flag("--csv", arguments.csv, "print comma-separated values (RFC 4180)")
      ->excludes("--json");
  CLI::App* add = app.add_subcommand(
      "add-budgets", "Give a job that has been linearized smaller budgets; descents go on");
  AddJob(*add, arguments);
  add->add_option("--relus", arguments.relus, "ReLU counts: 5000,2000")->delimiter(',');
  add->add_option("--fractions", arguments.fractions, "of each network's own count: 0.05,0.02")
      ->delimiter(',');
  AddJson(*add, arguments);
  AddRetry(app, arguments);
  CLI::App* data = app.add_subcommand(
      "data", "Show the copies of a job's data set that workers have, or choose one of them");
  AddJob(*data, arguments);
  data->add_option("--use", arguments.data_hash,
                   "go by this copy: its data hash, the first 8 digits or more; what was trained "
                   "on another runs again")
      ->check(IsHashBegin());
  AddJson(*data, arguments);
  CLI::App* cancel = app.add_subcommand("cancel", "Cancel a job; its results stay");
  AddJob(*cancel, arguments);
  AddJson(*cancel, arguments);
  CLI::App* archive =
      app.add_subcommand("archive", "Remove weights of a job that has ended; its numbers stay");
  AddJob(*archive, arguments);
  archive
      ->add_option("--keep", arguments.keep,
                   "weights that stay: of all results, of those on the front, or nothing")
      ->check(CLI::IsMember({"results", "front", "nothing"}))
      ->capture_default_str();
  AddJson(*archive, arguments);
  CLI::App* erase = app.add_subcommand(
      "delete", "Remove a job that has ended, with its results and files, for good");
  AddJob(*erase, arguments);
  erase->add_flag("--yes", arguments.yes, "do not ask");
  AddJson(*erase, arguments);
  CLI::App* unseal =
      app.add_subcommand("unseal", "Show a job's test accuracies from now on; is recorded");
  AddJob(*unseal, arguments);
  AddJson(*unseal, arguments);
  AddJson(*app.add_subcommand("workers", "List the workers"), arguments);
  CLI::App* save = app.add_subcommand(
      "export", "Save a result: weights.safetensors, architecture.json, result.json");
  AddJob(*save, arguments);
  save->add_option("RESULT", arguments.result, "number of the result, as `results` shows it")
      ->required()
      ->check(IsId());
  save->add_option("--out", arguments.out_folder, "folder to write into; is created")->required();
  save->add_flag("--folded", arguments.folded,
                 "fold batch norms and Dirac convolutions into plain convolutions with a bias");
  save->add_flag("--force", arguments.force, "replace the files of a folder that is not empty");
}

void AddLocalCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* example = app.add_subcommand("example-job", "Print a job file to begin with");
  example->add_flag("--search", arguments.example_search, "of a job that searches a space");
  example->add_option("--data", arguments.example_data, "data set instead of \"synthetic\"");
  example->add_option("--classes", arguments.example_classes, "its number of classes")
      ->check(CLI::Range(2, 100000));
  example->add_option("--side", arguments.example_side, "side of its images in pixels")
      ->check(CLI::Range(8, 256));

  CLI::App* space = app.add_subcommand(
      "space", "Show what the search space of a job file holds and would cost; trains nothing");
  space->add_option("FILE", arguments.space.file, "job file (docs/search.md); - reads stdin")
      ->required();
  AddJson(*space, arguments);
  space->add_flag("--csv", arguments.csv, "print a line per network and budget (RFC 4180)")
      ->excludes("--json");

  CLI::App* describe =
      app.add_subcommand("describe", "Count a network's ReLUs, MACs and parameters");
  describe
      ->add_option("NETWORK", arguments.describe.network,
                   "name (resnet18@8, hrn-5x5x3x@4), canonical text, or a file with one of them")
      ->required();
  describe
      ->add_option("--input,--side", arguments.describe.side,
                   "side of the images in pixels [32, or the one that the name fixes]")
      ->check(CLI::Range(8, 256));
  describe->add_option("--classes", arguments.describe.classes, "number of classes")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  AddJson(*describe, arguments);

  CLI::App* equalize = app.add_subcommand(
      "equalize",
      "Widen a backbone so that its sections' ReLU counts follow an order (DeepReShape)");
  EqualizeOptions& options = arguments.equalize;
  equalize->add_option("--backbone", options.backbone, "resnet18, resnet50, wrn-22-8, vgg16, ...")
      ->required();
  equalize
      ->add_option("--family", options.family,
                   "hrn: equalized; base: more base channels; uniform: equal multipliers")
      ->check(CLI::IsMember({"hrn", "base", "uniform"}))
      ->capture_default_str();
  equalize
      ->add_option("--order", options.order,
                   "of hrn: section numbers, most critical first: 3,2,4,1")
      ->delimiter(',');
  equalize
      ->add_option("--alpha", options.alpha,
                   "lower first multipliers to add (alpha relaxation): 2,4")
      ->delimiter(',');
  equalize
      ->add_option("--max-relus", options.max_relus,
                   "take the most base channels with at most so many ReLUs")
      ->check(CLI::PositiveNumber);
  equalize
      ->add_option("--max-macs", options.max_macs,
                   "take the most base channels with at most so many MACs")
      ->check(CLI::PositiveNumber);
  equalize->add_option("--bound", options.bound, "largest multiplier")
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  equalize->add_option("--base-channels", options.base_channels, "width of the first section")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  equalize->add_option("--input,--side", options.side, "side of the images in pixels")
      ->check(CLI::Range(8, 256))
      ->capture_default_str();
  equalize->add_option("--classes", options.classes, "number of classes")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  AddJson(*equalize, arguments);
}

void AddPublished(CLI::App& app, Arguments& arguments) {
  CLI::App* published = app.add_subcommand(
      "published", "Show the accuracies at ReLU counts that other papers have printed");
  PublishedOptions& options = arguments.published;
  published->add_option("--data", options.data_set, "only of this data set");
  published->add_option("--method", options.method, "only of this method: SNL, SENet, ...");
  CLI::Option* format =
      published->add_option("--format", options.format, "text, markdown, latex, csv or json")
          ->check(CLI::IsMember({"text", "markdown", "latex", "csv", "json"}))
          ->capture_default_str();
  published->add_flag("--json", arguments.json, "the same as --format json")->excludes(format);
}

void AddCalibrate(CLI::App& app, CalibrateOptions& options) {
  CLI::App* calibrate = app.add_subcommand(
      "calibrate", "Measure this machine and write a hardware profile for estimate");
  calibrate->add_option("--out", options.out, "file to write (default: standard output)");
  calibrate->add_option("--name", options.name, "name of the profile")->capture_default_str();
  calibrate->add_option("--seconds", options.budget_s, "per measurement, of which there are four")
      ->check(CLI::Range(0.001, 600.0))
      ->capture_default_str();
  calibrate->add_option("--he-threads", options.he_threads, "that the profile states")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  calibrate
      ->add_option("--gc-threads", options.gc_threads,
                   "that the profile states (default: the machine's, at most 4)")
      ->check(CLI::Range(1, 4096));
}

absl::StatusOr<int> Watch(Connection& connection, int64_t job, std::ostream& out,
                          std::ostream& err) {
  WatchOptions options;
  options.job = job;
  options.terminal = OutputIsTerminal();
  options.terminal_size = TerminalSize;
  options.wait = WaitOrSignal;
  const absl::StatusOr<ExitCode> code = WatchJob(connection, options, out, err);
  return code.ok() ? absl::StatusOr<int>(static_cast<int>(*code)) : code.status();
}

absl::StatusOr<int> Run(const CLI::App& app, Arguments& arguments, std::ostream& out,
                        std::ostream& err) {
  const auto chosen = [&app](const char* name) { return app.get_subcommand(name)->parsed(); };
  const auto code_of = [](const absl::Status& status) -> absl::StatusOr<int> {
    return status.ok() ? absl::StatusOr<int>(0) : status;
  };
  if (chosen("up")) return RunUp(arguments.up, out, err);
  if (chosen("example-job")) {
    const absl::StatusOr<std::string> job =
        ExampleJob(arguments.example_search, arguments.example_data, arguments.example_classes,
                   arguments.example_side);
    out << job.value_or("");
    return code_of(job.status());
  }
  if (chosen("describe")) {
    arguments.describe.json = arguments.json;
    return code_of(Describe(arguments.describe, out));
  }
  if (chosen("space")) {
    arguments.space.format = arguments.csv    ? SpaceFormat::kCsv
                             : arguments.json ? SpaceFormat::kJson
                                              : SpaceFormat::kText;
    return code_of(ShowSpace(arguments.space, out));
  }
  if (chosen("equalize")) {
    arguments.equalize.json = arguments.json;
    return code_of(Equalize(arguments.equalize, out));
  }
  if (chosen("published")) {
    if (arguments.json) arguments.published.format = "json";
    return code_of(PrintPublished(arguments.published, out));
  }
  if (chosen("estimate")) return code_of(EstimatePrivateInference(arguments.estimate, out));
  if (chosen("calibrate")) return code_of(Calibrate(arguments.calibrate, out));
  const bool watch = arguments.watch || chosen("watch");
  if (watch) HoldSignals();
  Connection connection(arguments.server);
  if (chosen("submit")) {
    arguments.submit.json = arguments.json;
    arguments.submit.announce_watch = !watch;
    const absl::StatusOr<int64_t> job = Submit(connection, arguments.submit, out);
    if (!job.ok() || !watch) return code_of(job.status());
    out << '\n';
    return Watch(connection, *job, out, err);
  }
  if (watch) return Watch(connection, arguments.job, out, err);
  if (chosen("list")) return code_of(List(connection, arguments.json, out));
  if (chosen("show")) return code_of(Show(connection, arguments.job, arguments.json, out));
  if (chosen("results")) {
    return code_of(ShowResults(connection, arguments.job,
                               arguments.csv    ? ResultsFormat::kCsv
                               : arguments.json ? ResultsFormat::kJson
                                                : ResultsFormat::kText,
                               out));
  }
  if (chosen("add-budgets")) {
    return code_of(AddBudgets(connection, arguments.job, arguments.relus, arguments.fractions,
                              arguments.json, out));
  }
  if (chosen("retry")) {
    arguments.retry.json = arguments.json;
    return code_of(Retry(connection, arguments.retry, out));
  }
  if (chosen("data")) {
    return code_of(
        arguments.data_hash.empty()
            ? ShowData(connection, arguments.job, arguments.json, out)
            : ChooseData(connection, arguments.job, arguments.data_hash, arguments.json, out));
  }
  if (chosen("cancel")) return code_of(Cancel(connection, arguments.job, arguments.json, out));
  if (chosen("archive")) {
    return code_of(Archive(connection, arguments.job, arguments.keep, arguments.json, out));
  }
  if (chosen("delete")) {
    DeleteOptions options{
        .job = arguments.job, .yes = arguments.yes, .json = arguments.json, .ask = nullptr};
    if (CanAsk()) {
      options.ask = [&err](const std::string& question) {
        err << question << std::flush;
        std::string answer;
        std::getline(std::cin, answer);
        return answer;
      };
    }
    return code_of(Delete(connection, options, out));
  }
  if (chosen("unseal")) return code_of(Unseal(connection, arguments.job, arguments.json, out));
  if (chosen("workers")) return code_of(Workers(connection, arguments.json, out));
  const absl::Status saved =
      ExportResult(connection, arguments.job, arguments.result, arguments.out_folder,
                   {.overwrite = arguments.force, .folded = arguments.folded});
  if (saved.ok()) {
    out << "result " << arguments.result << " is in " << arguments.out_folder
        << ": weights.safetensors, architecture.json, result.json\n";
  }
  return code_of(saved);
}

}  // namespace

int RunClient(int argc, char** argv, std::ostream& out, std::ostream& err) {
  Arguments arguments;
  CLI::App app("Submits jobs to a Reluscape coordinator and shows what they came to");
  app.set_version_flag("--version", absl::StrCat(kVersion, " (", BuildCommit(), ")"));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--server", arguments.server, "HOST:PORT of the coordinator")
      ->envname("RELUSCAPE_SERVER")
      ->capture_default_str();
  app.footer(
      "Exit status: 0 done, 2 command line, 3 invalid job or network, 4 not found, 5 no answer\n"
      "from the coordinator, 6 not possible in this state, 7 the watched job failed or was\n"
      "cancelled, 8 no worker can work here (up), 130 left by Ctrl-C, 1 anything else.\n");
  AddUp(app, arguments);
  AddSubmit(app, arguments);
  AddJobCommands(app, arguments);
  AddLocalCommands(app, arguments);
  AddEstimate(app, arguments.estimate);
  AddCalibrate(app, arguments.calibrate);
  AddPublished(app, arguments);
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  const absl::StatusOr<int> code = Run(app, arguments, out, err);
  out.flush();
  if (!code.ok()) {
    err << "error: " << code.status().message() << '\n';
    return static_cast<int>(ExitCodeOf(code.status()));
  }
  if (!out) {
    err << "error: standard output could not be written\n";
    return static_cast<int>(ExitCode::kOther);
  }
  return *code;
}

}  // namespace reluscape

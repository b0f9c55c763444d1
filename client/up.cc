#include "client/up.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/counted.h"
#include "base/exit_codes.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/ports.h"
#include "base/status_macros.h"
#include "client/child_process.h"

namespace reluscape {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Migrations and a look through the artifact folder come before the coordinator listens.
constexpr std::chrono::seconds kStartTimeout{120};
// A Worker hands its Task back within 5 s; twice that before it is killed.
constexpr std::chrono::seconds kStopTimeout{10};
// A Worker that ran this long died of something new.
constexpr std::chrono::seconds kStable{60};
constexpr int64_t kMaxLogBytes = int64_t{16} * 1024 * 1024;
constexpr size_t kTailLines = 5;

// libgomp reads it when it is loaded. A thread that waits for the others of its task spins 300,000
// turns by default before it sleeps; where something else needs the cores it takes them from those
// it waits for. docs/benchmarks.md has what was measured. What the user has set stays.
std::vector<std::pair<std::string, std::string>> WorkerEnvironment() {
  constexpr char kTurns[] = "GOMP_SPINCOUNT";
  if (std::getenv(kTurns) != nullptr) return {};
  return {{kTurns, "1000"}};
}

// What CUDA would show to this process, as values of CUDA_VISIBLE_DEVICES.
std::vector<std::string> VisibleGpus() {
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr) {
    std::vector<std::string> gpus;
    const std::vector<std::string> entries = absl::StrSplit(visible, ',');
    for (const std::string& gpu : entries) {
      if (gpu.empty() || gpu.front() == '-') {  // CUDA ignores all from the first invalid one on
        break;
      }
      gpus.push_back(gpu);
    }
    return gpus;
  }
  std::vector<std::string> gpus;
  for (int number = 0; number < 64; ++number) {
    std::error_code error;
    if (std::filesystem::exists(absl::StrCat("/dev/nvidia", number), error)) {
      gpus.push_back(absl::StrCat(gpus.size()));
    }
  }
  return gpus;
}

absl::Status CheckData(const std::vector<std::string>& data) {
  for (const std::string& entry : data) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == entry.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--data: found ", entry, "; allowed: NAME=PATH, as in cifar10=/data/cifar"));
    }
    std::error_code error;
    if (!std::filesystem::exists(entry.substr(equals + 1), error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--data ", entry, ": there is no ", entry.substr(equals + 1)));
    }
  }
  return absl::OkStatus();
}

// The last lines of a log, for an error message; empty where there are none.
std::string LogTail(const std::filesystem::path& log, size_t most_lines) {
  constexpr int64_t kMaxTailBytes = 65536;  // a log may be of any length
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  const auto size = static_cast<int64_t>(file.tellg());
  if (!file || size < 0) return "";
  const int64_t start = std::max<int64_t>(0, size - kMaxTailBytes);
  std::string text(static_cast<size_t>(size - start), '\0');
  file.seekg(start);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  lines.erase(lines.begin(),
              lines.end() - static_cast<ptrdiff_t>(std::min(lines.size(), most_lines)));
  return absl::StrJoin(lines, "\n");
}

// "Its log, PATH, ends: ..." for a message.
std::string DescribeLog(const std::filesystem::path& log) {
  const std::string tail = LogTail(log, kTailLines);
  return absl::StrCat("Its log, ", log.string(), tail.empty() ? ", is empty" : ", ends:\n", tail);
}

// What a Worker said last, without its name.
std::string LastWords(const std::filesystem::path& log) {
  constexpr char kName[] = "reluscape-worker: ";
  const std::string line = LogTail(log, /*most_lines=*/1);
  if (line.empty()) return "its log is empty";
  return line.starts_with(kName) ? line.substr(sizeof(kName) - 1) : line;
}

// 0 where a program of this machine can listen at the port, else the errno that it would get. As
// the coordinator binds it: what only waits to be forgotten (TIME_WAIT) does not count.
int WhyNotListen(int64_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return errno;
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int why =
      bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(probe);
  return why;
}

// One word of a POSIX shell.
std::string ShellWord(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

class Installation {
 public:
  Installation(const UpOptions& options, std::ostream& out, std::ostream& err)
      : options_(options), out_(out), err_(err) {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals_, signal);
  }
  ~Installation() { KillAll(); }
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  absl::StatusOr<int> Run() {
    RETURN_IF_ERROR(Prepare());
    // Held back and fetched with sigtimedwait: no handler, no race. Children start without this.
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    RETURN_IF_ERROR(StartServer());
    RETURN_IF_ERROR(WaitForServer());
    if (!end_.has_value()) {
      RETURN_IF_ERROR(WriteEnvironment());
      RETURN_IF_ERROR(StartWorkers());
    }
    while (!end_.has_value()) {
      Wait(std::chrono::seconds(1));
      RETURN_IF_ERROR(RestartWorkers());
    }
    Stop();
    return end_.value_or(0);
  }

 private:
  struct Worker {
    std::string name;  // "worker-1"
    ChildCommand command;
    pid_t pid = 0;  // 0 = not running
    SteadyClock::time_point started;
    std::optional<SteadyClock::time_point> restart_at;
    int64_t deaths = 0;
    bool unfit = false;  // ended for good
  };

  // "cuda:N" is a GPU whatever is seen here; on "auto" what is seen decides.
  bool HasGpus() const { return !gpus_.empty() || options_.device.starts_with("cuda"); }

  absl::Status Prepare() {
    RETURN_IF_ERROR(CheckData(options_.data));
    std::error_code error;
    folder_ = std::filesystem::absolute(options_.data_dir, error);
    std::filesystem::create_directories(folder_ / "logs", error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot create ", (folder_ / "logs").string(), ": ", error.message()));
    }
    ASSIGN_OR_RETURN(lock_, FileLock::Take(folder_ / "up.lock",
                                           "another `reluscape up` uses this folder; stop it, or "
                                           "choose another with --data-dir"));
    std::array<char, PATH_MAX> self{};
    const ssize_t size = readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (size <= 0) {
      return absl::InternalError(
          absl::StrCat("cannot read /proc/self/exe: ", std::strerror(errno)));
    }
    programs_ =
        std::filesystem::path(std::string(self.data(), static_cast<size_t>(size))).parent_path();
    // "cpu" and "cuda:N" name the one device of all Workers.
    if (options_.device == "auto" || options_.device == "cuda") gpus_ = VisibleGpus();
    cores_ = options_.threads > 0 ? options_.threads : UsableCores();
    workers_wanted_ = options_.workers >= 0 ? options_.workers
                      : HasGpus()           ? std::max<int64_t>(1, std::ssize(gpus_))
                                            : WorkersThatFit(cores_);
    for (const char* name : {"reluscape-server", "reluscape-worker"}) {
      if ((workers_wanted_ > 0 || std::string(name) == "reluscape-server") &&
          !std::filesystem::exists(programs_ / name, error)) {
        return absl::NotFoundError(absl::StrCat(
            "there is no ", (programs_ / name).string(),
            std::string(name) == "reluscape-worker"
                ? "; build with RELUSCAPE_WITH_TORCH=ON, or start only the coordinator with "
                  "--workers 0"
                : "; build it, or install the programs into one folder"));
      }
    }
    ASSIGN_OR_RETURN(grpc_port_, ChoosePort("--grpc-port", options_.grpc_port, kGrpcPort));
    ASSIGN_OR_RETURN(http_port_, ChoosePort("--http-port", options_.http_port, kHttpPort));
    return absl::OkStatus();
  }

  std::filesystem::path LogOf(const std::string& name) {
    const std::filesystem::path log = folder_ / "logs" / absl::StrCat(name, ".log");
    std::error_code error;
    if (std::filesystem::exists(log, error) &&
        std::filesystem::file_size(log, error) > kMaxLogBytes) {
      std::filesystem::rename(log, log.string() + ".old", error);
    }
    return log;
  }

  absl::Status StartServer() {
    std::error_code error;
    // Of the last time; a new one says that this coordinator listens.
    std::filesystem::remove(folder_ / "server.json", error);
    std::filesystem::remove(EnvironmentFile(), error);
    const ChildCommand command = {
        .program = programs_ / "reluscape-server",
        .arguments = {"--data-dir", folder_.string(), "--artifact-dir",
                      (folder_ / "artifacts").string(), "--grpc-port", absl::StrCat(grpc_port_),
                      "--http-port", absl::StrCat(http_port_)},
        .environment = {},
        .log = LogOf("server")};
    ASSIGN_OR_RETURN(server_, StartChild(command));
    server_log_ = command.log;
    return absl::OkStatus();
  }

  absl::Status WaitForServer() {
    const auto deadline = SteadyClock::now() + kStartTimeout;
    while (!end_.has_value() && !ReadPorts()) {
      if (server_ == 0) RETURN_IF_ERROR(StartServer());
      if (SteadyClock::now() > deadline) {
        return absl::DeadlineExceededError(absl::StrCat("the coordinator does not listen after ",
                                                        kStartTimeout.count(), " s; see ",
                                                        server_log_.string()));
      }
      Wait(std::chrono::milliseconds(20));
    }
    return absl::OkStatus();
  }

  bool ReadPorts() {
    const absl::StatusOr<std::string> text =
        ReadFile(folder_ / "server.json", /*limit_bytes=*/65536);
    if (!text.ok()) return false;
    const auto document = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!document.is_object() || document.value("pid", int64_t{0}) != server_) return false;
    listens_ = true;
    grpc_port_ = document.value("grpc_port", int64_t{0});
    http_port_ = document.value("http_port", int64_t{0});
    return grpc_port_ > 0;
  }

  absl::Status StartWorkers() {
    for (int64_t i = 1; i <= workers_wanted_; ++i) {
      Worker worker;
      worker.name = absl::StrCat("worker-", i);
      worker.command = {
          .program = programs_ / "reluscape-worker",
          .arguments = {"--server", absl::StrCat("127.0.0.1:", grpc_port_), "--artifact-dir",
                        (folder_ / "artifacts").string(), "--id", absl::StrCat(HostName(), "-", i),
                        "--data-cache", (folder_ / "data-cache").string(), "--threads",
                        absl::StrCat(cores_), "--sharers", absl::StrCat(workers_wanted_),
                        "--device", options_.device},
          .environment = WorkerEnvironment(),
          .log = LogOf(worker.name)};
      for (const std::string& data : options_.data) {
        worker.command.arguments.insert(worker.command.arguments.end(), {"--data", data});
      }
      // Each Worker sees one GPU, as its device 0: "cuda" then means it, and "auto" finds it, or
      // falls back to the CPU where LibTorch was built without CUDA.
      if (gpus_.size() > 1) {
        worker.command.environment.emplace_back("CUDA_VISIBLE_DEVICES",
                                                gpus_[static_cast<size_t>(i - 1) % gpus_.size()]);
      }
      workers_.push_back(std::move(worker));
    }
    for (Worker& worker : workers_) RETURN_IF_ERROR(Start(worker));
    out_ << "Reluscape is up with " << Counted(workers_wanted_, "worker");
    if (workers_wanted_ > 0 && HasGpus()) {
      out_ << " (" << Counted(std::ssize(gpus_), "GPU") << " found)";
    } else if (workers_wanted_ > 0) {
      out_ << " on " << Counted(cores_, "CPU core");
    }
    out_ << "\n  coordinator  127.0.0.1:" << grpc_port_
         << "\n  dashboard    http://127.0.0.1:" << http_port_ << "/\n  state        "
         << folder_.string() << "\n  logs         " << (folder_ / "logs").string()
         << "\nIn another terminal, before other commands:  . "
         << ShellWord(EnvironmentFile().string()) << "\nCtrl-C stops it.\n"
         << std::flush;
    return absl::OkStatus();
  }

  std::filesystem::path EnvironmentFile() const { return folder_ / "env.sh"; }

  // What a shell needs for the other commands, whichever ports there are.
  absl::Status WriteEnvironment() const {
    return WriteFileAtomically(
        EnvironmentFile(),
        absl::StrCat("# For shells of this machine, while `reluscape up` runs here.\nexport PATH=",
                     ShellWord(programs_.string()),
                     ":\"$PATH\"\nexport RELUSCAPE_SERVER=127.0.0.1:", grpc_port_, "\n"));
  }

  absl::Status Start(Worker& worker) {
    ASSIGN_OR_RETURN(worker.pid, StartChild(worker.command));
    worker.started = SteadyClock::now();
    worker.restart_at.reset();
    return absl::OkStatus();
  }

  absl::Status RestartWorkers() {
    for (Worker& worker : workers_) {
      if (!end_.has_value() && worker.restart_at.has_value() &&
          SteadyClock::now() >= *worker.restart_at) {
        RETURN_IF_ERROR(Start(worker));
        err_ << worker.name << " is started again\n" << std::flush;
      }
    }
    return absl::OkStatus();
  }

  // Whether another program took a usual port after ChoosePort had looked; then the coordinator
  // gets a free one.
  bool UsualPortsAreTaken() {
    bool taken = false;
    for (int64_t* port : {&grpc_port_, &http_port_}) {
      const bool usual = (port == &grpc_port_ ? options_.grpc_port : options_.http_port) < 0;
      if (usual && *port != 0 && WhyNotListen(*port) != 0) {
        *port = 0;
        taken = true;
      }
    }
    return taken;
  }

  // Waits for a signal or the end of a child and notes what it means in end_.
  void Wait(std::chrono::milliseconds limit) {
    const timespec time{.tv_sec = limit.count() / 1000,
                        .tv_nsec = limit.count() % 1000 * 1'000'000};
    const int signal = sigtimedwait(&signals_, nullptr, &time);
    if (signal > 0 && signal != SIGCHLD) {
      ++leave_signals_;
      if (!end_.has_value()) end_ = 0;
    }
    // Several ends may come as one SIGCHLD, and one may have come before the wait.
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) Ended(pid, status);
  }

  void Ended(pid_t pid, int status) {
    if (pid == server_) {
      server_ = 0;
      if (!end_.has_value() && !listens_ && UsualPortsAreTaken()) {
        return;  // WaitForServer starts it again
      }
      if (!end_.has_value()) {
        err_ << "the coordinator ended " << DescribeEnd(status) << "; everything stops. "
             << DescribeLog(server_log_) << '\n'
             << std::flush;
        end_ = std::max(static_cast<int>(ExitCode::kOther), ShellStatus(status));
      }
      return;
    }
    for (Worker& worker : workers_) {
      if (worker.pid != pid) continue;
      worker.pid = 0;
      if (end_.has_value()) return;
      switch (static_cast<ExitCode>(ShellStatus(status))) {
        case ExitCode::kUsage:  // all have the same options
          err_ << worker.name << " refuses its options; everything stops. "
               << DescribeLog(worker.command.log) << '\n'
               << std::flush;
          end_ = static_cast<int>(ExitCode::kUsage);
          return;
        case ExitCode::kUnfit:
        case ExitCode::kNotLoaded:
          GiveUp(worker);
          return;
        case ExitCode::kSick:
          RestartLater(worker, /*ran_well=*/false,
                       absl::StrCat("is sick: ", LastWords(worker.command.log)));
          return;
        default:
          RestartLater(worker, SteadyClock::now() - worker.started >= kStable,
                       absl::StrCat("(process ", pid, ") ended ", DescribeEnd(status)));
          return;
      }
    }
  }

  // The other Workers are worth going on for: a GPU that is broken does not make the rest useless.
  void GiveUp(Worker& worker) {
    worker.unfit = true;
    const bool last = std::all_of(workers_.begin(), workers_.end(),
                                  [](const Worker& other) { return other.unfit; });
    err_ << worker.name << " is unfit: no restart cures it; "
         << (last ? "no worker is left, everything stops. " : "the other workers go on. ")
         << DescribeLog(worker.command.log) << '\n'
         << std::flush;
    if (last) end_ = static_cast<int>(ExitCode::kUnfit);
  }

  // `what` says how it ended, after its name.
  void RestartLater(Worker& worker, bool ran_well, const std::string& what) {
    worker.deaths = ran_well ? 1 : worker.deaths + 1;
    const int64_t delay = RestartDelaySeconds(worker.deaths);
    worker.restart_at = SteadyClock::now() + std::chrono::seconds(delay);
    err_ << worker.name << ' ' << what << "; it is started again in " << delay
         << " s. Log: " << worker.command.log.string() << '\n'
         << std::flush;
  }

  bool WorkersRun() const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const Worker& worker) { return worker.pid != 0; });
  }

  // Workers first: what they hand back must find a coordinator.
  void Stop() {
    const int signals_before = leave_signals_;
    if (WorkersRun() || server_ != 0) {
      out_ << "stopping; the workers hand back what they work on (again Ctrl-C kills)" << '\n'
           << std::flush;
    }
    for (const Worker& worker : workers_) {
      if (worker.pid != 0) kill(worker.pid, SIGTERM);
    }
    auto deadline = SteadyClock::now() + kStopTimeout;
    while (WorkersRun() && leave_signals_ == signals_before && SteadyClock::now() < deadline) {
      Wait(std::chrono::milliseconds(100));
    }
    if (server_ != 0 && leave_signals_ == signals_before) {
      kill(server_, SIGTERM);
      deadline = SteadyClock::now() + kStopTimeout;
      while (server_ != 0 && leave_signals_ == signals_before && SteadyClock::now() < deadline) {
        Wait(std::chrono::milliseconds(100));
      }
    }
    KillAll();
    std::error_code error;
    std::filesystem::remove(EnvironmentFile(), error);
  }

  void KillAll() {
    std::vector<pid_t> left;
    left.reserve(workers_.size() + 1);
    for (Worker& worker : workers_) left.push_back(std::exchange(worker.pid, 0));
    left.push_back(std::exchange(server_, 0));
    for (const pid_t pid : left) {
      if (pid != 0) {
        kill(pid, SIGKILL);
        int status = 0;
        waitpid(pid, &status, 0);
      }
    }
  }

  const UpOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  sigset_t signals_{};
  std::filesystem::path folder_;
  std::filesystem::path programs_;
  std::filesystem::path server_log_;
  std::vector<std::string> gpus_;
  std::unique_ptr<FileLock> lock_;
  int64_t workers_wanted_ = 0;
  int64_t cores_ = 1;  // for all Workers' Tasks together
  pid_t server_ = 0;
  bool listens_ = false;   // the coordinator, since it was started
  int64_t grpc_port_ = 0;  // until the coordinator listens: what it is asked for
  int64_t http_port_ = 0;
  std::vector<Worker> workers_;
  int leave_signals_ = 0;
  std::optional<int> end_;  // set: stop, and leave with this status
};

}  // namespace

int64_t RestartDelaySeconds(int64_t n) {
  int64_t delay = 1;
  for (int64_t i = 1; i < n && delay < 30; ++i) delay *= 2;
  return std::min<int64_t>(delay, 30);
}

absl::StatusOr<int64_t> ChoosePort(const std::string& option, int64_t asked, int64_t usual) {
  if (asked == 0) return 0;
  const int why = WhyNotListen(asked < 0 ? usual : asked);
  if (why == 0) return asked < 0 ? usual : asked;
  if (asked < 0) return 0;
  return absl::FailedPreconditionError(absl::StrCat(
      option, " ", asked, ": ",
      why == EADDRINUSE ? "another program listens at this port"
                        : absl::StrCat("cannot listen at this port: ", std::strerror(why)),
      "; leave the option out, or give 0, for a free one"));
}

absl::StatusOr<int> RunUp(const UpOptions& options, std::ostream& out, std::ostream& err) {
  return Installation(options, out, err).Run();
}

}  // namespace reluscape

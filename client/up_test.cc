// `reluscape up` with real processes: shell scripts stand for server and worker beside a copy of
// the real client.

#include "client/up.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "client/child_process.h"

namespace reluscape {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Ends at SIGTERM, after it has written so.
constexpr char kServer[] = R"sh(#!/bin/sh
echo "server $*"
while [ "$1" != --data-dir ]; do shift; done
mkdir -p "$2/artifacts"
trap 'echo stopped; echo server >> "$2/ends"; exit 0' TERM
printf '{"grpc_port": 4711, "http_port": 4712, "pid": %d}' $$ > "$2/server.json.new"
mv "$2/server.json.new" "$2/server.json"
while :; do sleep 0.05; done
)sh";
constexpr char kWorker[] = R"sh(#!/bin/sh
echo "worker $* sees $CUDA_VISIBLE_DEVICES."
while [ "$1" != --artifact-dir ]; do shift; done
echo $$ >> "$2/../worker.pids"
trap 'echo worker >> "$2/../ends"; exit 0' TERM
while :; do sleep 0.05; done
)sh";

// A port of this machine that nothing else takes while it lives. Only after Listen() does it keep
// another program from listening there.
class HeldPort {
 public:
  HeldPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      number_ = ntohs(address.sin_port);
    }
  }
  ~HeldPort() { close(socket_); }
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;

  void Listen() { ASSERT_EQ(listen(socket_, 1), 0); }
  int64_t number() const { return number_; }  // 0: there was none to have

 private:
  int socket_;
  int64_t number_ = 0;
};

class UpTest : public ::testing::Test {
 protected:
  UpTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/up_test_XXXXXX");
    folder_ = mkdtemp(pattern.data());
    std::filesystem::copy_file(RELUSCAPE_CLIENT, folder_ / "reluscape");
    Script("reluscape-server", kServer);
    Script("reluscape-worker", kWorker);
  }
  ~UpTest() override {
    if (up_ > 0) {
      kill(up_, SIGKILL);
      waitpid(up_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  void Script(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }

  // Of one core it is one worker, however many the machine has.
  void Up(std::vector<std::string> words = {"--threads", "1"}) {
    words.insert(words.begin(), {"up", "--data-dir", (folder_ / "data").string()});
    std::filesystem::remove(folder_ / "up.log");  // of an earlier `up`: it says that it is up
    const absl::StatusOr<pid_t> pid = StartChild({.program = folder_ / "reluscape",
                                                  .arguments = words,
                                                  .environment = {{"CUDA_VISIBLE_DEVICES", gpus_}},
                                                  .log = folder_ / "up.log"});
    ASSERT_TRUE(pid.ok()) << pid.status();
    up_ = *pid;
  }

  std::string Read(const std::string& name) {
    return ReadFile(folder_ / name, 1 << 20).value_or("");
  }

  void WaitUntil(const char* what, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "waited in vain until " << what << "\n"
                                                       << Read("up.log");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  void WaitUntilUp() {
    WaitUntil("it is up", [this] {
      return Read("up.log").find("Ctrl-C stops it") != std::string::npos &&
             !Read("data/worker.pids").empty();
    });
  }

  // The exit status of `up`; -1 where it did not end.
  int WaitForEnd() {
    int status = -1;
    WaitUntil("up ends", [&] { return waitpid(up_, &status, WNOHANG) == up_; });
    up_ = 0;
    return ShellStatus(status);
  }

  // Whether a process lives; one that its parent has not buried counts as dead.
  static bool Lives(const std::string& pid) {
    std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
    std::string status;
    std::getline(file, status);
    return !status.empty() && status.find(") Z") == std::string::npos;
  }
  std::string FirstWorker() {
    const std::string pids = Read("data/worker.pids");
    return pids.substr(0, pids.find('\n'));
  }

  std::filesystem::path folder_;
  std::string gpus_;  // CUDA_VISIBLE_DEVICES of `up`
  pid_t up_ = 0;
};

TEST_F(UpTest, StartsBothAndStopsTheWorkerFirst) {
  Up({"--grpc-port", "0", "--threads", "6", "--workers", "2", "--data",
      absl::StrCat("mine=", folder_.string())});
  WaitUntilUp();
  const std::string log = Read("up.log");
  EXPECT_THAT(log, HasSubstr("127.0.0.1:4711"));
  EXPECT_THAT(log, HasSubstr("http://127.0.0.1:4712/"));
  EXPECT_THAT(Read("data/logs/server.log"), HasSubstr("--grpc-port 0"));
  // The usual port of the dashboard, or where this machine has a program there, any.
  EXPECT_THAT(Read("data/logs/server.log"),
              AnyOf(HasSubstr("--http-port 8080"), HasSubstr("--http-port 0")));
  WaitUntil("both workers have told their options", [this] {
    return !Read("data/logs/worker-1.log").empty() && !Read("data/logs/worker-2.log").empty();
  });
  const std::string worker = Read("data/logs/worker-2.log");
  EXPECT_THAT(worker, HasSubstr("--server 127.0.0.1:4711"));
  EXPECT_THAT(worker, HasSubstr("--threads 6 --sharers 2"));
  EXPECT_THAT(worker, HasSubstr(absl::StrCat("--data mine=", folder_.string())));
  kill(up_, SIGINT);
  EXPECT_EQ(WaitForEnd(), 0);
  EXPECT_EQ(Read("data/ends"), "worker\nworker\nserver\n");
}

TEST_F(UpTest, EveryGpuGetsAWorkerUnlessTheDeviceNamesOne) {
  gpus_ = "5,7";
  for (const char* device : {"auto", "cuda"}) {
    Up({"--device", device});
    WaitUntil("both workers have told what they see", [this] {
      return Read("data/logs/worker-1.log").find("sees") != std::string::npos &&
             Read("data/logs/worker-2.log").find("sees") != std::string::npos;
    });
    EXPECT_THAT(Read("data/logs/worker-1.log"), HasSubstr(absl::StrCat("--device ", device)));
    EXPECT_THAT(Read("data/logs/worker-1.log"), HasSubstr("sees 5."));
    EXPECT_THAT(Read("data/logs/worker-2.log"), HasSubstr("sees 7."));
    kill(up_, SIGINT);
    EXPECT_EQ(WaitForEnd(), 0);
    std::filesystem::remove_all(folder_ / "data");
  }
  Up({"--device", "cuda:1"});
  WaitUntilUp();
  EXPECT_THAT(Read("up.log"), HasSubstr("with 1 worker"));
  WaitUntil("it has told what it sees",
            [this] { return Read("data/logs/worker-1.log").find("sees") != std::string::npos; });
  EXPECT_THAT(Read("data/logs/worker-1.log"), HasSubstr("--device cuda:1 sees 5,7."));
}

TEST_F(UpTest, RestartsAWorkerThatDies) {
  Up();
  WaitUntilUp();
  const std::string first = FirstWorker();
  kill(std::stoi(first), SIGKILL);
  WaitUntil("a second worker runs",
            [&] { return Read("data/worker.pids").size() > first.size() + 1; });
  WaitUntil("up says so", [this] {
    return Read("up.log").find("worker-1 is started again") != std::string::npos;
  });
  EXPECT_THAT(Read("up.log"), HasSubstr("by signal 9"));
}

TEST_F(UpTest, AWorkerThatRefusesItsOptionsEndsAll) {
  Script("reluscape-worker", "#!/bin/sh\necho 'no such device'\nexit 2\n");
  Up();
  EXPECT_EQ(WaitForEnd(), 2);
  EXPECT_THAT(Read("up.log"), HasSubstr("no such device"));
  EXPECT_EQ(Read("data/ends"), "server\n");
}

// Unfit where CUDA shows it the GPU `unfit`; works elsewhere.
std::string UnfitOn(const std::string& unfit) {
  return absl::StrCat("#!/bin/sh\nif [ \"$CUDA_VISIBLE_DEVICES\" = ", unfit,
                      " ]; then echo 'the device is not there'; exit 8; fi\n", kWorker);
}

TEST_F(UpTest, WhereNoWorkerIsFitAllEnds) {
  Script("reluscape-worker", "#!/bin/sh\necho 'the device is not there'\nexit 8\n");
  Up({"--workers", "2"});
  EXPECT_EQ(WaitForEnd(), 8);
  const std::string log = Read("up.log");
  EXPECT_THAT(log, HasSubstr("worker-1 is unfit"));
  EXPECT_THAT(log, HasSubstr("worker-2 is unfit"));
  EXPECT_THAT(log, HasSubstr("no worker is left, everything stops"));
  EXPECT_THAT(log, HasSubstr("the device is not there"));
  EXPECT_THAT(log, Not(HasSubstr("started again")));
  EXPECT_EQ(Read("data/ends"), "server\n");
}

TEST_F(UpTest, TheOthersGoOnWithoutAnUnfitWorker) {
  gpus_ = "5,7";
  Script("reluscape-worker", UnfitOn("5"));
  Up();
  WaitUntil("it says so", [this] { return Read("up.log").find("is unfit") != std::string::npos; });
  WaitUntilUp();
  EXPECT_THAT(Read("up.log"), HasSubstr("worker-1 is unfit: no restart cures it; the other workers "
                                        "go on. Its log, "));
  EXPECT_THAT(Read("up.log"), HasSubstr("the device is not there"));
  // Another one that dies is looked after as ever, and the unfit one is not started with it.
  const std::string first = FirstWorker();
  kill(std::stoi(first), SIGKILL);
  WaitUntil("it is started again", [this] {
    return Read("up.log").find("worker-2 is started again") != std::string::npos;
  });
  EXPECT_THAT(Read("up.log"), Not(HasSubstr("worker-1 is started again")));
  kill(up_, SIGINT);
  EXPECT_EQ(WaitForEnd(), 0);
}

TEST_F(UpTest, AWorkerThatIsUnfitOnlyWhenItIsStartedAgainEndsAll) {
  // The GPU goes away while it works.
  Script("reluscape-worker",
         absl::StrCat("#!/bin/sh\n[ -e \"$0.ran\" ] && { echo 'the device is gone'; exit 8; }\n",
                      "touch \"$0.ran\"\n", kWorker));
  Up();
  WaitUntilUp();
  kill(std::stoi(FirstWorker()), SIGKILL);
  EXPECT_EQ(WaitForEnd(), 8);
  EXPECT_THAT(Read("up.log"), HasSubstr("worker-1 is started again"));
  EXPECT_THAT(Read("up.log"), HasSubstr("the device is gone"));
}

TEST_F(UpTest, AWorkerWhoseLibrariesAreMissingIsUnfit) {
  Script("reluscape-worker",
         "#!/bin/sh\necho 'error while loading shared libraries: libtorch.so'\nexit 127\n");
  Up();
  EXPECT_EQ(WaitForEnd(), 8);
  EXPECT_THAT(Read("up.log"), HasSubstr("libtorch.so"));
}

TEST_F(UpTest, ASickWorkerIsStartedAgainLaterEachTime) {
  Script("reluscape-worker",
         "#!/bin/sh\necho 'reluscape-worker: 3 tasks in a row failed'\nexit 9\n");
  Up();
  WaitUntil("it is sick a second time",
            [this] { return Read("up.log").find("again in 2 s") != std::string::npos; });
  EXPECT_THAT(Read("up.log"), HasSubstr("worker-1 is sick: 3 tasks in a row failed; it is started "
                                        "again in 1 s"));
  kill(up_, SIGINT);
  EXPECT_EQ(WaitForEnd(), 0);
}

TEST_F(UpTest, OfALongLogTheEndIsShown) {
  Script("reluscape-worker",
         "#!/bin/sh\nhead -c 17000000 /dev/zero | tr '\\0' '\\n'\n"
         "echo 'the last line'\nexit 8\n");
  Up();
  EXPECT_EQ(WaitForEnd(), 8);
  EXPECT_THAT(Read("up.log"), HasSubstr("the last line"));
}

TEST_F(UpTest, EndsWithTheCoordinatorsStatus) {
  Script("reluscape-server", "#!/bin/sh\necho 'the database is broken' >&2\nexit 7\n");
  Up();
  EXPECT_EQ(WaitForEnd(), 7);
  EXPECT_THAT(Read("up.log"), HasSubstr("the database is broken"));
}

TEST_F(UpTest, ACoordinatorThatIsKilledEndsTheWorkers) {
  Script("reluscape-server", std::string(kServer) + "\n");
  Up();
  WaitUntilUp();
  const std::string pids = Read("data/server.json");
  const int server = std::stoi(pids.substr(pids.find("\"pid\": ") + 7));
  kill(server, SIGKILL);
  EXPECT_EQ(WaitForEnd(), 137);
  EXPECT_FALSE(Lives(FirstWorker()));
}

TEST_F(UpTest, NothingOutlivesItsKill) {
  Up();
  WaitUntilUp();
  const std::string pids = Read("data/server.json");
  const std::string server = absl::StrCat(std::stoi(pids.substr(pids.find("\"pid\": ") + 7)));
  const std::string worker = FirstWorker();
  ASSERT_TRUE(Lives(server));
  ASSERT_TRUE(Lives(worker));
  kill(up_, SIGKILL);
  WaitForEnd();
  WaitUntil("no child lives", [&] { return !Lives(server) && !Lives(worker); });
}

TEST_F(UpTest, ASecondSignalKills) {
  Script("reluscape-worker",
         absl::StrCat(std::string(kWorker).substr(0, std::string(kWorker).find("trap")),
                      "trap '' TERM\nwhile :; do sleep 0.05; done\n"));
  Up();
  WaitUntilUp();
  kill(up_, SIGTERM);
  WaitUntil("it stops", [this] { return Read("up.log").find("stopping") != std::string::npos; });
  const auto before = std::chrono::steady_clock::now();
  kill(up_, SIGTERM);
  EXPECT_EQ(WaitForEnd(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_FALSE(Lives(FirstWorker()));
}

TEST_F(UpTest, OneFolderServesOneAtATime) {
  Up();
  WaitUntilUp();
  const absl::StatusOr<pid_t> second =
      StartChild({.program = folder_ / "reluscape",
                  .arguments = {"up", "--data-dir", (folder_ / "data").string()},
                  .environment = {},
                  .log = folder_ / "second.log"});
  ASSERT_TRUE(second.ok()) << second.status();
  int status = 0;
  waitpid(*second, &status, 0);
  EXPECT_EQ(ShellStatus(status), 6);
  EXPECT_THAT(Read("second.log"), HasSubstr("another `reluscape up`"));
}

TEST_F(UpTest, DataSetsThatAreNotThereAreRefusedAtOnce) {
  Up({"--data", "mine=/no/such/folder"});
  EXPECT_EQ(WaitForEnd(), 3);
  EXPECT_THAT(Read("up.log"), HasSubstr("/no/such/folder"));
  Up({"--data", "mine"});
  EXPECT_EQ(WaitForEnd(), 3);
  EXPECT_THAT(Read("up.log"), HasSubstr("NAME=PATH"));
}

TEST_F(UpTest, AMissingProgramIsNamed) {
  std::filesystem::remove(folder_ / "reluscape-worker");
  Up();
  EXPECT_EQ(WaitForEnd(), 4);
  EXPECT_THAT(Read("up.log"), HasSubstr("RELUSCAPE_WITH_TORCH"));
}

TEST_F(UpTest, AShellThatReadsEnvShHasTheProgramsAndTheAddress) {
  Up();
  WaitUntilUp();
  EXPECT_THAT(Read("up.log"),
              HasSubstr(absl::StrCat(". '", (folder_ / "data" / "env.sh").string(), "'")));
  const std::string out = (folder_ / "out").string();
  ASSERT_EQ(
      std::system(absl::StrCat(". '", (folder_ / "data" / "env.sh").string(),
                               "' && { command -v reluscape; echo \"$RELUSCAPE_SERVER\"; } > '",
                               out, "'")
                      .c_str()),
      0);
  EXPECT_EQ(Read("out"), absl::StrCat(std::filesystem::canonical(folder_ / "reluscape").string(),
                                      "\n127.0.0.1:4711\n"));
  kill(up_, SIGTERM);
  EXPECT_EQ(WaitForEnd(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data" / "env.sh"));
}

TEST_F(UpTest, APortThatWasAskedForAndIsTakenIsAnErrorAndNothingStarts) {
  HeldPort taken;
  ASSERT_GT(taken.number(), 0);
  taken.Listen();
  Up({"--http-port", absl::StrCat(taken.number())});
  EXPECT_EQ(WaitForEnd(), 6);
  EXPECT_THAT(Read("up.log"), HasSubstr(absl::StrCat("--http-port ", taken.number(),
                                                     ": another program listens at this port")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data" / "logs" / "server.log"));
}

// Listens itself at every usual port that it is given, as another program that was quicker would,
// and ends as a coordinator does that cannot have its ports.
constexpr char kLateServer[] = R"sh(#!/bin/sh
case "$*" in
  *"--grpc-port 0 --http-port 0"*) exec "$(dirname "$0")/server-in-time" "$@" ;;
esac
python3 -c '
import pathlib, socket, sys, time
held = []
for port in map(int, (sys.argv[2], sys.argv[3])):
    held.append(socket.socket())
    held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held[-1].bind(("127.0.0.1", port))
        held[-1].listen()
    except OSError:
        pass  # another program was quicker indeed
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
' "$2/held" "$6" "$8" &
echo $! > "$2/holder.pid"
until [ -e "$2/held" ]; do sleep 0.02; done
exit 1
)sh";

TEST_F(UpTest, AUsualPortThatIsTakenInBetweenIsGivenUp) {
  Script("reluscape-server", kLateServer);
  Script("server-in-time", kServer);
  Up();
  WaitUntilUp();
  const std::string holder = Read("data/holder.pid");
  if (!holder.empty()) kill(static_cast<pid_t>(std::stol(holder)), SIGKILL);
  EXPECT_THAT(Read("data/logs/server.log"), HasSubstr("--grpc-port 0 --http-port 0"));
  kill(up_, SIGTERM);
  EXPECT_EQ(WaitForEnd(), 0);
}

TEST(ChoosePortTest, TheUsualPortUnlessItIsTaken) {
  HeldPort port;
  ASSERT_GT(port.number(), 0);
  EXPECT_EQ(ChoosePort("--grpc-port", -1, port.number()).value_or(-1), port.number());
  EXPECT_EQ(ChoosePort("--grpc-port", port.number(), 1).value_or(-1), port.number());
  port.Listen();
  EXPECT_EQ(ChoosePort("--grpc-port", -1, port.number()).value_or(-1), 0);
  EXPECT_EQ(ChoosePort("--grpc-port", 0, port.number()).value_or(-1), 0);
  EXPECT_EQ(ChoosePort("--grpc-port", port.number(), 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(UpNumbersTest, RestartsBackOff) {
  EXPECT_EQ(RestartDelaySeconds(1), 1);
  EXPECT_EQ(RestartDelaySeconds(3), 4);
  EXPECT_EQ(RestartDelaySeconds(6), 30);
  EXPECT_EQ(RestartDelaySeconds(100), 30);
}

}  // namespace
}  // namespace reluscape

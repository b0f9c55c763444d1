#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

std::vector<std::string> Lines(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::optional<int64_t> NumberIn(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? std::optional(number) : std::nullopt;
}

// The number behind `key` in lines such as "MemAvailable:  123 kB".
std::optional<int64_t> NumberOf(const std::filesystem::path& path, const std::string& key) {
  for (const std::string& line : Lines(path)) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    if (words.size() >= 2 && words[0] == key) return NumberIn(words[1]);
  }
  return std::nullopt;
}

// The folders of the process's control group and of all above it: each of them may have limits.
std::vector<std::filesystem::path> ControlGroups(const std::filesystem::path& root) {
  constexpr char kUnified[] = "0::/";
  const std::filesystem::path top = root / "sys/fs/cgroup";
  std::vector<std::filesystem::path> groups = {top};
  for (const std::string& line : Lines(root / "proc/self/cgroup")) {
    if (!absl::StartsWith(line, kUnified)) continue;
    std::filesystem::path group = top;
    for (const auto& part : std::filesystem::path(line.substr(sizeof(kUnified) - 1))) {
      group /= part;
      groups.push_back(group);
    }
  }
  return groups;
}

int64_t CoresToRunOn() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return sysconf(_SC_NPROCESSORS_ONLN);  // more cores than a set of fixed size holds
}

}  // namespace

std::string HostName() {
  std::array<char, 256> name{};
  const bool is_named = gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return is_named ? std::string(name.data()) : "localhost";
}

std::string MachineName() {
  const std::vector<std::string> boot = Lines("/proc/sys/kernel/random/boot_id");
  return absl::StrCat(HostName(), "/", boot.empty() ? std::string() : boot.front());
}

int64_t UsableCores(const std::filesystem::path& root) {
  int64_t cores = CoresToRunOn();
  for (const std::filesystem::path& group : ControlGroups(root)) {
    // "max 100000", or microseconds of processor time in so many.
    const std::vector<std::string> lines = Lines(group / "cpu.max");
    if (lines.empty()) continue;
    const std::vector<std::string> words = absl::StrSplit(lines.front(), ' ', absl::SkipEmpty());
    if (words.size() != 2) continue;
    const std::optional<int64_t> quota = NumberIn(words[0]);
    const std::optional<int64_t> period = NumberIn(words[1]);
    if (!quota || !period || *quota < 1 || *period < 1) continue;
    cores = std::min(cores, (*quota - 1) / *period + 1);
  }
  return std::max<int64_t>(cores, 1);
}

int64_t UsableMemoryBytes(const std::filesystem::path& root) {
  int64_t bytes = NumberOf(root / "proc/meminfo", "MemAvailable").value_or(0) * 1024;
  for (const std::filesystem::path& group : ControlGroups(root)) {
    const std::vector<std::string> most = Lines(group / "memory.max");
    const std::vector<std::string> taken = Lines(group / "memory.current");
    if (most.empty() || taken.empty()) continue;
    const std::optional<int64_t> limit = NumberIn(most.front());
    if (!limit) continue;  // "max"
    // Of what is taken, pages of files are given back when memory is short.
    const int64_t files = NumberOf(group / "memory.stat", "inactive_file").value_or(0);
    const int64_t left = *limit - NumberIn(taken.front()).value_or(0) + files;
    bytes = std::min(bytes, std::clamp<int64_t>(left, 0, *limit));
  }
  return bytes;
}

int64_t WorkersThatFit(int64_t cores, const std::filesystem::path& root) {
  constexpr int64_t kWorkerBytes = int64_t{2} << 30;
  const int64_t bytes = UsableMemoryBytes(root);
  const int64_t fit = bytes > 0 ? bytes / kWorkerBytes : cores;
  return std::max<int64_t>(std::min(cores, fit), 1);
}

}  // namespace reluscape

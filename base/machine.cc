#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

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

std::optional<int64_t> NumberOf(const std::filesystem::path& path) {
  const std::vector<std::string> lines = Lines(path);
  return lines.empty() ? std::nullopt : NumberIn(lines.front());
}

struct ControlGroup {
  std::filesystem::path folder;
  bool is_old = false;  // of version 1
};

// The process's control groups that limit what `controller` is for, with all above them: each may
// have a limit. A container may see its groups under another path than its own table says: those
// that are not there limit nothing.
std::vector<ControlGroup> GroupsOf(const std::string& controller,
                                   const std::filesystem::path& root) {
  std::vector<ControlGroup> groups;
  // A line is "number:controllers:group", without number and controllers in version 2.
  for (const std::string& line : Lines(root / "proc/self/cgroup")) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const bool is_old = !parts[1].empty();
    if (is_old &&
        std::find(controllers.begin(), controllers.end(), controller) == controllers.end()) {
      continue;
    }
    std::filesystem::path folder = root / "sys/fs/cgroup";
    if (is_old) folder /= controller;
    groups.push_back({folder, is_old});
    for (const auto& part : std::filesystem::path(parts[2]).relative_path()) {
      folder /= part;
      groups.push_back({folder, is_old});
    }
  }
  return groups;
}

// Microseconds of processor time that a group gets in so many; none where it has no limit.
std::optional<std::pair<int64_t, int64_t>> QuotaOf(const ControlGroup& group) {
  std::optional<int64_t> quota;
  std::optional<int64_t> period;
  if (group.is_old) {
    quota = NumberOf(group.folder / "cpu.cfs_quota_us");  // -1: no limit
    period = NumberOf(group.folder / "cpu.cfs_period_us");
  } else if (const auto lines = Lines(group.folder / "cpu.max"); !lines.empty()) {
    const std::vector<std::string> words = absl::StrSplit(lines.front(), ' ', absl::SkipEmpty());
    if (words.size() != 2) return std::nullopt;
    quota = NumberIn(words[0]);  // or "max"
    period = NumberIn(words[1]);
  }
  if (!quota || !period || *quota < 1 || *period < 1) return std::nullopt;
  return std::pair(*quota, *period);
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
  for (const ControlGroup& group : GroupsOf("cpu", root)) {
    if (const auto quota = QuotaOf(group)) {
      cores = std::min(cores, (quota->first - 1) / quota->second + 1);
    }
  }
  return std::max<int64_t>(cores, 1);
}

int64_t UsableMemoryBytes(const std::filesystem::path& root) {
  int64_t bytes = NumberOf(root / "proc/meminfo", "MemAvailable").value_or(0) * 1024;
  for (const auto& [folder, is_old] : GroupsOf("memory", root)) {
    const auto limit = NumberOf(folder / (is_old ? "memory.limit_in_bytes" : "memory.max"));
    const auto taken = NumberOf(folder / (is_old ? "memory.usage_in_bytes" : "memory.current"));
    if (!limit || !taken) continue;  // "max", or no such group
    // Of what is taken, pages of files are given back when memory is short.
    const int64_t files =
        NumberOf(folder / "memory.stat", is_old ? "total_inactive_file" : "inactive_file")
            .value_or(0);
    bytes = std::min(bytes, *limit - (*taken - files));
  }
  return std::max<int64_t>(bytes, 0);
}

int64_t WorkersThatFit(int64_t cores, const std::filesystem::path& root) {
  constexpr int64_t kWorkerBytes = int64_t{2} << 30;
  const int64_t bytes = UsableMemoryBytes(root);
  const int64_t fit = bytes > 0 ? bytes / kWorkerBytes : cores;
  return std::max<int64_t>(std::min(cores, fit), 1);
}

}  // namespace reluscape

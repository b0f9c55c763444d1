#include "worker/torch/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// That of a file of one line; none where it is missing or says "max".
std::optional<int64_t> NumberOf(const fs::path& path) {
  const std::vector<std::string> lines = LinesOf(path);
  int64_t number = 0;
  if (lines.empty() || !absl::SimpleAtoi(lines.front(), &number)) return std::nullopt;
  return number;
}

// The number behind `key` in a file of lines "key number" and perhaps a unit.
std::optional<int64_t> NumberOf(const fs::path& path, const std::string& key) {
  for (const std::string& line : LinesOf(path)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t number = 0;
    if (words.size() > 1 && words[0] == key && absl::SimpleAtoi(words[1], &number)) return number;
  }
  return std::nullopt;
}

struct GroupFiles {
  const char* limit;
  const char* used;
  const char* cache;  // in memory.stat: what can be given back
};
constexpr GroupFiles kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file"};
constexpr GroupFiles kVersion2 = {"memory.max", "memory.current", "inactive_file"};

// What the limits of `group` and those above it, up to `top`, leave. A container may see its groups
// under another path than its own table says: those that are not there limit nothing.
int64_t LeftByGroups(const fs::path& top, const std::string& group, const GroupFiles& files) {
  int64_t left = std::numeric_limits<int64_t>::max();
  fs::path folder = top / fs::path(group).relative_path();
  while (true) {
    const std::optional<int64_t> limit = NumberOf(folder / files.limit);
    const std::optional<int64_t> used = NumberOf(folder / files.used);
    if (limit && used) {
      const int64_t cache = NumberOf(folder / "memory.stat", files.cache).value_or(0);
      left = std::min(left, *limit - (*used - cache));
    }
    if (folder == top || !folder.has_parent_path() || folder == folder.parent_path()) return left;
    folder = folder.parent_path();
  }
}

}  // namespace

int64_t FreeHostMemory(const fs::path& root) {
  const int64_t kib = NumberOf(root / "proc/meminfo", "MemAvailable:").value_or(0);
  int64_t free = kib * 1024;
  // A line is "number:controllers:group", without number and controllers in version 2.
  for (const std::string& line : LinesOf(root / "proc/self/cgroup")) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const fs::path groups = root / "sys/fs/cgroup";
    if (parts[1].empty()) {
      free = std::min(free, LeftByGroups(groups, parts[2], kVersion2));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      free = std::min(free, LeftByGroups(groups / "memory", parts[2], kVersion1));
    }
  }
  return std::max<int64_t>(free, 0);
}

}  // namespace reluscape

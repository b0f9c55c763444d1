#include "worker/standalone/learning_curves.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr char kHeader[] =
    "task,epoch,candidate,replicate,stage,budget,attempt,loss,train_accuracy,validation_accuracy,"
    "learning_rate,lambda,relus,seconds,name\r\n";
// 100,000 Tasks of 200 epochs come to about 3 GB.
constexpr int64_t kLimitBytes = int64_t{8} << 30;
constexpr std::string_view kLineEnd = "\r\n";

std::string Number(double value) { return absl::StrFormat("%.17g", value); }

// As RFC 4180 has it; a name may contain commas.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string RowText(const CurveOwner& owner, const EpochReport& epoch) {
  return absl::StrCat(owner.task.value, ",", epoch.epoch, ",", owner.candidate.value, ",",
                      owner.replicate, ",", StageName(owner.stage), ",",
                      owner.stage == Stage::kFineTune ? absl::StrCat(owner.budget) : "", ",",
                      owner.attempt, ",", Number(epoch.loss), ",", Number(epoch.train_accuracy),
                      ",", Number(epoch.validation_accuracy), ",", Number(epoch.learning_rate), ",",
                      epoch.lambda ? Number(*epoch.lambda) : "", ",", epoch.relus, ",",
                      Number(epoch.seconds), ",", Quoted(owner.name), std::string(kLineEnd));
}

absl::Status CannotWrite(const std::filesystem::path& path) {
  const int error = errno;
  return absl::UnavailableError(
      absl::StrCat("cannot write ", path.string(), ": ", std::generic_category().message(error)));
}

// Appends to a file; the rest of a piece that was not taken follows in another call.
absl::Status AppendTo(const std::filesystem::path& path, const std::string& text, bool flush) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return CannotWrite(path);
  absl::Status status;
  for (size_t done = 0; done < text.size() && status.ok();) {
    const ssize_t taken = ::write(fd, text.data() + done, text.size() - done);
    if (taken >= 0) {
      done += static_cast<size_t>(taken);
    } else if (errno != EINTR) {
      status = CannotWrite(path);
    }
  }
  if (status.ok() && flush && ::fsync(fd) != 0) status = CannotWrite(path);
  ::close(fd);
  return status;
}

}  // namespace

absl::StatusOr<LearningCurves> LearningCurves::Open(const std::filesystem::path& path) {
  LearningCurves curves(path);
  absl::StatusOr<std::string> content = ReadFile(path, kLimitBytes);
  if (absl::IsNotFound(content.status())) {
    RETURN_IF_ERROR(curves.Rewrite());
    return curves;
  }
  if (!content.ok()) return content.status();
  std::string_view rest = *content;
  if (rest.substr(0, sizeof(kHeader) - 1) != kHeader) {
    return absl::DataLossError(
        absl::StrCat(path.string(), " does not begin with the header of learning curves"));
  }
  rest.remove_prefix(sizeof(kHeader) - 1);
  while (!rest.empty()) {
    const size_t end = rest.find(kLineEnd);
    if (end == std::string_view::npos) break;  // cut off by a crash
    Row row;
    row.text = std::string(rest.substr(0, end + kLineEnd.size()));
    rest.remove_prefix(end + kLineEnd.size());
    const size_t first = row.text.find(',');
    const size_t second = first == std::string::npos ? first : row.text.find(',', first + 1);
    if (second == std::string::npos || !absl::SimpleAtoi(row.text.substr(0, first), &row.task) ||
        !absl::SimpleAtoi(row.text.substr(first + 1, second - first - 1), &row.epoch)) {
      return absl::DataLossError(absl::StrCat(path.string(), ", row ", curves.rows_.size() + 1,
                                              ": found no numbers of task and epoch"));
    }
    curves.rows_.push_back(std::move(row));
  }
  if (!rest.empty()) RETURN_IF_ERROR(curves.Rewrite());
  return curves;
}

absl::Status LearningCurves::Append(const CurveOwner& owner, const EpochReport& epoch) {
  RETURN_IF_ERROR(DropFrom(owner.task, epoch.epoch));
  Row row{owner.task.value, epoch.epoch, RowText(owner, epoch)};
  RETURN_IF_ERROR(AppendTo(path_, row.text, /*flush=*/false));
  rows_.push_back(std::move(row));
  return absl::OkStatus();
}

absl::Status LearningCurves::DropFrom(TaskId task, int64_t first) {
  const auto dropped = std::erase_if(
      rows_, [&](const Row& row) { return row.task == task.value && row.epoch >= first; });
  return dropped == 0 ? absl::OkStatus() : Rewrite();
}

absl::Status LearningCurves::Flush() { return AppendTo(path_, "", /*flush=*/true); }

absl::Status LearningCurves::Rewrite() {
  std::string content = kHeader;
  for (const Row& row : rows_) content += row.text;
  return WriteFileAtomically(path_, content);
}

}  // namespace reluscape

#include "client/watch.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/progress.h"

namespace reluscape {
namespace {

bool Lost(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

// The lines at the bottom of a terminal that each drawing replaces.
class Block {
 public:
  explicit Block(std::ostream& out) : out_(out) {}

  void Erase() {
    if (lines_ > 0) {
      // Up to the block's first line, then clear from there to the end of the screen.
      out_ << "\x1b[" << lines_ << "A\x1b[J";
      lines_ = 0;
    }
  }
  void Draw(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) out_ << line << '\n';
    lines_ = lines.size();
  }

 private:
  std::ostream& out_;
  size_t lines_ = 0;
};

}  // namespace

absl::StatusOr<ExitCode> WatchJob(Connection& connection, const WatchOptions& options,
                                  std::ostream& out, std::ostream& err) {
  ProgressLines changes(/*epochs=*/!options.terminal);
  Block block(out);
  bool answered = false;
  bool lost = false;
  while (true) {
    const absl::StatusOr<v1::JobDetail> detail = connection.GetJob(options.job);
    if (detail.ok()) {
      if (lost) err << "the coordinator answers again\n";
      answered = true;
      lost = false;
      block.Erase();
      for (const std::string& line : changes.Update(*detail)) out << line << '\n';
      const std::string& state = detail->job().state();
      if (state != "RUNNING") {
        out.flush();
        return state == "FINISHED" ? ExitCode::kOk : ExitCode::kJobFailed;
      }
      if (options.terminal) {
        const auto [columns, lines] = options.terminal_size();
        // One column and line stay free, so that nothing wraps or scrolls under the block.
        block.Draw(ProgressBlock(*detail, columns - 1, lines - 1));
      }
      out.flush();
    } else if (!answered || !Lost(detail.status())) {
      return detail.status();
    } else if (!lost) {
      lost = true;
      block.Erase();
      err << "no answer from the coordinator at " << connection.server()
          << "; asking again until it is back (Ctrl-C leaves, the job goes on)\n";
    }
    if (!options.wait(options.interval)) {
      block.Erase();
      err << "job " << options.job << " goes on; `reluscape watch " << options.job
          << "` follows it again\n";
      return ExitCode::kInterrupted;
    }
  }
}

}  // namespace reluscape

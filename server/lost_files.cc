#include "server/lost_files.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "server/lease_policy.h"

namespace reluscape {
namespace {

constexpr size_t kMostNoted = 10'000;  // what comes beyond is noted when it is needed again

}  // namespace

bool LostFiles::FolderIsThere() const {
  const absl::StatusOr<std::string> id = folder_.ReadId();
  return id.ok() && *id == folder_id_;
}

void LostFiles::Note(const v1::Artifact& artifact, const absl::Status& look, Time steady_now) {
  if (lost_.size() >= kMostNoted) return;
  const auto [place, is_new] = lost_.try_emplace(
      artifact.sha256(),
      Lost{artifact, steady_now, absl::IsNotFound(look), std::string(look.message())});
  if (is_new) LogWarning("needed and not usable: ", place->second.found);
}

std::string LostFiles::WhyNot(const v1::Artifact& artifact, Time steady_now) {
  if (!IsSet(artifact)) return "";
  if (const auto known = lost_.find(artifact.sha256()); known != lost_.end()) {
    return known->second.found;
  }
  if (folder_.Has(artifact)) return "";
  const absl::Status look = looks_.Look(artifact);
  if (look.ok()) return "";
  Note(artifact, look, steady_now);
  return std::string(look.message());
}

absl::Status LostFiles::Review(Transaction& transaction, TaskBook& book, Time steady_now,
                               Milliseconds patience) {
  if (lost_.empty() || !FolderIsThere()) return absl::OkStatus();
  for (auto it = lost_.begin(); it != lost_.end();) {
    const Lost& lost = it->second;
    const bool patient = steady_now - lost.since < patience;
    // A file that is there is read when it has appeared and when its time is up, not every time.
    if (patient && !(lost.is_missing && folder_.Has(lost.artifact))) {
      ++it;
      continue;
    }
    const absl::Status look = looks_.Look(lost.artifact);
    if (look.ok()) {
      LogInfo("usable again: ", folder_.PathOf(lost.artifact).string());
      it = lost_.erase(it);
      continue;
    }
    if (patient || (absl::IsUnavailable(look) && steady_now - lost.since < 10 * patience)) {
      ++it;
      continue;
    }
    // A damaged one would be taken for the new one.
    if (!absl::IsNotFound(look)) folder_.Remove(lost.artifact);
    ASSIGN_OR_RETURN(std::vector<TaskRow> resuming, transaction.ListResuming(lost.artifact));
    for (TaskRow& task : resuming) {
      LogWarning("task ", task.id.value, " goes on without its checkpoint: ", lost.found);
      task.checkpoint = {};
      task.checkpoint_epochs = 0;
      RETURN_IF_ERROR(transaction.UpdateTask(task));
    }
    ASSIGN_OR_RETURN(const std::vector<ArtifactMaker> makers,
                     transaction.ListMakers(lost.artifact));
    for (const ArtifactMaker& maker : makers) {
      RETURN_IF_ERROR(book.Remake(maker,
                                  absl::StrCat(lost.found, "; not usable for ",
                                               SecondsText(patience), ", so it is made again"),
                                  /*blame=*/false));
    }
    it = lost_.erase(it);
  }
  return absl::OkStatus();
}

}  // namespace reluscape

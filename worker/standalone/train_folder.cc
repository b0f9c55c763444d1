#include "worker/standalone/train_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "worker/standalone/more_budgets.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

constexpr char kStateFile[] = "state.pb";
constexpr char kLockFile[] = "lock";
constexpr char kCurvesFile[] = "epochs.csv";
constexpr int64_t kStateLimitBytes = int64_t{1} << 30;  // 100,000 Tasks have about 0.3 GB
constexpr size_t kMostDifferences = 20;                 // more are only counted

// What a person reads as a field's path: "stages.pretrain.epochs", "candidates.networks[0]".
std::string FieldPath(const std::string& pointer) {
  std::string path;
  for (size_t begin = 1; begin <= pointer.size();) {
    const size_t end = std::min(pointer.find('/', begin), pointer.size());
    const std::string part = pointer.substr(begin, end - begin);
    const bool is_index =
        !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    if (is_index) {
      absl::StrAppend(&path, "[", part, "]");
    } else {
      absl::StrAppend(&path, path.empty() ? "" : ".", part);
    }
    begin = end + 1;
  }
  return path;
}

// One line per field in which two job files, both with all defaults, differ.
std::vector<std::string> JobDifferences(const std::string& old_text, const std::string& new_text) {
  const Json old_job = Json::parse(old_text, nullptr, /*allow_exceptions=*/false);
  const Json new_job = Json::parse(new_text, nullptr, /*allow_exceptions=*/false);
  if (!old_job.is_object() || !new_job.is_object())
    return {"job: one of the two is no JSON object"};
  const Json old_fields = old_job.flatten();
  const Json new_fields = new_job.flatten();
  std::set<std::string> names;
  for (const auto& [name, value] : old_fields.items()) names.insert(name);
  for (const auto& [name, value] : new_fields.items()) names.insert(name);
  std::vector<std::string> lines;
  for (const std::string& name : names) {
    const auto text = [&](const Json& fields) {
      return fields.contains(name) ? fields.at(name).dump() : std::string("nothing");
    };
    if (text(old_fields) == text(new_fields)) continue;
    lines.push_back(absl::StrCat(FieldPath(name), ": the folder has ", text(old_fields),
                                 ", the job file ", text(new_fields)));
  }
  return lines;
}

std::vector<std::string> Differences(const TrainState& state, const TrainPlan& plan,
                                     const TrainSettings& settings) {
  std::vector<std::string> lines;
  if (state.job_json != plan.job_json) lines = JobDifferences(state.job_json, plan.job_json);
  if (state.device != settings.device) {
    lines.push_back(absl::StrCat("device: the folder has ", state.device, ", this start ",
                                 settings.device, " (--device)"));
  } else if (settings.threads > 0 && state.threads > 0 && state.threads != settings.threads) {
    lines.push_back(absl::StrCat("threads: the folder has ", state.threads, ", this start ",
                                 settings.threads, " (--threads)"));
  }
  if (lines.empty() && state.plan_sha256 != plan.Digest()) {
    lines.push_back(absl::StrCat("version: commit ", state.build_commit,
                                 ", which began it, makes other tasks of this job than commit ",
                                 settings.build_commit));
  }
  if (lines.size() > kMostDifferences) {
    const size_t more = lines.size() - kMostDifferences;
    lines.resize(kMostDifferences);
    lines.push_back(absl::StrCat("and ", more, " more"));
  }
  return lines;
}

// Nothing in it but what a first start that was killed at once may have left.
absl::Status CheckUnused(const std::filesystem::path& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kLockFile || absl::StartsWith(name, std::string(kStateFile) + ".part-")) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " holds ", name,
                     " and no job of reluscape-train; name another folder with --out"));
  }
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", path.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> TakeFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot make the folder ", path.string(), ": ",
        error ? error.message() : std::string("it is a file"), "; name another with --out"));
  }
  return FileLock::Take(path / kLockFile,
                        "another reluscape-train works in this folder; wait for it, stop it or "
                        "name another folder with --out");
}

// std::nullopt where nothing was begun in `path`.
absl::StatusOr<std::optional<TrainState>> ReadState(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path / kStateFile, error)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path / kStateFile, kStateLimitBytes));
  absl::StatusOr<TrainState> state = ParseState(bytes);
  if (!state.ok()) {
    return absl::Status(state.status().code(), absl::StrCat((path / kStateFile).string(), ": ",
                                                            std::string(state.status().message())));
  }
  return *std::move(state);
}

TrainState NewState(const TrainPlan& plan, const TrainSettings& settings, Time now) {
  TrainState state;
  state.job_json = plan.job_json;
  state.plan_sha256 = plan.Digest();
  state.device = settings.device;
  state.torch_version = settings.torch_version;
  state.build_commit = settings.build_commit;
  state.created_at = now;
  return state;
}

void WarnOfOtherVersion(const char* what, const std::string& old_version,
                        const std::string& new_version) {
  if (old_version == new_version) return;
  LogWarning("the folder was begun with ", what, " ", old_version, ", now it is ", new_version,
             ": results may differ in their last bits; each says what it was measured with");
}

void TryFailuresAgain(TrainState& state) {
  for (auto& [id, task] : state.tasks) {
    task.attempts_lost = 0;
    if (!task.failed()) continue;
    const FailureKind kind = task.report.failure->kind;
    if (kind == FailureKind::kDiverged || kind == FailureKind::kInfeasible) continue;
    task.report.state = ReportState::kRunning;
    task.report.failure.reset();
    task.ended_at.reset();
  }
}

void AddArtifacts(const TaskReport& report, std::set<std::string>& digests) {
  digests.insert(report.checkpoint.sha256);
  digests.insert(report.weights.sha256);
  if (report.result) digests.insert(report.result->artifact.sha256);
  for (const SnapshotReport& snapshot : report.snapshots) digests.insert(snapshot.artifact.sha256);
}

// Files that stay behind in spite of it only take space.
void RemoveUnusedArtifacts(const std::filesystem::path& folder, const TrainPlan& plan,
                           const TrainState& state) {
  std::set<std::string> used;
  for (const PlannedCandidate& one : plan.candidates) used.insert(one.pretrained.sha256);
  for (const auto& [id, task] : state.tasks) AddArtifacts(task.report, used);
  std::vector<std::filesystem::path> unused;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::filesystem::path& file = entry->path();
    if (entry.depth() != 1 || !absl::StrContains(file.filename().string(), ".safetensors"))
      continue;
    const bool whole = file.extension() == ".safetensors";
    if (!whole || !used.contains(file.stem().string())) unused.push_back(file);
  }
  for (const std::filesystem::path& file : unused) std::filesystem::remove(file, error);
}

}  // namespace

TrainFolder::TrainFolder(std::filesystem::path path, std::unique_ptr<FileLock> lock,
                         TrainState state, LearningCurves curves, bool resumed)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      state_(std::move(state)),
      curves_(std::move(curves)),
      resumed_(resumed) {}

absl::StatusOr<std::unique_ptr<TrainFolder>> TrainFolder::Open(const std::filesystem::path& path,
                                                               TrainPlan& plan,
                                                               const TrainSettings& settings,
                                                               const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, TakeFolder(path));
  ASSIGN_OR_RETURN(std::optional<TrainState> found, ReadState(path));
  const bool resumed = found.has_value();
  if (!resumed) {
    RETURN_IF_ERROR(CheckUnused(path));
    found = NewState(plan, settings, clock.Now());
    RETURN_IF_ERROR(WriteFileAtomically(path / kStateFile, SerializeState(*found)));
  }
  if (resumed) RETURN_IF_ERROR(TakeMoreBudgets(plan, *found));
  const std::vector<std::string> differences = Differences(*found, plan, settings);
  if (!differences.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " was begun with another job or other settings:\n",
                     absl::StrJoin(differences, "\n"), "\nname another folder with --out"));
  }
  WarnOfOtherVersion("LibTorch", found->torch_version, settings.torch_version);
  WarnOfOtherVersion("commit", found->build_commit, settings.build_commit);
  TryFailuresAgain(*found);
  const std::filesystem::path artifacts = path / "artifacts";
  std::error_code error;
  std::filesystem::create_directories(artifacts, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create ", artifacts.string(), ": ", error.message()));
  }
  RemoveUnusedArtifacts(artifacts, plan, *found);
  RETURN_IF_ERROR(WriteFileAtomically(path / "job.json", plan.job_json + "\n"));
  ASSIGN_OR_RETURN(LearningCurves curves, LearningCurves::Open(path / kCurvesFile));
  return std::unique_ptr<TrainFolder>(
      new TrainFolder(path, std::move(lock), *std::move(found), std::move(curves), resumed));
}

absl::Status TrainFolder::Save() {
  RETURN_IF_ERROR(curves_.Flush());
  FaultPoint("train.before_save");
  RETURN_IF_ERROR(WriteFileAtomically(path_ / kStateFile, SerializeState(state_)));
  FaultPoint("train.after_save");
  return absl::OkStatus();
}

}  // namespace reluscape

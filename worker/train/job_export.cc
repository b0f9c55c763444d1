#include "worker/train/job_export.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/csv.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "search/export/result_folder.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

constexpr char kPart[] = ".part-linked";  // a name of an unfinished file like others
constexpr size_t kLongestName = 80;       // of a network in a folder's name
constexpr char kJobFile[] = "job-";
constexpr char kResultsFile[] = "results-";
constexpr char kResultsFolder[] = "results";
constexpr char kCurvesFile[] = "epochs.csv";
constexpr char kCurvesHeader[] =
    "job,task,epoch,candidate,replicate,stage,budget,attempt,loss,train_accuracy,"
    "validation_accuracy,learning_rate,lambda,relus,seconds,name\r\n";

// Letters, digits and what shells leave alone; anything else becomes '_'.
std::string FileName(const std::string& network) {
  std::string name = network.substr(0, kLongestName);
  for (char& c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '@' || c == '+' || c == '-';
    if (!kept) c = '_';
  }
  return name;
}

std::string FolderName(const v1::Result& result, int64_t replicate) {
  return absl::StrCat(absl::StrFormat("%03d", result.result()), "-", FileName(result.name()), "-r",
                      replicate, "-", result.report().budget());
}

// The same bytes under another name: a link where the file system has them, else a copy.
absl::Status LinkOrCopy(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path part = to.string() + kPart;
  std::error_code error;
  if (std::filesystem::equivalent(from, to, error)) return absl::OkStatus();
  error.clear();
  std::filesystem::remove(part, error);
  std::filesystem::create_hard_link(from, part, error);
  if (error) {
    error.clear();
    std::filesystem::copy_file(from, part, error);
  }
  if (!error) std::filesystem::rename(part, to, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", to.string(), ": ", error.message()));
}

// What a process that was killed had begun to write. Of the folder itself, where users may keep
// files of their own, only what an export writes there.
void RemoveUnfinished(const std::filesystem::path& folder, bool is_own) {
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<std::string_view> finished = FinishedName(name);
    const bool is_export =
        finished && (is_own || *finished == kCurvesFile ||
                     (finished->ends_with(".json") &&
                      (finished->starts_with(kJobFile) || finished->starts_with(kResultsFile))));
    std::error_code ignored;
    if (is_export) std::filesystem::remove(entry->path(), ignored);
  }
}

std::string Number(double value) { return absl::StrFormat("%.17g", value); }

std::string CurveRow(const v1::Candidate& candidate, const v1::CurvePoint& point) {
  const v1::Epoch& epoch = point.epoch();
  return CsvRecord(
      {absl::StrCat(candidate.job()), absl::StrCat(point.task()), absl::StrCat(epoch.epoch()),
       absl::StrCat(candidate.candidate()), absl::StrCat(candidate.replicate()), point.stage(),
       point.has_budget() ? absl::StrCat(point.budget()) : "", absl::StrCat(point.attempt()),
       Number(epoch.loss()), Number(epoch.train_accuracy()), Number(epoch.validation_accuracy()),
       Number(epoch.learning_rate()), epoch.has_lambda() ? Number(epoch.lambda()) : "",
       absl::StrCat(epoch.relus()), Number(epoch.seconds()), candidate.name()});
}

absl::StatusOr<std::string> CurveRows(const v1::JobDetail& detail, ResultReader& reader) {
  std::map<int64_t, const v1::Candidate*> owners;  // by Task
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) owners[task.task()] = &candidate;
  }
  ASSIGN_OR_RETURN(const std::vector<v1::CurvePoint> curves,
                   reader.ListCurves(JobId{detail.job().job()}));
  std::string rows;
  for (const v1::CurvePoint& point : curves) {
    const auto owner = owners.find(point.task());
    if (owner != owners.end()) absl::StrAppend(&rows, CurveRow(*owner->second, point));
  }
  return rows;
}

}  // namespace

absl::Status JobExport::Write(const v1::JobDetail& detail) {
  std::string job = absl::StrCat(MessageToJson(detail), "\n");
  if (job == written_job_) return absl::OkStatus();
  FaultPoint("train.before_export");
  if (written_job_.empty()) RemoveUnfinishedFiles();
  std::map<int64_t, int64_t> replicates;  // by Candidate
  for (const v1::Candidate& candidate : detail.candidates()) {
    replicates[candidate.candidate()] = candidate.replicate();
  }
  const int64_t number = detail.job().job();
  ASSIGN_OR_RETURN(const v1::ResultList list, folder_.reader().ListResults(JobId{number}));
  for (const v1::Result& result : list.results()) {
    RETURN_IF_ERROR(WriteResult(result, replicates[result.candidate()]));
  }
  RETURN_IF_ERROR(WriteFileAtomically(folder_.path() / absl::StrCat(kResultsFile, number, ".json"),
                                      absl::StrCat(MessageToJson(list), "\n")));
  RETURN_IF_ERROR(WriteCurves(detail));
  RETURN_IF_ERROR(
      WriteFileAtomically(folder_.path() / absl::StrCat(kJobFile, number, ".json"), job));
  written_job_ = std::move(job);
  return absl::OkStatus();
}

void JobExport::RemoveUnfinishedFiles() {
  RemoveUnfinished(folder_.path(), false);
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder_.path() / kResultsFolder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    RemoveUnfinished(entry->path(), true);
  }
}

absl::Status JobExport::WriteResult(const v1::Result& result, int64_t replicate) {
  std::string text = absl::StrCat(MessageToJson(result), "\n");
  const auto found = written_.find(result.result());
  if (found != written_.end() && found->second == text) return absl::OkStatus();
  const v1::Artifact artifact = result.report().artifact();
  const bool is_new = found == written_.end();
  const auto put_weights =
      [&](const std::filesystem::path& weights) -> absl::StatusOr<std::optional<FoldedNetwork>> {
    if (result.has_weights_removed_at_ms()) {
      // A link here would hold the disk space that the job's retention is to free.
      std::error_code ignored;
      std::filesystem::remove(weights, ignored);
      return std::nullopt;
    }
    if (!is_new) return std::nullopt;
    RETURN_IF_ERROR(
        folder_.artifacts().Get(artifact).status());  // its hash, before it is handed on
    RETURN_IF_ERROR(LinkOrCopy(folder_.artifacts().PathOf(artifact), weights));
    return std::nullopt;
  };
  RETURN_IF_ERROR(WriteResultFolder(folder_.path() / kResultsFolder / FolderName(result, replicate),
                                    {result.name(), result.network(), text}, put_weights));
  written_[result.result()] = std::move(text);
  return absl::OkStatus();
}

absl::Status JobExport::WriteCurves(const v1::JobDetail& detail) {
  ResultReader& reader = folder_.reader();
  if (curves_.empty()) {
    ASSIGN_OR_RETURN(const v1::JobList jobs, reader.ListJobs());
    for (const v1::Job& one : jobs.jobs()) {
      if (one.job() == detail.job().job()) continue;
      ASSIGN_OR_RETURN(const v1::JobDetail other, reader.GetJob(JobId{one.job()}));
      ASSIGN_OR_RETURN(curves_[one.job()], CurveRows(other, reader));
    }
  }
  ASSIGN_OR_RETURN(curves_[detail.job().job()], CurveRows(detail, reader));
  std::string content = kCurvesHeader;
  for (const auto& [job, rows] : curves_) content += rows;
  return WriteFileAtomically(folder_.path() / kCurvesFile, content);
}

}  // namespace reluscape

#include "search/export/pretrained_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/export/pretrained_file.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

absl::Status At(const std::string& field, absl::StatusCode code, const std::string& message) {
  return absl::Status(code, absl::StrCat(field, ": ", message));
}

absl::StatusOr<PretrainedFile> ReadOne(const std::string& field, const std::filesystem::path& path,
                                       v1::PretrainedSpec& entry) {
  absl::StatusOr<std::string> content = ReadFile(path, kMaxPretrainedFileBytes);
  if (!content.ok()) {
    return At(field + ".file", content.status().code(), std::string(content.status().message()));
  }
  PretrainedFile file{MakeArtifact(Sha256Hex(*content), static_cast<int64_t>(content->size())), {}};
  const std::string allowed = "that of the file, or nothing";
  if (entry.has_sha256() && entry.sha256() != file.artifact.sha256()) {
    return At(field + ".sha256", absl::StatusCode::kInvalidArgument,
              absl::StrCat("found ", entry.sha256(), "; allowed: ", allowed, " (", path.string(),
                           " has ", file.artifact.sha256(), ")"));
  }
  if (entry.has_bytes() && entry.bytes() != file.artifact.bytes()) {
    return At(field + ".bytes", absl::StatusCode::kInvalidArgument,
              absl::StrCat("found ", entry.bytes(), "; allowed: ", allowed, " (", path.string(),
                           " has ", file.artifact.bytes(), ")"));
  }
  entry.set_sha256(file.artifact.sha256());
  entry.set_bytes(file.artifact.bytes());
  file.content = *std::move(content);
  return file;
}

}  // namespace

absl::StatusOr<PretrainedJob> ReadPretrainedFiles(const std::string& text,
                                                  const std::filesystem::path& folder) {
  PretrainedJob job{text, {}};
  FieldErrors errors;
  v1::JobSpec message;
  JsonToMessage(text, message, errors);
  v1::CandidatesSpec& candidates = *message.mutable_candidates();
  if (!errors.empty() || candidates.pretrained_size() == 0) return job;

  std::vector<std::string> fields;
  for (int i = 0; i < candidates.pretrained_size(); ++i) {
    v1::PretrainedSpec& entry = *candidates.mutable_pretrained(i);
    fields.push_back(absl::StrCat("candidates.pretrained[", i, "]"));
    // A path that is absolute replaces the folder.
    ASSIGN_OR_RETURN(PretrainedFile file,
                     ReadOne(fields.back(), folder / std::filesystem::path(entry.file()), entry));
    job.files.push_back(std::move(file));
  }
  job.json = MessageToShortJson(message);
  const auto spec = Checked<v1::JobSpec>::From(message, "", errors);
  if (!spec) return job;
  for (size_t i = 0; i < job.files.size(); ++i) {
    const v1::PretrainedSpec& entry = (*spec)->candidates().pretrained(static_cast<int>(i));
    const absl::Status fits = CheckPretrained(entry.network(), (*spec)->data().side(),
                                              (*spec)->data().classes(), job.files[i].content);
    if (!fits.ok()) {
      return At(fields[i] + ".file", absl::StatusCode::kInvalidArgument,
                absl::StrCat(entry.file(), " holds no weights of ", entry.network(), ": ",
                             std::string(fits.message())));
    }
  }
  return job;
}

}  // namespace reluscape

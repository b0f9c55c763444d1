#include "worker/standalone/results_folder.h"

#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "search/export/architecture_json.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

constexpr size_t kLongestName = 80;  // of a network in a folder's name

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
                      replicate, "-", result.budget());
}

// The same bytes under another name: a link where the file system has them, else a copy.
absl::Status LinkOrCopy(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path part = to.string() + ".part";
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

}  // namespace

absl::Status ResultsFolder::WriteResult(const v1::Result& result, int64_t replicate) {
  std::string text = absl::StrCat(MessageToJson(result), "\n");
  const auto found = written_.find(result.result());
  if (found != written_.end() && found->second == text) return absl::OkStatus();
  const std::filesystem::path folder = path_ / "results" / FolderName(result, replicate);
  if (found == written_.end()) {
    const ArtifactRef artifact{result.artifact_sha256(), result.artifact_bytes()};
    RETURN_IF_ERROR(artifacts_.Get(artifact).status());  // its hash, before it is handed on
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot create ", folder.string(), ": ", error.message()));
    }
    RETURN_IF_ERROR(LinkOrCopy(artifacts_.PathOf(artifact), folder / "weights.safetensors"));
    ASSIGN_OR_RETURN(const std::string architecture,
                     ArchitectureJson(result.name(), result.network()));
    RETURN_IF_ERROR(WriteFileAtomically(folder / "architecture.json", architecture));
  }
  RETURN_IF_ERROR(WriteFileAtomically(folder / "result.json", text));
  written_[result.result()] = std::move(text);
  return absl::OkStatus();
}

absl::Status ResultsFolder::Write(const v1::TrainResults& document) {
  std::map<int64_t, int64_t> replicates;
  for (const v1::Candidate& candidate : document.candidates()) {
    replicates[candidate.candidate()] = candidate.replicate();
  }
  for (const v1::Result& result : document.results()) {
    RETURN_IF_ERROR(WriteResult(result, replicates[result.candidate()]));
  }
  return WriteFileAtomically(path_ / "results.json", absl::StrCat(MessageToJson(document), "\n"));
}

}  // namespace reluscape

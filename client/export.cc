#include "client/export.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "search/export/folded_file.h"
#include "search/export/result_folder.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

absl::Status CheckFolder(const std::filesystem::path& folder, bool overwrite) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return absl::OkStatus();
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder.string(), " is not a folder; name another with --out"));
  }
  if (overwrite || std::filesystem::is_empty(folder, error)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder.string(),
                   " is not empty; name another folder, or allow with --force that "
                   "weights.safetensors, architecture.json and result.json in it are "
                   "replaced"));
}

absl::Status Download(Connection& connection, const v1::Result& result,
                      const std::filesystem::path& path) {
  const v1::Artifact& artifact = result.report().artifact();
  if (!IsSha256Hex(artifact.sha256())) {
    return absl::NotFoundError(absl::StrCat("result ", result.result(), " has no weights"));
  }
  const std::filesystem::path part = path.string() + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  Sha256 hash;
  int64_t bytes = 0;
  absl::Status status = connection.ReadArtifact(
      artifact.sha256(), artifact.bytes(), [&](const std::string& piece) -> absl::Status {
        bytes += static_cast<int64_t>(piece.size());
        if (bytes > artifact.bytes()) {
          return absl::DataLossError(absl::StrCat("artifact ", artifact.sha256(),
                                                  " is longer than the ", artifact.bytes(),
                                                  " bytes that the result states"));
        }
        hash.Update(piece);
        file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
        if (!file) {
          return absl::ResourceExhaustedError(
              absl::StrCat("cannot write ", part.string(), ": ", std::strerror(errno)));
        }
        return absl::OkStatus();
      });
  file.close();
  if (status.ok() && !file) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("cannot write ", part.string(), ": ", std::strerror(errno)));
  }
  if (status.ok() && (bytes != artifact.bytes() || hash.HexDigest() != artifact.sha256())) {
    status = absl::DataLossError(
        absl::StrCat("the ", bytes, " bytes received for artifact ", artifact.sha256(),
                     " are not those that the result states (", artifact.bytes(),
                     " bytes); the coordinator's artifact folder may be damaged"));
  }
  std::error_code error;
  if (status.ok()) {
    std::filesystem::rename(part, path, error);
    if (error) {
      status = absl::ResourceExhaustedError(
          absl::StrCat("cannot rename ", part.string(), ": ", error.message()));
    }
  }
  if (!status.ok()) std::filesystem::remove(part, error);
  return status;
}

// Folds the file at `path` in place; returns what has been folded.
absl::StatusOr<FoldedNetwork> FoldInPlace(const std::string& network, int64_t bytes,
                                          const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string weights, ReadFile(path, bytes));
  ASSIGN_OR_RETURN(FoldedFile folded, FoldFile(network, weights));
  RETURN_IF_ERROR(WriteFileAtomically(path, folded.bytes));
  return std::move(folded.network);
}

// As Download, with what was folded.
absl::StatusOr<FoldedNetwork> DownloadFolded(Connection& connection, const v1::Result& result,
                                             const std::filesystem::path& weights) {
  const std::filesystem::path unfolded = weights.parent_path() / "weights.unfolded";
  RETURN_IF_ERROR(Download(connection, result, unfolded));
  absl::StatusOr<FoldedNetwork> folded =
      FoldInPlace(result.network(), result.report().artifact().bytes(), unfolded);
  std::error_code error;
  if (folded.ok()) std::filesystem::rename(unfolded, weights, error);
  if (folded.ok() && !error) return folded;
  std::error_code ignored;
  std::filesystem::remove(unfolded, ignored);
  RETURN_IF_ERROR(folded.status());
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot write ", weights.string(), ": ", error.message()));
}

}  // namespace

absl::Status ExportResult(Connection& connection, int64_t job, int64_t result,
                          const std::filesystem::path& folder, ExportOptions options) {
  ASSIGN_OR_RETURN(const v1::ResultList list, connection.ListResults(job));
  const auto found =
      std::find_if(list.results().begin(), list.results().end(),
                   [result](const v1::Result& entry) { return entry.result() == result; });
  if (found == list.results().end()) {
    return absl::NotFoundError(absl::StrCat("job ", job, " has no result ", result,
                                            "; `reluscape results ", job, "` lists them"));
  }
  if (found->has_weights_removed_at_ms()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the weights of result ", result, " were removed on ",
                     LocalTime(found->weights_removed_at_ms()), ", when job ", job,
                     " was archived; its numbers stay: `reluscape results ", job, "`"));
  }
  RETURN_IF_ERROR(CheckFolder(folder, options.overwrite));
  const auto put_weights =
      [&](const std::filesystem::path& weights) -> absl::StatusOr<std::optional<FoldedNetwork>> {
    if (options.folded) return DownloadFolded(connection, *found, weights);
    RETURN_IF_ERROR(Download(connection, *found, weights));
    return std::nullopt;
  };
  return WriteResultFolder(
      folder, {found->name(), found->network(), absl::StrCat(MessageToJson(*found), "\n")},
      put_weights);
}

}  // namespace reluscape

#include "search/export/result_folder.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "search/export/architecture_json.h"

namespace reluscape {

absl::Status WriteResultFolder(const std::filesystem::path& folder, const ResultFiles& files,
                               const PutWeights& put_weights) {
  ASSIGN_OR_RETURN(std::string architecture, ArchitectureJson(files.name, files.network));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create ", folder.string(), ": ", error.message()));
  }
  ASSIGN_OR_RETURN(const std::optional<FoldedNetwork> folded,
                   put_weights(folder / "weights.safetensors"));
  if (folded) {
    ASSIGN_OR_RETURN(architecture, ArchitectureJson(files.name, files.network, &*folded));
  }
  RETURN_IF_ERROR(WriteFileAtomically(folder / "architecture.json", architecture));
  return WriteFileAtomically(folder / "result.json", files.json);
}

}  // namespace reluscape

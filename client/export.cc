#include "client/export.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"
#include "search/network/names.h"
#include "search/wire/json.h"

namespace reluscape {
namespace {

const char* OpName(OpKind kind) {
  switch (kind) {
    case OpKind::kInput:
      return "input";
    case OpKind::kConv:
      return "conv";
    case OpKind::kBatchNorm:
      return "batch_norm";
    case OpKind::kRelu:
      return "relu";
    case OpKind::kAveragePool:
      return "average_pool";
    case OpKind::kMaxPool:
      return "max_pool";
    case OpKind::kDownsample:
      return "downsample";
    case OpKind::kScale:
      return "scale";
    case OpKind::kAdd:
      return "add";
    case OpKind::kLinear:
      return "linear";
  }
  return "";
}

absl::Status PrepareFolder(const std::filesystem::path& folder, bool overwrite) {
  std::error_code error;
  if (std::filesystem::exists(folder, error)) {
    if (!std::filesystem::is_directory(folder, error)) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder.string(), " is not a folder; name another with --out"));
    }
    if (!overwrite && !std::filesystem::is_empty(folder, error)) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder.string(),
                       " is not empty; name another folder, or allow with --force that "
                       "weights.safetensors, architecture.json and result.json in it are "
                       "replaced"));
    }
  }
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create ", folder.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::Status Download(Connection& connection, const v1::Result& result,
                      const std::filesystem::path& path) {
  if (!IsSha256Hex(result.artifact_sha256())) {
    return absl::NotFoundError(absl::StrCat("result ", result.result(), " has no weights"));
  }
  const std::filesystem::path part = path.string() + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  Sha256 hash;
  int64_t bytes = 0;
  absl::Status status = connection.ReadArtifact(
      result.artifact_sha256(), result.artifact_bytes(),
      [&](const std::string& piece) -> absl::Status {
        bytes += static_cast<int64_t>(piece.size());
        if (bytes > result.artifact_bytes()) {
          return absl::DataLossError(absl::StrCat("artifact ", result.artifact_sha256(),
                                                  " is longer than the ", result.artifact_bytes(),
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
  if (status.ok() &&
      (bytes != result.artifact_bytes() || hash.HexDigest() != result.artifact_sha256())) {
    status = absl::DataLossError(
        absl::StrCat("the ", bytes, " bytes received for artifact ", result.artifact_sha256(),
                     " are not those that the result states (", result.artifact_bytes(),
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
  if (!status.ok()) {
    std::filesystem::remove(part, error);
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> ArchitectureJson(const std::string& name,
                                             const std::string& canonical_text) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(canonical_text));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(const NetworkCounts counts, CountNetwork(network));
  nlohmann::ordered_json document = {{"name", name},
                                     {"network", CanonicalText(architecture)},
                                     {"hash", NetworkHash(network)},
                                     {"side", architecture.side},
                                     {"classes", architecture.classes},
                                     {"base_channels", architecture.base_channels},
                                     {"blocks", architecture.blocks},
                                     {"multipliers", architecture.multipliers},
                                     {"stem_relu", architecture.stem_relu}};
  auto widths = nlohmann::ordered_json::array();
  for (const StageCounts& stage : counts.stages) {
    widths.push_back(stage.width);
  }
  document["widths"] = std::move(widths);
  document["relus"] = counts.relus;
  document["relus_with_stem"] = counts.relus_with_stem;
  document["macs"] = counts.macs;
  document["parameters"] = counts.parameters;
  auto operations = nlohmann::ordered_json::array();
  for (const Op& op : network.ops) {
    nlohmann::ordered_json entry = {
        {"name", op.name},     {"kind", OpName(op.kind)},
        {"inputs", op.inputs}, {"output", {op.output.channels, op.output.height, op.output.width}},
        {"stage", op.stage},   {"shortcut", op.shortcut}};
    if (op.block > 0) {
      entry["block"] = op.block;
    }
    if (op.kind == OpKind::kConv || op.kind == OpKind::kAveragePool ||
        op.kind == OpKind::kMaxPool) {
      entry["kernel"] = op.kernel;
      entry["stride"] = op.stride;
      entry["padding"] = op.padding;
    }
    if (op.kind == OpKind::kDownsample) {
      entry["stride"] = op.stride;
    }
    if (op.kind == OpKind::kConv) {
      entry["dirac"] = op.dirac;
    }
    if (op.kind == OpKind::kRelu) {
      entry["relu_channels"] = op.relu_channels;
    }
    if (op.kind == OpKind::kAdd) {
      entry["join"] = op.join == Join::kShared ? "shared" : "residual";
    }
    operations.push_back(std::move(entry));
  }
  document["operations"] = std::move(operations);
  return absl::StrCat(
      document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace), "\n");
}

absl::Status ExportResult(Connection& connection, int64_t job, int64_t result,
                          const std::filesystem::path& folder, bool overwrite) {
  ASSIGN_OR_RETURN(const v1::Front front, connection.GetFront(job));
  const auto found =
      std::find_if(front.results().begin(), front.results().end(),
                   [result](const v1::Result& entry) { return entry.result() == result; });
  if (found == front.results().end()) {
    return absl::NotFoundError(absl::StrCat("job ", job, " has no result ", result,
                                            "; `reluscape front ", job, "` lists them"));
  }
  ASSIGN_OR_RETURN(const std::string architecture,
                   ArchitectureJson(found->name(), found->network()));
  RETURN_IF_ERROR(PrepareFolder(folder, overwrite));
  RETURN_IF_ERROR(Download(connection, *found, folder / "weights.safetensors"));
  RETURN_IF_ERROR(WriteFileAtomically(folder / "architecture.json", architecture));
  return WriteFileAtomically(folder / "result.json", absl::StrCat(MessageToJson(*found), "\n"));
}

}  // namespace reluscape

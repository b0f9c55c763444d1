#pragma once

// Whole files, read with a limit and written atomically. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reluscape {

// The bytes of `path`. NOT_FOUND where it cannot be opened, RESOURCE_EXHAUSTED where it is larger
// than `limit_bytes`; every message names the path.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t limit_bytes);

// What is being written under `path` has this name until it is finished: ".part-" and six
// characters more, which mkstemp draws for the X's.
std::string UnfinishedTemplate(const std::filesystem::path& path);
// The name that the file called `name` would have had when finished; none where it is no such file.
std::optional<std::string_view> FinishedName(std::string_view name);

// Writes a temporary file beside `path`, flushes it to the disk (fsync) and renames it over
// `path`, so that a reader or a crash sees the old content or the new one, never a part.
absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

// Renames `from`, whose content has been flushed, over `to` in the same folder and flushes the
// folder and the one that it lies in, which may be as new as the file: after a crash of the machine
// too the file is there under its new name. On an error `from` may still be there.
absl::Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace reluscape

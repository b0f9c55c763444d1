#pragma once

// How much memory a process may still take on this machine.

#include <cstdint>
#include <filesystem>

namespace reluscape {

// In bytes: what the kernel can give to programs without swapping (MemAvailable), at most what the
// memory limits of this process' control group and those above it leave, version 1 or 2; file cache
// that a group can give back counts as left. 0 where the kernel does not say. `root` is / but in
// tests.
int64_t FreeHostMemory(const std::filesystem::path& root = "/");

}  // namespace reluscape

#pragma once

// What of this machine the process may use. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <string>

namespace reluscape {

// This machine's name, or "localhost" where it has none.
std::string HostName();

// Tells this machine, since it was last started, from others: its name and the kernel's boot id.
// Containers have names of their own and count as machines.
std::string MachineName();

// CPU cores: those that the process may run on, or fewer where a control group limits
// its processor time, rounded up; at least 1. `root` holds proc and sys.
int64_t UsableCores(const std::filesystem::path& root = "/");

// Bytes of memory that are free or can be freed, or fewer where a control group has a limit; 0
// where nothing says. `root` as above.
int64_t UsableMemoryBytes(const std::filesystem::path& root = "/");

// Workers that `cores` and the memory have room for, at least 1. A Worker is taken to need 2 GiB:
// the descent of ResNet18 at base width 64 with batches of 128 has its peak at 1.6 GB
// (docs/benchmarks.md).
int64_t WorkersThatFit(int64_t cores, const std::filesystem::path& root = "/");

}  // namespace reluscape

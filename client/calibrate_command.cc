#include "client/calibrate_command.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/build_info.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "client/calibrate/measure.h"
#include "client/format.h"
#include "search/cost/hardware.h"

namespace reluscape {
namespace {

// "AMD EPYC 7502 32-Core Processor", or "unknown processor".
std::string ProcessorName() {
  // Line by line: a file of /proc states no size.
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "unknown processor";
}

HardwareProfile ProfileOf(const CalibrateOptions& options, const MachineTimes& times) {
  const auto threads = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  HardwareProfile profile;
  profile.name = options.name;
  profile.description = ProcessorName();
  profile.source = absl::StrCat(
      "reluscape calibrate ", kVersion, " on ",
      absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()),
      ": the fastest of many groups on one thread; forward negacyclic transforms with a 60-bit "
      "prime; half-gates of "
      "331 "
      "AND gates per ReLU on AES instructions, which is lean garbling and not DELPHI's software");
  profile.status = "calibrated";
  profile.gc = "lean";
  profile.he_threads = options.he_threads;
  profile.gc_threads = options.gc_threads > 0 ? options.gc_threads : std::min<int64_t>(threads, 4);
  profile.ntt_8192_s = times.ntt_8192_s;
  profile.ntt_4096_s = times.ntt_4096_s;
  profile.garble_s = times.garble_s;
  profile.gc_evaluate_s = times.evaluate_s;
  return profile;
}

std::string Microseconds(double seconds) { return absl::StrCat(Seconds(seconds * 1e6), " us"); }

}  // namespace

absl::Status Calibrate(const CalibrateOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const MachineTimes times,
                   MeasureMachine(std::chrono::duration<double>(options.budget_s)));
  const HardwareProfile profile = ProfileOf(options, times);
  const std::string json = HardwareToJson(profile);
  // What is written can be read: a name that is empty is refused here, not at its first use.
  RETURN_IF_ERROR(HardwareFromJson(json, "profile").status());
  if (options.out.empty()) {
    out << json;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(WriteFileAtomically(options.out, json));
  out << profile.description << ", one thread:\n"
      << "  transform of size 4096  " << Microseconds(times.ntt_4096_s) << '\n'
      << "  transform of size 8192  " << Microseconds(times.ntt_8192_s) << '\n'
      << "  garble one ReLU         " << Microseconds(times.garble_s) << '\n'
      << "  evaluate one ReLU       " << Microseconds(times.evaluate_s) << '\n'
      << "written to " << options.out << "; use it as\n"
      << "  reluscape estimate NETWORK --client " << options.out << " --server " << options.out
      << '\n';
  return absl::OkStatus();
}

}  // namespace reluscape

#include "search/cost/hardware.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/cost/built_in_data.h"
#include "search/cost/json_fields.h"
#include "search/cost/json_or_null.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxThreads = 4096;
constexpr double kMaxConstantS = 60;  // one transform or one ReLU: beyond it a slip of the unit
constexpr int64_t kMaxStorageBytes = 1LL << 60;

std::vector<HardwareProfile> MakeBuiltInHardware() {
  std::vector<HardwareProfile> profiles;
  for (const char* text : BuiltInHardwareJson()) {
    // The build's own data; a test reads every one of them.
    absl::StatusOr<HardwareProfile> profile = HardwareFromJson(text, "search/cost/data/hardware");
    if (profile.ok()) profiles.push_back(*std::move(profile));
  }
  return profiles;
}

}  // namespace

const std::vector<HardwareProfile>& BuiltInHardware() {
  static const auto* const profiles = new std::vector<HardwareProfile>(MakeBuiltInHardware());
  return *profiles;
}

absl::StatusOr<HardwareProfile> FindHardware(const std::string& name) {
  std::vector<std::string> names;
  for (const HardwareProfile& profile : BuiltInHardware()) {
    if (profile.name == name) return profile;
    names.push_back(profile.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("hardware profile: found ", name, "; allowed: ",
                                                 absl::StrJoin(names, ", "), ", or a JSON file"));
}

absl::StatusOr<HardwareProfile> HardwareFromJson(const std::string& json,
                                                 const std::string& source) {
  const nlohmann::json object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  JsonFields fields(object, source);
  const auto constant = [&fields](const char* name) {
    return fields.NumberOrNull(name, 0, /*or_equal=*/false, kMaxConstantS);
  };
  HardwareProfile profile;
  profile.name = fields.Text("name");
  profile.description = fields.Text("description");
  profile.source = fields.Text("source");
  profile.status = fields.Choice("status", "measured calibrated assumption");
  profile.gc = fields.Choice("gc", "delphi lean");
  profile.he_threads = fields.Whole("he_threads", 1, kMaxThreads);
  profile.gc_threads = fields.Whole("gc_threads", 1, kMaxThreads);
  profile.ntt_8192_s = constant("ntt_8192_s");
  profile.ntt_4096_s = constant("ntt_4096_s");
  profile.garble_s = constant("garble_s");
  profile.gc_evaluate_s = constant("gc_evaluate_s");
  profile.encode_offline_s = constant("encode_offline_s");
  profile.encode_online_s = constant("encode_online_s");
  profile.silent_ot_relu_s = constant("silent_ot_relu_s");
  profile.storage_bytes = fields.WholeOrNull("storage_bytes", 0, kMaxStorageBytes);
  RETURN_IF_ERROR(fields.Finish());
  return profile;
}

std::string HardwareToJson(const HardwareProfile& profile) {
  const nlohmann::ordered_json object = {
      {"name", profile.name},
      {"description", profile.description},
      {"source", profile.source},
      {"status", profile.status},
      {"gc", profile.gc},
      {"he_threads", profile.he_threads},
      {"gc_threads", profile.gc_threads},
      {"ntt_8192_s", OrNull(profile.ntt_8192_s)},
      {"ntt_4096_s", OrNull(profile.ntt_4096_s)},
      {"garble_s", OrNull(profile.garble_s)},
      {"gc_evaluate_s", OrNull(profile.gc_evaluate_s)},
      {"encode_offline_s", OrNull(profile.encode_offline_s)},
      {"encode_online_s", OrNull(profile.encode_online_s)},
      {"silent_ot_relu_s", OrNull(profile.silent_ot_relu_s)},
      {"storage_bytes", OrNull(profile.storage_bytes)},
  };
  return absl::StrCat(object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

}  // namespace reluscape

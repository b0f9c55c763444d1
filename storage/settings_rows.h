#pragma once

// Stage settings as rows of job_settings: one name and value per setting.

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "search/stage.h"

namespace reluscape {

struct SettingRow {
  std::string name;  // "pretrain.learning_rate"
  std::variant<int64_t, double, std::string> value;
};

std::vector<SettingRow> SettingsToRows(const StageSettings& settings);

// The reverse. A setting without a row (a Job older than the setting) keeps its default.
// DATA_LOSS names a value that cannot be read.
absl::StatusOr<StageSettings> SettingsFromRows(const std::vector<SettingRow>& rows);

}  // namespace reluscape

#pragma once

// The three Stages of a Candidate. Their settings are messages (proto/reluscape/v1/job.proto).

#include <optional>
#include <string_view>

namespace reluscape {

enum class Stage { kPretrain, kLinearize, kFineTune };

// "pretrain", "linearize", "fine-tune".
constexpr const char* StageName(Stage stage) {
  switch (stage) {
    case Stage::kPretrain:
      return "pretrain";
    case Stage::kLinearize:
      return "linearize";
    case Stage::kFineTune:
      return "fine-tune";
  }
  return "";
}

// The other way.
constexpr std::optional<Stage> ParseStage(std::string_view name) {
  for (const Stage stage : {Stage::kPretrain, Stage::kLinearize, Stage::kFineTune}) {
    if (name == StageName(stage)) return stage;
  }
  return std::nullopt;
}

}  // namespace reluscape

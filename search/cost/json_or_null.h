#pragma once

// What is missing is null in a document. Thread-safe.

#include <nlohmann/json.hpp>
#include <optional>

namespace reluscape {

template <typename T>
nlohmann::ordered_json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace reluscape

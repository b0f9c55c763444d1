#pragma once

// Messages written as JSON, for tests.

#include <gtest/gtest.h>

#include <string>

#include "search/vocabulary/check.h"
#include "search/vocabulary/json.h"

namespace reluscape {

// What `json` says and nothing else; a test failure where it cannot be read.
template <typename T>
T BareFromJson(const std::string& json) {
  T message;
  FieldErrors errors;
  JsonToMessage(json, message, errors);
  EXPECT_TRUE(errors.empty()) << errors.ToStatus().message();
  return message;
}

// The same with the defaults of the rules, and unchecked: tests break rules too.
template <typename T>
T FromJson(const std::string& json) {
  T message = BareFromJson<T>(json);
  FillDefaults(message);
  return message;
}

}  // namespace reluscape

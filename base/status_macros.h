#pragma once

// Propagation of absl::Status through fallible functions.

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RELUSCAPE_CONCAT_INNER(a, b) a##b
#define RELUSCAPE_CONCAT(a, b) RELUSCAPE_CONCAT_INNER(a, b)

// Returns the status of `expression` from the calling function unless it is OK.
#define RETURN_IF_ERROR(expression)                                               \
  do {                                                                            \
    if (::absl::Status reluscape_status = (expression); !reluscape_status.ok()) { \
      return reluscape_status;                                                    \
    }                                                                             \
  } while (false)

// Evaluates `expression` (a StatusOr), returns its status on error, else moves its value into
// `declaration`. Expands to several statements: not for an unbraced `if`.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(RELUSCAPE_CONCAT(reluscape_status_or_, __LINE__), declaration, expression)

// A declaration cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses)
#define ASSIGN_OR_RETURN_INNER(status_or, declaration, expression) \
  auto status_or = (expression);                                   \
  if (!status_or.ok()) {                                           \
    return std::move(status_or).status();                          \
  }                                                                \
  declaration = *std::move(status_or)
// NOLINTEND(bugprone-macro-parentheses)

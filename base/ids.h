#pragma once

// Strong types for the ids of rows. All are positive integers that the coordinator's database
// hands out and never uses again; 0 means "none".

#include <compare>
#include <cstdint>
#include <functional>

namespace reluscape {

template <typename Tag>
struct Id {
  int64_t value = 0;

  friend auto operator<=>(const Id&, const Id&) = default;
  explicit operator bool() const { return value != 0; }
};

using JobId = Id<struct JobTag>;
using CandidateId = Id<struct CandidateTag>;
using TaskId = Id<struct TaskTag>;
using ResultId = Id<struct ResultTag>;

}  // namespace reluscape

template <typename Tag>
struct std::hash<reluscape::Id<Tag>> {
  size_t operator()(const reluscape::Id<Tag>& id) const { return std::hash<int64_t>()(id.value); }
};

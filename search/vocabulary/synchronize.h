#pragma once

// What Workers and the coordinator say to each other (worker_service.proto), checked on both sides
// before anybody reads it. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "reluscape/v1/worker_service.pb.h"
#include "search/vocabulary/artifact.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/stage.h"

namespace reluscape {

// Both travel with every call of a Worker. Raise the first when Worker and coordinator of different
// builds would not understand each other, the second when the same recipe, seeds and data give
// other results. A coordinator refuses a Worker of another number and says both.
inline constexpr int64_t kProtocolNumber = 3;
inline constexpr int64_t kBehaviourNumber = 1;

// As many as the messages may hold.
inline constexpr int kMostDataStates = 64;
inline constexpr int kMostOpenRequests = 64;

// Of another protocol number only what a Worker says of itself is read, and its data is left out:
// what else another build says would be read by the wrong rules.
template <>
std::optional<Checked<v1::SynchronizeRequest>> Checked<v1::SynchronizeRequest>::From(
    v1::SynchronizeRequest request, const std::string& path, FieldErrors& errors);

// Settings come out with their defaults filled in.
template <>
std::optional<Checked<v1::SynchronizeResponse>> Checked<v1::SynchronizeResponse>::From(
    v1::SynchronizeResponse response, const std::string& path, FieldErrors& errors);

// Likewise, or INVALID_ARGUMENT with every error.
absl::StatusOr<v1::SynchronizeResponse> CheckedResponse(v1::SynchronizeResponse response);

// The images that `task` needs.
v1::DataRequest DataRequestOf(const v1::TaskDescription& task);

// Of a Task that has been checked.
Stage StageOf(const v1::TaskDescription& task);

// Polynomials of all layers together.
int64_t CountPolynomials(const v1::ResultReport& result);

// Whether the Task would end the same way on every Worker.
bool BelongsToJob(v1::Failure::Kind kind);

}  // namespace reluscape

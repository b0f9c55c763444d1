#include "base/rpc/status.h"

#include <string>

namespace reluscape {
namespace {

// What fits into channel.h's kMaxMetadataBytes when every byte is percent-encoded.
constexpr size_t kLongestMessage = 80 * 1024;

#define SAME_CODE(absl_code, grpc_code)                          \
  static_assert(static_cast<int>(absl::StatusCode::absl_code) == \
                static_cast<int>(grpc::StatusCode::grpc_code))
SAME_CODE(kOk, OK);
SAME_CODE(kCancelled, CANCELLED);
SAME_CODE(kUnknown, UNKNOWN);
SAME_CODE(kInvalidArgument, INVALID_ARGUMENT);
SAME_CODE(kDeadlineExceeded, DEADLINE_EXCEEDED);
SAME_CODE(kNotFound, NOT_FOUND);
SAME_CODE(kAlreadyExists, ALREADY_EXISTS);
SAME_CODE(kPermissionDenied, PERMISSION_DENIED);
SAME_CODE(kResourceExhausted, RESOURCE_EXHAUSTED);
SAME_CODE(kFailedPrecondition, FAILED_PRECONDITION);
SAME_CODE(kAborted, ABORTED);
SAME_CODE(kOutOfRange, OUT_OF_RANGE);
SAME_CODE(kUnimplemented, UNIMPLEMENTED);
SAME_CODE(kInternal, INTERNAL);
SAME_CODE(kUnavailable, UNAVAILABLE);
SAME_CODE(kDataLoss, DATA_LOSS);
SAME_CODE(kUnauthenticated, UNAUTHENTICATED);
#undef SAME_CODE

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(status.message().data(), status.message().size());
  if (message.size() > kLongestMessage) {
    message.resize(kLongestMessage);
    message += "\n(cut)";
  }
  return {static_cast<grpc::StatusCode>(status.code()), message};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace reluscape

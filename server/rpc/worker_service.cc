#include "server/rpc/worker_service.h"

#include <algorithm>
#include <utility>

#include "base/fault_point.h"
#include "base/rpc/status.h"
#include "search/vocabulary/synchronize.h"

namespace reluscape {

grpc::Status WorkerService::Synchronize(grpc::ServerContext*, const v1::SynchronizeRequest* request,
                                        v1::SynchronizeResponse* response) {
  FieldErrors errors;
  const auto checked = Checked<v1::SynchronizeRequest>::From(*request, /*path=*/"", errors);
  if (!checked) return ToGrpc(errors.ToStatus());
  absl::StatusOr<v1::SynchronizeResponse> answer = coordinator_.Synchronize(*checked);
  if (!answer.ok()) return ToGrpc(answer.status());
  if (std::any_of(request->reports().begin(), request->reports().end(),
                  [](const v1::TaskReport& report) {
                    return report.state() == v1::TaskReport::SUCCEEDED;
                  })) {
    FaultPoint("coordinator.before_answer");
  }
  *response = *std::move(answer);
  return grpc::Status::OK;
}

}  // namespace reluscape

#include "server/rpc/worker_service.h"

#include <algorithm>

#include "base/fault_point.h"
#include "search/wire/status.h"
#include "search/wire/sync.h"

namespace reluscape {

grpc::Status WorkerService::Synchronize(grpc::ServerContext*, const v1::SynchronizeRequest* request,
                                        v1::SynchronizeResponse* response) {
  const absl::StatusOr<SyncRequest> read = FromProto(*request);
  if (!read.ok()) return ToGrpc(read.status());
  const absl::StatusOr<SyncResponse> answer = coordinator_.Synchronize(*read);
  if (!answer.ok()) return ToGrpc(answer.status());
  if (std::any_of(read->reports.begin(), read->reports.end(), [](const TaskReport& report) {
        return report.state == ReportState::kSucceeded;
      })) {
    FaultPoint("coordinator.before_answer");
  }
  *response = ToProto(*answer);
  return grpc::Status::OK;
}

}  // namespace reluscape

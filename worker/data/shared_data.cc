#include "worker/data/shared_data.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

// How often one who waits looks at its stop token: well within the 2 s that Trainers promise.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

absl::StatusOr<std::shared_ptr<const DataSet>> SharedData::Load(const v1::DataRequest& request,
                                                                const std::string& path,
                                                                const std::string& cache_folder,
                                                                const std::stop_token& stop) {
  std::shared_ptr<const DataSet> known;  // kept alive until its content is compared
  {
    const MutexLock lock(mutex_);
    const int64_t asked = begun_;
    while (reading_) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      changed_.WaitFor(mutex_, kLook);
    }
    if (request_ == request) known = set_.lock();
    if (known != nullptr && begun_ > asked) return known;
    reading_ = true;
    ++begun_;
    request_.reset();
  }
  // Also where memory runs out: others wait for it.
  const Reading reading(*this);
  absl::StatusOr<DataSet> loaded =
      LoadDataSet(request.data(), request.split_seed(), path, stop, cache_folder);
  RETURN_IF_ERROR(loaded.status());
  const bool is_known = known != nullptr && known->data_hash == loaded->data_hash &&
                        known->split_hash == loaded->split_hash;
  std::shared_ptr<const DataSet> set =
      is_known ? known : std::make_shared<const DataSet>(*std::move(loaded));
  const MutexLock lock(mutex_);
  request_ = request;
  set_ = set;
  return set;
}

SharedData::Reading::~Reading() {
  const MutexLock lock(data_.mutex_);
  data_.reading_ = false;
  data_.changed_.NotifyAll();
}

}  // namespace reluscape

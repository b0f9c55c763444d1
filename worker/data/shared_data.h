#pragma once

// The data sets of a process whose Workers are several: each is in memory once. Thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "search/vocabulary/synchronize.h"
#include "worker/data/data_set.h"

namespace reluscape {

class SharedData {
 public:
  // What LoadDataSet finds for `request` from this call on, with its errors: of callers that wait
  // for one another one reads the files for all. A set that is as it was is the one that others
  // hold already. CANCELLED also where `stop` is requested while another caller reads.
  absl::StatusOr<std::shared_ptr<const DataSet>> Load(const v1::DataRequest& request,
                                                      const std::string& path,
                                                      const std::string& cache_folder,
                                                      const std::stop_token& stop) EXCLUDES(mutex_);

 private:
  // The reading of one caller, until it is destroyed.
  class Reading {
   public:
    explicit Reading(SharedData& data) : data_(data) {}
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    SharedData& data_;
  };

  Mutex mutex_;
  CondVar changed_;
  bool reading_ GUARDED_BY(mutex_) = false;
  int64_t begun_ GUARDED_BY(mutex_) = 0;  // readings
  // Of the last reading, if it succeeded, while somebody holds it.
  std::optional<v1::DataRequest> request_ GUARDED_BY(mutex_);
  std::weak_ptr<const DataSet> set_ GUARDED_BY(mutex_);
};

}  // namespace reluscape

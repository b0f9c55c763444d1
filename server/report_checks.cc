#include "server/report_checks.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "search/report_checks.h"

namespace reluscape {
namespace {

constexpr size_t kMaxIdLength = 200;   // of a Worker's id and incarnation
constexpr size_t kMaxDataSets = 1000;  // of one Worker
constexpr int64_t kMaxSlots = 1000;    // of one Worker

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

}  // namespace

absl::Status CheckWorker(const WorkerInfo& worker) {
  if (worker.id.empty() || worker.id.size() > kMaxIdLength) {
    return Wrong(absl::StrCat("worker.id: found ", worker.id.size(), " characters; allowed: 1 to ",
                              kMaxIdLength));
  }
  if (worker.incarnation.empty() || worker.incarnation.size() > kMaxIdLength) {
    return Wrong(absl::StrCat("worker.incarnation: found ", worker.incarnation.size(),
                              " characters; allowed: 1 to ", kMaxIdLength));
  }
  if (worker.slots < 1 || worker.slots > kMaxSlots) {
    return Wrong(absl::StrCat("worker.slots: found ", worker.slots, "; allowed: 1 to ", kMaxSlots));
  }
  if (worker.data_sets.size() > kMaxDataSets) {
    return Wrong(absl::StrCat("worker.data_sets: found ", worker.data_sets.size(),
                              "; allowed: at most ", kMaxDataSets));
  }
  return absl::OkStatus();
}

absl::Status CheckMeasurement(const Measurement& m, const CandidateRow& candidate,
                              const std::string& data_set) {
  if (m.data_hash.empty() || m.split_hash.empty()) {
    return Wrong("reported a measurement without the hashes of data and split");
  }
  if (!candidate.data_hash.empty() && m.data_hash != candidate.data_hash) {
    return Wrong(absl::StrCat("the worker's copy of data set ", data_set,
                              " is not the one that the candidate was pretrained on: data hash ",
                              m.data_hash, " instead of ", candidate.data_hash,
                              "; give all workers the same files"));
  }
  if (!candidate.split_hash.empty() && m.split_hash != candidate.split_hash) {
    return Wrong(absl::StrCat("the worker holds out other validation images of data set ", data_set,
                              " than the pretrain did: split hash ", m.split_hash, " instead of ",
                              candidate.split_hash, "; run the same version on all workers"));
  }
  return absl::OkStatus();
}

absl::Status CheckEpoch(const EpochReport& epoch) { return CheckEpochReport(epoch); }

absl::Status CheckSnapshot(const SnapshotReport& snapshot, const CandidateRow& candidate) {
  return CheckSnapshotReport(snapshot, candidate.budgets, candidate.relus);
}

absl::Status CheckResult(const ResultReport& result, const TaskRow& task,
                         const CandidateRow& candidate) {
  const bool whole = candidate.role == CandidateRole::kWhole;
  return CheckResultReport(result, whole ? candidate.relus : task.budget, candidate.relus, whole);
}

}  // namespace reluscape

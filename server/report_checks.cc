#include "server/report_checks.h"

#include <cmath>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "search/report_checks.h"

namespace reluscape {
namespace {

constexpr size_t kMaxIdLength = 200;   // of a Worker's id and incarnation
constexpr size_t kMaxDataSets = 1000;  // of one Worker
constexpr int64_t kMaxSlots = 1000;    // of one Worker

// How far apart the accuracy and the one that the classes give may be: two passes over the images
// need not agree to the last one on a GPU.
constexpr double kAccuracySlack = 0.01;

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

// The layers of a Result are the ReLU layers of its network.
absl::Status CheckLayers(const ResultReport& result, const CandidateRow& candidate) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(candidate.network));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  size_t at = 0;
  for (const Op& op : network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    const int64_t units = op.relu_channels * op.output.height * op.output.width;
    const std::string path = absl::StrCat("result.layers[", at, "]");
    if (at == result.layers.size()) {
      return Wrong(
          absl::StrCat(path, ": found nothing; allowed: ", op.name, " with ", units, " units"));
    }
    const LayerRelus& layer = result.layers[at++];
    if (layer.layer == op.name && layer.units == units) continue;
    return Wrong(absl::StrCat(path, ": found ", layer.layer, " with ", layer.units,
                              " units; allowed: ", op.name, " with ", units));
  }
  if (at == result.layers.size()) return absl::OkStatus();
  return Wrong(absl::StrCat("result.layers: found ", result.layers.size(), "; allowed: the ", at,
                            " ReLU layers of the network"));
}

// The classes of a Result give its accuracy.
absl::Status CheckClasses(const ResultReport& result, const JobRow& job,
                          const Measurement& measurement) {
  if (std::ssize(result.classes) != job.data.classes) {
    return Wrong(absl::StrCat("result.classes: found ", result.classes.size(),
                              "; allowed: one for each of the ", job.data.classes, " classes"));
  }
  int64_t images = 0;
  int64_t correct = 0;
  for (const ClassAccuracy& one : result.classes) {
    images += one.images;
    correct += one.correct;
  }
  if (images != measurement.validation_images || images == 0) {
    return Wrong(absl::StrCat("result.classes: found ", images, " images in all; allowed: the ",
                              measurement.validation_images, " validation images"));
  }
  const double accuracy = static_cast<double>(correct) / static_cast<double>(images);
  if (std::abs(accuracy - result.accuracy_validation) > kAccuracySlack) {
    return Wrong(absl::StrCat("result.accuracy_validation: found ", result.accuracy_validation,
                              "; allowed: about ", accuracy, ", as its classes have it"));
  }
  return absl::OkStatus();
}

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
  if (worker.data.size() > kMostDataStates) {
    return Wrong(absl::StrCat("worker.data: found ", worker.data.size(), "; allowed: at most ",
                              kMostDataStates));
  }
  if (worker.data_sets.size() > kMaxDataSets) {
    return Wrong(absl::StrCat("worker.data_sets: found ", worker.data_sets.size(),
                              "; allowed: at most ", kMaxDataSets));
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const WorkerInfo& worker) {
  const auto differs = [&](const char* what, int64_t theirs, int64_t ours) {
    return absl::FailedPreconditionError(
        absl::StrCat("worker ", worker.id, " (build ", worker.build_commit, ") has the ", what,
                     " number ", theirs, " and the coordinator (build ", BuildCommit(), ") has ",
                     ours, ": run the same version on both"));
  };
  if (worker.protocol != kProtocolNumber) {
    return differs("protocol", worker.protocol, kProtocolNumber);
  }
  if (worker.behaviour != kBehaviourNumber) {
    return differs("behaviour", worker.behaviour, kBehaviourNumber);
  }
  return absl::OkStatus();
}

absl::Status CheckMeasurement(const Measurement& m, const CandidateRow& candidate,
                              const JobRow& job) {
  if (m.data_hash.empty() || m.split_hash.empty()) {
    return Wrong("measurement: found no hashes of data and split; allowed: both");
  }
  const std::string& decided = job.data.hash.empty() ? job.chosen_data_hash : job.data.hash;
  const std::string& expected = decided.empty() ? candidate.data_hash : decided;
  if (!expected.empty() && m.data_hash != expected) {
    return Wrong(absl::StrCat("its copy of data set ", job.data.set, " has the data hash ",
                              m.data_hash, "; the job goes by ", expected,
                              "; give all workers the same files"));
  }
  if (!candidate.split_hash.empty() && m.split_hash != candidate.split_hash) {
    return Wrong(absl::StrCat("it holds out other validation images of data set ", job.data.set,
                              " than the pretrain did: split hash ", m.split_hash, " instead of ",
                              candidate.split_hash, "; run the same version on all workers"));
  }
  return absl::OkStatus();
}

absl::Status CheckEpoch(const EpochReport& epoch, const CandidateRow& candidate) {
  RETURN_IF_ERROR(CheckEpochReport(epoch));
  if (epoch.relus > candidate.relus) {
    return Wrong(absl::StrCat("epoch ", epoch.epoch, ": relus: found ", epoch.relus,
                              "; allowed: at most the network's, ", candidate.relus));
  }
  if (epoch.seconds < 0) {
    return Wrong(absl::StrCat("epoch ", epoch.epoch, ": seconds: found ", epoch.seconds,
                              "; allowed: 0 or more"));
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshot(const SnapshotReport& snapshot, const CandidateRow& candidate) {
  return CheckSnapshotReport(snapshot, candidate.budgets, candidate.relus);
}

absl::Status CheckResult(const ResultReport& result, const TaskRow& task,
                         const CandidateRow& candidate, const JobRow& job,
                         const Measurement& measurement) {
  const bool whole = candidate.role == CandidateRole::kWhole;
  const int64_t budget = whole ? candidate.relus : task.budget;
  RETURN_IF_ERROR(CheckResultReport(result, budget, candidate.relus, whole));
  // Masks per channel can only come near a Budget; the others meet it.
  if (job.stages.linearize.mask_shape == MaskShape::kPixel && result.relus != budget) {
    return Wrong(
        absl::StrCat("result.relus: found ", result.relus, "; allowed: the budget, ", budget));
  }
  RETURN_IF_ERROR(CheckLayers(result, candidate));
  return CheckClasses(result, job, measurement);
}

}  // namespace reluscape

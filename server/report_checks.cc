#include "server/report_checks.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/status_macros.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

// How far apart the accuracy and the one that the classes give may be: two passes over the images
// need not agree to the last one on a GPU.
constexpr double kAccuracySlack = 0.01;

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

// Polynomials come with the range of their inputs.
absl::Status CheckPolynomials(const v1::LayerRelus& layer) {
  const bool expected = layer.polynomials() > 0;
  if (layer.has_input_min() != expected || layer.has_input_max() != expected) {
    return Wrong(absl::StrCat(
        "reported a result with ", layer.polynomials(), " polynomials in layer ", layer.layer(),
        expected ? " without the range of their inputs" : " and a range of their inputs"));
  }
  if (layer.input_min() > layer.input_max()) {
    return Wrong(absl::StrCat("reported a result whose polynomials in layer ", layer.layer(),
                              " have inputs from ", layer.input_min(), " to ", layer.input_max()));
  }
  return absl::OkStatus();
}

// The layers of a Result are the ReLU layers of its network.
absl::Status CheckLayers(const v1::ResultReport& result, const CandidateRow& candidate) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(candidate.network));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  int at = 0;
  for (const Op& op : network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    const int64_t units = op.relu_channels * op.output.height * op.output.width;
    const std::string path = absl::StrCat("result.layers[", at, "]");
    if (at == result.layers_size()) {
      return Wrong(
          absl::StrCat(path, ": found nothing; allowed: ", op.name, " with ", units, " units"));
    }
    const v1::LayerRelus& layer = result.layers(at++);
    if (layer.layer() == op.name && layer.units() == units) continue;
    return Wrong(absl::StrCat(path, ": found ", layer.layer(), " with ", layer.units(),
                              " units; allowed: ", op.name, " with ", units));
  }
  if (at == result.layers_size()) return absl::OkStatus();
  return Wrong(absl::StrCat("result.layers: found ", result.layers_size(), "; allowed: the ", at,
                            " ReLU layers of the network"));
}

// The classes of a Result give its accuracy.
absl::Status CheckClasses(const v1::ResultReport& result, const JobRow& job,
                          const v1::Provenance& provenance) {
  if (result.classes_size() != job.spec.data().classes()) {
    return Wrong(absl::StrCat("result.classes: found ", result.classes_size(),
                              "; allowed: one for each of the ", job.spec.data().classes(),
                              " classes"));
  }
  int64_t images = 0;
  int64_t correct = 0;
  double worst = 1;
  for (const v1::ClassAccuracy& one : result.classes()) {
    images += one.images();
    correct += one.correct();
    if (one.images() == 0) continue;
    worst = std::min(worst, static_cast<double>(one.correct()) / static_cast<double>(one.images()));
  }
  if (images != provenance.validation_images() || images == 0) {
    return Wrong(absl::StrCat("result.classes: found ", images, " images in all; allowed: the ",
                              provenance.validation_images(), " validation images"));
  }
  const double accuracy = static_cast<double>(correct) / static_cast<double>(images);
  if (std::abs(accuracy - result.accuracy_validation()) > kAccuracySlack) {
    return Wrong(absl::StrCat("result.accuracy_validation: found ", result.accuracy_validation(),
                              "; allowed: about ", accuracy, ", as its classes have it"));
  }
  if (result.has_accuracy_worst_class() &&
      std::abs(worst - result.accuracy_worst_class()) > kAccuracySlack) {
    return Wrong(absl::StrCat("result.accuracy_worst_class: found ", result.accuracy_worst_class(),
                              "; allowed: about ", worst, ", as its classes have it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNumbers(const v1::WorkerInfo& worker) {
  const auto differs = [&](const char* what, int64_t theirs, int64_t ours) {
    return absl::FailedPreconditionError(
        absl::StrCat("worker ", worker.id(), " (build ", worker.build_commit(), ") has the ", what,
                     " number ", theirs, " and the coordinator (build ", BuildCommit(), ") has ",
                     ours, ": run the same version on both"));
  };
  if (worker.protocol() != kProtocolNumber) {
    return differs("protocol", worker.protocol(), kProtocolNumber);
  }
  if (worker.behaviour() != kBehaviourNumber) {
    return differs("behaviour", worker.behaviour(), kBehaviourNumber);
  }
  return absl::OkStatus();
}

absl::Status CheckProvenance(const v1::Provenance& m, const CandidateRow& candidate,
                             const JobRow& job) {
  if (m.data_hash().empty() || m.split_hash().empty()) {
    return Wrong("provenance: found no hashes of data and split; allowed: both");
  }
  const std::string& decided =
      job.spec.data().hash().empty() ? job.chosen_data_hash : job.spec.data().hash();
  const std::string& expected = decided.empty() ? candidate.data_hash : decided;
  if (!expected.empty() && m.data_hash() != expected) {
    return Wrong(absl::StrCat("its copy of data set ", job.spec.data().set(), " has the data hash ",
                              m.data_hash(), "; the job goes by ", expected,
                              "; give all workers the same files"));
  }
  if (!candidate.split_hash.empty() && m.split_hash() != candidate.split_hash) {
    return Wrong(absl::StrCat("it holds out other validation images of data set ",
                              job.spec.data().set(), " than the pretrain did: split hash ",
                              m.split_hash(), " instead of ", candidate.split_hash,
                              "; run the same version on all workers"));
  }
  return absl::OkStatus();
}

absl::Status CheckEpoch(const v1::Epoch& epoch, const CandidateRow& candidate) {
  if (epoch.relus() <= candidate.relus) return absl::OkStatus();
  return Wrong(absl::StrCat("epoch ", epoch.epoch(), ": relus: found ", epoch.relus(),
                            "; allowed: at most the network's, ", candidate.relus));
}

absl::Status CheckSnapshot(const v1::Snapshot& s, const CandidateRow& candidate) {
  const std::vector<int64_t>& budgets = candidate.budgets;
  if (std::find(budgets.begin(), budgets.end(), s.budget()) == budgets.end()) {
    return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget(),
                              ", which the candidate does not have"));
  }
  if (s.relus() <= candidate.relus) return absl::OkStatus();
  return Wrong(absl::StrCat("reported a snapshot for budget ", s.budget(), " with ", s.relus(),
                            " ReLUs; allowed: ", s.budget(), " to ", candidate.relus));
}

absl::Status CheckResult(const v1::ResultReport& result, const TaskRow& task,
                         const CandidateRow& candidate, const JobRow& job,
                         const v1::Provenance& provenance) {
  const bool whole = candidate.role == CandidateRole::kWhole;
  const int64_t budget = whole ? candidate.relus : task.budget;
  if (result.budget() != budget) {
    return Wrong(
        absl::StrCat("reported a result for budget ", result.budget(), " instead of ", budget));
  }
  if (result.relus() < (whole ? budget : 0) || result.relus() > budget) {
    return Wrong(absl::StrCat("reported a result with ", result.relus(),
                              " ReLUs; allowed: ", whole ? "" : "0 to ", budget));
  }
  // Masks per channel can only come near a Budget; the others meet it.
  if (job.spec.stages().linearize().mask_shape() == v1::LinearizeSpec::PIXEL &&
      result.relus() != budget) {
    return Wrong(
        absl::StrCat("result.relus: found ", result.relus(), "; allowed: the budget, ", budget));
  }
  for (const v1::LayerRelus& layer : result.layers()) RETURN_IF_ERROR(CheckPolynomials(layer));
  RETURN_IF_ERROR(CheckLayers(result, candidate));
  int64_t kept = 0;
  for (const v1::LayerRelus& layer : result.layers()) kept += layer.kept();
  if (kept != result.relus()) {
    return Wrong(
        absl::StrCat("reported a result of ", result.relus(), " ReLUs whose layers keep ", kept));
  }
  return CheckClasses(result, job, provenance);
}

}  // namespace reluscape

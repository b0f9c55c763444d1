#include "server/search_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "search/cost/metric_pricer.h"
#include "search/network/names.h"
#include "search/strategy/hypervolume_box.h"
#include "search/vocabulary/messages.h"
#include "server/hypervolumes.h"
#include "server/job_planner.h"

namespace reluscape {
namespace {

// A scaled cost beyond the reference point: such a Result tells of accuracy and is on no Front.
constexpr double kBeyondReference = 2;

// What a Result keeps, of a network's layers.
absl::StatusOr<PricedNetwork> KeptOf(const v1::ResultReport& report, const NetworkLayers& layers) {
  std::map<std::string, int64_t> kept;
  for (const v1::LayerRelus& layer : report.layers()) kept[layer.layer()] = layer.kept();
  PricedNetwork network = {.layers = &layers, .kept = {}};
  for (const NonlinearLayer& layer : layers.nonlinear) {
    const auto found = kept.find(layer.name);
    network.kept.push_back(layer.kind == NonlinearKind::kRelu
                               ? (found == kept.end() ? 0 : std::min(found->second, layer.units))
                               : layer.units);
  }
  return network;
}

}  // namespace

SearchRun::SearchRun(JobRow job, std::unique_ptr<DesignSpace> space)
    : job_(std::move(job)), space_(std::move(space)) {
  if (job_.hypervolume_box) space_->SetBox(*job_.hypervolume_box);
}

absl::StatusOr<std::unique_ptr<SearchRun>> SearchRun::Create(const JobRow& job,
                                                             const MetricCatalog& metrics) {
  FieldErrors errors;
  std::unique_ptr<DesignSpace> space = DesignSpace::Create(job.spec, metrics, errors);
  if (space == nullptr) return errors.ToStatus();
  return std::unique_ptr<SearchRun>(new SearchRun(job, std::move(space)));
}

absl::Status SearchRun::Read(Transaction& transaction, std::optional<SearchMoment> moment) {
  ASSIGN_OR_RETURN(const std::vector<CandidateId> ids,
                   transaction.ListCandidates(job_.id, last_candidate_));
  for (const CandidateId id : ids) {
    if (moment && id >= moment->before) break;
    ASSIGN_OR_RETURN(const CandidateRow row, transaction.GetCandidate(id));
    RETURN_IF_ERROR(AddCandidate(row));
    last_candidate_ = id;
  }
  ASSIGN_OR_RETURN(const std::vector<FoundResult> results,
                   transaction.ListFoundResults(job_.id, last_result_));
  for (const FoundResult& result : results) {
    if (moment && result.id > moment->last) break;
    RETURN_IF_ERROR(AddResult(result));
    last_result_ = result.id;
    ++results_;
  }
  if (!results.empty()) LearnTimes();
  return absl::OkStatus();
}

absl::StatusOr<bool> SearchRun::IsStale(Transaction& transaction) const {
  ASSIGN_OR_RETURN(const int64_t there, transaction.CountResults(job_.id, last_result_));
  return there != results_;
}

absl::Status SearchRun::AddCandidate(const CandidateRow& row) {
  if (row.role != CandidateRole::kSearch && row.role != CandidateRole::kWhole) {
    return absl::OkStatus();
  }
  Course course;
  course.macs = row.macs;
  ASSIGN_OR_RETURN(course.network.architecture, ParseCanonicalText(row.network));
  ASSIGN_OR_RETURN(course.network.network, BuildNetwork(course.network.architecture));
  ASSIGN_OR_RETURN(course.network.counts, CountNetwork(course.network.network));
  course.network.hash = row.network_hash;
  Trial trial;
  trial.point = row.point;
  if (trial.point.empty() && row.role == CandidateRole::kSearch) {
    if (std::optional<SpacePoint> point = space_->PointOf(row.network_hash, row.replacement)) {
      trial.point = *std::move(point);
    }
  }
  course.network.budgets = row.budgets;
  course.network.replacement = row.replacement;
  trial.outlook = trial.point.empty() ? space_->Foreign(course.network) : space_->Look(trial.point);
  places_[row.id] = trials_.size();
  trials_.push_back(std::move(trial));
  courses_.push_back(std::move(course));
  return absl::OkStatus();
}

absl::Status SearchRun::AddResult(const FoundResult& result) {
  const auto place = places_.find(result.candidate);
  if (place == places_.end()) return absl::OkStatus();
  Trial& trial = trials_[place->second];
  Course& course = courses_[place->second];
  TrialResult found;
  found.budget = result.report.budget();
  found.feature = std::log2(std::max<double>(1, static_cast<double>(result.report.relus())));
  found.accuracy = result.report.accuracy_validation();
  const Objectives scaled = ScaledObjectives(*job_.hypervolume_box, result);
  if (scaled.empty()) {
    found.costs.assign(static_cast<size_t>(job_.hypervolume_box->axes_size()), kBeyondReference);
  } else {
    found.costs.assign(scaled.begin() + 1, scaled.end());
  }
  trial.results.push_back(std::move(found));
  course.pretrain = std::max(course.pretrain, result.seconds_pretrain);
  course.linearize = std::max(course.linearize, result.seconds_linearize);
  course.fine_tune += result.seconds_fine_tune;
  course.ended = trial.results.size() >= trial.outlook.budgets.size();
  const absl::StatusOr<NetworkLayers> layers = LayersOf(course.network.network);
  if (!layers.ok()) return absl::OkStatus();  // its prices say why
  ASSIGN_OR_RETURN(const PricedNetwork kept, KeptOf(result.report, *layers));
  space_->Learn(kept);
  return absl::OkStatus();
}

void SearchRun::LearnTimes() {
  double n = 0;
  double macs = 0;
  double seconds = 0;
  double macs_squared = 0;
  double product = 0;
  for (const Course& course : courses_) {
    if (!course.ended || course.seconds() <= 0) continue;
    const auto x = static_cast<double>(course.macs);
    n += 1;
    macs += x;
    seconds += course.seconds();
    macs_squared += x * x;
    product += x * course.seconds();
  }
  if (n == 0) return;
  // The least squares line, or a part of it where that would have a negative base or slope.
  const double spread = macs_squared - macs * macs / n;
  double slope = spread > 1e-9 * macs_squared ? (product - macs * seconds / n) / spread : -1;
  double base = (seconds - slope * macs) / n;
  if (slope < 0 || base < 0) {
    slope = seconds / macs;
    base = 0;
  }
  time_base_ = base;
  time_per_mac_ = slope;
  space_->SetWork(base, slope);
}

double SearchRun::ExpectedSeconds(double spent) const {
  if (time_per_mac_ == 0) return 0;
  double expected = 0;
  for (const Course& course : courses_) {
    if (course.ended) {
      spent -= course.seconds();
    } else {
      expected += time_base_ + time_per_mac_ * static_cast<double>(course.macs);
    }
  }
  return std::max(0.0, expected - std::max(0.0, spent));
}

absl::StatusOr<std::optional<ChosenNetwork>> SearchRun::Choose() {
  SearchProblem problem;
  problem.reference_error = 1 - job_.hypervolume_box->reference_accuracy();
  problem.seed = DeriveSeed(static_cast<uint64_t>(job_.spec.seed()), "search");
  problem.settings = job_.spec.search();
  // Expected costs and times are those that are expected now.
  for (size_t i = 0; i < trials_.size(); ++i) {
    Trial& trial = trials_[i];
    trial.outlook =
        trial.point.empty() ? space_->Foreign(courses_[i].network) : space_->Look(trial.point);
  }
  ASSIGN_OR_RETURN(const std::optional<Proposed> proposed, Propose(problem, *space_, trials_));
  if (!proposed) return std::optional<ChosenNetwork>();
  const ProposedNetwork network = space_->Expand(proposed->point);
  ChosenNetwork chosen;
  chosen.reason = proposed->reason;
  if (time_per_mac_ > 0) {
    absl::StrAppend(&chosen.reason, absl::StrFormat("; about %.3g s of device time",
                                                    space_->Look(proposed->point).work));
  }
  CandidateRow& row = chosen.row;
  row = RowOf(network, job_.spec);
  row.origin = absl::StrCat("space, ", NameOf(job_.spec.search().strategy()));
  row.point = proposed->point;
  row.results_seen = last_result_;
  row.reason = chosen.reason;
  return std::optional<ChosenNetwork>(std::move(chosen));
}

}  // namespace reluscape

#include "server/hypervolumes.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "search/pareto/hypervolume.h"
#include "search/strategy/hypervolume_box.h"

namespace reluscape {
namespace {

// Of one more axis: the error.
Objectives ReferenceOf(const v1::HypervolumeBox& box) {
  return Objectives(static_cast<size_t>(box.axes_size()) + 1, 1.0);
}

bool HasHypervolume(const JobRow& job) {
  return job.hypervolume_box &&
         static_cast<size_t>(job.hypervolume_box->axes_size()) < kMaxHypervolumeObjectives;
}

// Data and split.
using Images = std::pair<std::string, std::string>;
Images ImagesOf(const FoundResult& result) { return {result.data_hash, result.split_hash}; }

}  // namespace

Objectives ScaledObjectives(const v1::HypervolumeBox& box, const FoundResult& result) {
  if (!result.within_limits) return {};
  std::vector<double> values;
  for (const std::optional<double>& value : result.objectives) {
    if (value) values.push_back(*value);
  }
  if (values.size() != static_cast<size_t>(box.axes_size())) return {};
  Objectives scaled = {ScaledError(box, result.report.accuracy_validation())};
  const Objectives costs = ScaledCosts(box, values);
  scaled.insert(scaled.end(), costs.begin(), costs.end());
  return scaled;
}

absl::Status RecordHypervolume(Transaction& transaction, const JobRow& job, ResultId id) {
  if (!HasHypervolume(job)) return absl::OkStatus();
  // What has not raised it then is dominated now.
  ASSIGN_OR_RETURN(std::vector<FoundResult> results,
                   transaction.ListFoundResults(job.id, ResultId{}, /*raising=*/true));
  ASSIGN_OR_RETURN(const std::vector<FoundResult> newest,
                   transaction.ListFoundResults(job.id, ResultId{id.value - 1}));
  GrowingFront front(ReferenceOf(*job.hypervolume_box));
  HypervolumeRow row;
  row.result = id;
  for (const FoundResult& result : newest) {
    if (result.id != id) continue;
    for (const FoundResult& earlier : results) {
      const Objectives point = ScaledObjectives(*job.hypervolume_box, earlier);
      if (!point.empty() && ImagesOf(earlier) == ImagesOf(result)) front.Add(point);
    }
    const Objectives point = ScaledObjectives(*job.hypervolume_box, result);
    if (!point.empty()) row.gain = front.Add(point);
  }
  row.hypervolume = front.hypervolume();
  ASSIGN_OR_RETURN(row.trainings, transaction.CountTrainings(job.id));
  ASSIGN_OR_RETURN(row.device_seconds, transaction.SumDeviceSeconds(job.id));
  return transaction.PutHypervolume(row);
}

absl::Status RecomputeHypervolumes(Transaction& transaction, JobId id) {
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(id));
  if (!HasHypervolume(job)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<HypervolumeRow> rows, transaction.ListHypervolumes(id));
  std::map<ResultId, HypervolumeRow> known;
  for (const HypervolumeRow& row : rows) known[row.result] = row;
  ASSIGN_OR_RETURN(const std::vector<FoundResult> results,
                   transaction.ListFoundResults(id, ResultId{}));
  std::map<Images, GrowingFront> fronts;
  for (const FoundResult& result : results) {
    GrowingFront& front =
        fronts.try_emplace(ImagesOf(result), ReferenceOf(*job.hypervolume_box)).first->second;
    const auto found = known.find(result.id);
    if (found == known.end()) continue;
    HypervolumeRow row = found->second;
    const Objectives point = ScaledObjectives(*job.hypervolume_box, result);
    row.gain = point.empty() ? 0 : front.Add(point);
    row.hypervolume = front.hypervolume();
    RETURN_IF_ERROR(transaction.PutHypervolume(row));
  }
  return absl::OkStatus();
}

}  // namespace reluscape

#include "server/reuse.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/hypervolumes.h"

namespace reluscape {

absl::StatusOr<bool> ReuseResults(const JobRow& job, const CandidateRow& candidate,
                                  Transaction& transaction, TaskBook& book, ResultPricer& pricer) {
  if (!job.spec.reuse_results() || candidate.role != CandidateRole::kSearch ||
      IsSet(candidate.pretrained)) {
    return false;
  }
  std::string data_hash =
      job.spec.data().hash().empty() ? job.chosen_data_hash : job.spec.data().hash();
  if (data_hash.empty()) {
    ASSIGN_OR_RETURN(data_hash, transaction.FindDataHash(job.spec.data(), job.split_seed));
  }
  if (data_hash.empty()) return false;
  ASSIGN_OR_RETURN(const std::optional<CandidateId> source,
                   transaction.FindReusable(job, candidate, data_hash));
  if (!source) return false;
  ASSIGN_OR_RETURN(const CandidateRow from, transaction.GetCandidate(*source));
  ASSIGN_OR_RETURN(const std::vector<ResultId> results,
                   transaction.ReuseCandidate(*source, candidate.id, book.now()));
  for (const ResultId result : results) {
    ASSIGN_OR_RETURN(const v1::ResultReport report, transaction.GetReport(result));
    RETURN_IF_ERROR(pricer.Price(transaction, job, result, candidate.network, report));
    RETURN_IF_ERROR(RecordHypervolume(transaction, job, result));
    EventRow event;
    event.kind = "result.reused";
    event.job = job.id;
    event.candidate = candidate.id;
    event.result = result;
    event.detail = absl::StrCat("budget ", report.budget(), " of ", candidate.name,
                                ": copied from job ", from.job.value, ", which trained the same");
    RETURN_IF_ERROR(book.Record(std::move(event)));
  }
  return true;
}

}  // namespace reluscape

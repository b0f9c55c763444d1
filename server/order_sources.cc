#include "server/order_sources.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/strategy/seeds.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

std::string DataText(const v1::DataSpec& data) {
  return absl::StrCat(data.set(), " (", data.classes(), " classes, side ", data.side(), ")");
}

class Finder {
 public:
  Finder(const v1::JobSpec& spec, Transaction& transaction)
      : spec_(spec), transaction_(transaction) {}

  // For the generator at `field`, unless `id` is 0.
  absl::Status Find(const std::string& field, int64_t id, const std::string& network) {
    if (id == 0) return absl::OkStatus();
    sources_.measured[field] = {};
    const absl::StatusOr<JobRow> job = transaction_.GetJob(JobId{id});
    if (absl::IsNotFound(job.status())) {
      Refuse(field, absl::StrCat(id, ", which no job has"));
      return absl::OkStatus();
    }
    if (!job.ok()) return job.status();
    if (job->spec.kind() != v1::JobSpec::CRITICALITY) {
      Refuse(field, absl::StrCat("job ", id, " of kind ", NameOf(job->spec.kind())));
      return absl::OkStatus();
    }
    if (job->state != JobState::kFinished) {
      Refuse(field, absl::StrCat("job ", id, ", which is ", JobStateName(job->state)));
      return absl::OkStatus();
    }
    const v1::DataSpec& own = spec_.data();
    const v1::DataSpec& measured = job->spec.data();
    if (measured.set() != own.set() || measured.classes() != own.classes() ||
        measured.side() != own.side()) {
      sources_.errors.Add(field + ".order_from_job",
                          absl::StrCat("job ", id, " on ", DataText(measured)),
                          absl::StrCat("a job on this job's data, ", DataText(own)));
      return absl::OkStatus();
    }
    return Choose(field, *job, network);
  }

  OrderSources Take() { return std::move(sources_); }

 private:
  void Refuse(const std::string& field, const std::string& found) {
    sources_.errors.Add(field + ".order_from_job", found,
                        "the number of a FINISHED job of kind criticality");
  }

  absl::Status Choose(const std::string& field, const JobRow& job, const std::string& network) {
    ASSIGN_OR_RETURN(const std::vector<v1::Criticality> networks,
                     transaction_.ListCriticality(job.id));
    std::vector<std::string> names;
    for (const v1::Criticality& measured : networks) names.push_back(measured.name());
    const auto chosen =
        std::find_if(networks.begin(), networks.end(), [&](const v1::Criticality& measured) {
          return network.empty() ? networks.size() == 1
                                 : measured.name() == network || measured.network() == network;
        });
    if (chosen == networks.end()) {
      sources_.errors.Add(
          field + ".order_from_network",
          network.empty() ? "nothing" : absl::StrCat("\"", network, "\""),
          absl::StrCat("a network of job ", job.id.value, ": ", absl::StrJoin(names, ", ")));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const bool same,
                     IsOfTheseImages(field, job, CandidateId{chosen->candidate()}));
    if (same) sources_.measured[field] = {job.id, chosen->name(), ListOf(chosen->order())};
    return absl::OkStatus();
  }

  // False, with an error, where the images are known to have changed since.
  absl::StatusOr<bool> IsOfTheseImages(const std::string& field, const JobRow& job,
                                       CandidateId candidate) {
    const uint64_t split_seed = SplitSeed(static_cast<uint64_t>(spec_.seed()));
    if (job.spec.data() != spec_.data() || job.split_seed != split_seed) {
      sources_.notes.push_back(absl::StrCat(
          field, " takes the order of job ", job.id.value, ", which was measured on other images ",
          "of ", job.spec.data().set(), " (other numbers of images, or a split of another seed)."));
      return true;
    }
    ASSIGN_OR_RETURN(const CandidateRow measured, transaction_.GetCandidate(candidate));
    ASSIGN_OR_RETURN(const std::string newest, transaction_.FindDataHash(spec_.data(), split_seed));
    if (measured.data_hash == newest) return true;
    sources_.errors.Add(field + ".order_from_job",
                        absl::StrCat("job ", job.id.value, ", measured on images with the hash ",
                                     ShortHash(measured.data_hash)),
                        absl::StrCat("a job on the images that ", job.spec.data().set(),
                                     " holds now, with the hash ", ShortHash(newest)));
    return false;
  }

  const v1::JobSpec& spec_;
  Transaction& transaction_;
  OrderSources sources_;
};

}  // namespace

bool AsksForMeasuredOrders(const v1::JobSpec& spec) {
  const auto asks = [](const auto& generator) { return generator.order_from_job() != 0; };
  const v1::CandidatesSpec& candidates = spec.candidates();
  return std::any_of(candidates.deepreshape().begin(), candidates.deepreshape().end(), asks) ||
         std::any_of(candidates.deepreduce().begin(), candidates.deepreduce().end(), asks);
}

absl::StatusOr<OrderSources> FindOrderSources(const v1::JobSpec& spec, Transaction& transaction) {
  Finder finder(spec, transaction);
  const auto find = [&](const std::string& list, const auto& generators) -> absl::Status {
    for (int i = 0; i < generators.size(); ++i) {
      RETURN_IF_ERROR(finder.Find(absl::StrCat("candidates.", list, "[", i, "]"),
                                  generators[i].order_from_job(),
                                  generators[i].order_from_network()));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(find("deepreshape", spec.candidates().deepreshape()));
  RETURN_IF_ERROR(find("deepreduce", spec.candidates().deepreduce()));
  return finder.Take();
}

}  // namespace reluscape

#include "client/data_copies.h"

#include <cstdint>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "client/format.h"
#include "client/text_table.h"
#include "reluscape/v1/job.pb.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

// Of the job file, as far as this build can read it.
v1::DataSpec DataOf(const v1::JobDetail& detail) {
  v1::JobSpec spec;
  FieldErrors errors;
  JsonToMessage(detail.spec_json(), spec, errors);
  spec.mutable_data()->set_set(detail.job().data_set());
  return spec.data();
}

// Whether a Worker opened it for this Job, or for one that uses as many images of the same set.
bool Concerns(const v1::WorkerData& opened, const v1::DataSpec& data) {
  if (opened.data_set() != data.set()) return false;
  // Without counts only the set is known; a line too many is better than one too few.
  if (!data.has_train_images()) return true;
  return opened.train_images() == data.train_images() &&
         opened.validation_images() == data.validation_images() &&
         opened.test_images() == data.test_images();
}

// One line on what the Job goes by.
std::string Decision(const v1::Job& job, bool stated) {
  if (job.has_data_hash()) {
    bool there = false;
    for (const v1::DataCopy& copy : job.data_copies()) {
      there = there || (copy.data_hash() == job.data_hash() && !copy.workers().empty());
    }
    return absl::StrCat("it goes by ", job.data_hash(),
                        stated ? ", which its job file states" : ", which was chosen",
                        there ? "" : "; no connected worker has it");
  }
  if (job.data_copies().empty()) return "no connected worker has opened it yet";
  if (job.data_copies_size() == 1) return "it goes by the only copy that there is";
  return "its copies differ, and no task starts before you choose one of them";
}

}  // namespace

bool MustChooseData(const v1::Job& job) {
  return job.data_copies_size() > 1 && !job.has_data_hash();
}

std::string DataCopiesText(const v1::JobDetail& detail, const v1::WorkerList& workers) {
  const v1::Job& job = detail.job();
  const v1::DataSpec data = DataOf(detail);
  std::string text =
      absl::StrCat("data set ", Printable(job.data_set()), " of job ", job.job(), " \"",
                   Printable(job.name()), "\": ", Decision(job, data.has_hash()), "\n");
  if (!job.data_copies().empty()) {
    TextTable table({{"data hash"}, {"used"}, {"candidates trained", true}, {"workers"}});
    for (const v1::DataCopy& copy : job.data_copies()) {
      const bool used =
          job.has_data_hash() ? copy.data_hash() == job.data_hash() : job.data_copies_size() == 1;
      table.AddRow(
          {copy.data_hash(), used ? "yes" : "-", WithSeparators(copy.candidates()),
           copy.workers().empty() ? "none connected" : absl::StrJoin(copy.workers(), " ")});
    }
    absl::StrAppend(&text, "\n", table.ToString());
  }
  if (MustChooseData(job)) {
    absl::StrAppend(&text, "\n`reluscape data ", job.job(),
                    " --use HASH` chooses one; its first 8 digits are enough. Candidates that were "
                    "trained\non another one run again from their beginning.\n");
  }
  std::vector<std::string> problems;
  for (const v1::Worker& worker : workers.workers()) {
    if (!worker.connected()) continue;
    std::set<std::string> told;  // one problem of several splits is told once
    for (const v1::WorkerData& opened : worker.data()) {
      if (opened.problem().empty() || !Concerns(opened, data)) continue;
      if (!told.insert(opened.problem()).second) continue;
      problems.push_back(absl::StrCat("worker ", Printable(worker.worker()),
                                      " cannot use its copy: ", Printable(opened.problem()), "\n"));
    }
  }
  if (!problems.empty()) absl::StrAppend(&text, "\n", absl::StrJoin(problems, ""));
  return text;
}

}  // namespace reluscape

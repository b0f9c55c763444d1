// The entries of candidates.deepreduce.

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "search/network/accounting.h"
#include "search/network/deepreduce.h"
#include "search/strategy/collector.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

// The lines of a FieldErrors' status, "order: found x; allowed: y", below `path`.
void AddFieldErrors(const std::string& path, const std::string& message, FieldErrors& errors) {
  const std::vector<std::string> lines = absl::StrSplit(message, '\n');
  for (const std::string& line : lines) {
    const size_t found = line.find(": found ");
    const size_t allowed = line.find("; allowed: ");
    if (found == std::string::npos || allowed == std::string::npos || allowed < found) {
      errors.Add(path, line, "a generator that can be expanded");
    } else {
      errors.Add(absl::StrCat(path, ".", line.substr(0, found)),
                 line.substr(found + 8, allowed - found - 8), line.substr(allowed + 11));
    }
  }
}

}  // namespace

void Collector::AddDeepReduce(int index) {
  if (full_) return;
  const std::string field = EntryOf("candidates.deepreduce", index);
  const v1::DeepReduceSpec& generator = spec_.candidates().deepreduce(index);
  FieldErrors own;
  const std::optional<Architecture> backbone =
      ParseArchitecture(generator.backbone(), spec_.data().side(), spec_.data().classes(), own);
  if (!backbone) {
    for (const FieldError& error : own.errors()) {
      errors_.Add(
          field + ".backbone",
          absl::StrCat(Quoted(generator.backbone()), " with ", error.field, " ", error.found),
          absl::StrCat(error.field, " ", error.allowed));
    }
    return;
  }
  const std::optional<OrderChoice> choice =
      ChooseOrder(field, generator.backbone(), static_cast<int64_t>(backbone->blocks.size()),
                  ListOf(generator.order()), generator.order_from_job(), measured_, errors_);
  if (!choice) return;
  const absl::StatusOr<DeepReduceProposal> reduced =
      ProposeDeepReduce(generator.backbone(), spec_.data().side(), spec_.data().classes(),
                        {.order = choice->order,
                         .max_culled = generator.max_culled(),
                         .channel_scales = ListOf(generator.channel_scales()),
                         .resolutions = ListOf(generator.resolutions())});
  if (!reduced.ok()) {
    AddFieldErrors(field, std::string(reduced.status().message()), errors_);
    return;
  }
  for (const std::string& note : reduced->left_out) {
    proposal_.notes.push_back(absl::StrCat(field, ": ", note));
  }
  // The first one is the backbone, from which the others learn.
  const NamedArchitecture& first = reduced->networks.front();
  const std::string origin = OriginText("deepreduce", *choice);
  if (!AddGenerated(field, first, CandidateRole::kTeacher, /*teacher=*/-1,
                    absl::StrCat("backbone of ", field))) {
    proposal_.notes.push_back(absl::StrCat(
        field, " gives no network: without its backbone there is nothing to learn ", "from."));
    return;
  }
  const std::string hash = NetworkHash(*BuildNetwork(first.architecture));
  int64_t teacher = 0;
  while (proposal_.networks[static_cast<size_t>(teacher)].hash != hash) ++teacher;
  for (size_t i = 1; i < reduced->networks.size() && !full_; ++i) {
    AddGenerated(field, reduced->networks[i], CandidateRole::kWhole, teacher, origin);
  }
}

}  // namespace reluscape

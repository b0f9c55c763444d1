// Fuzz target for job files. Whatever the text, it becomes a spec or errors that say where; a spec
// that was accepted reads the same again from its own text, and planning it either succeeds or
// says why not.

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <string>

#include "reluscape/v1/job.pb.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "server/job_planner.h"
#include "tests/fuzz/fuzz_target.h"

namespace reluscape {
namespace {

using google::protobuf::util::MessageDifferencer;

// Whether planning takes milliseconds; larger Jobs would only take longer.
bool IsSmall(const v1::CandidatesSpec& spec) {
  const bool few = spec.networks_size() <= 2 && spec.replicates() <= 3 &&
                   spec.deepreshape_size() + spec.deepreduce_size() <= 1;
  return few &&
         std::all_of(spec.deepreshape().begin(), spec.deepreshape().end(),
                     [](const v1::DeepReShapeSpec& one) {
                       return one.max_multiplier() <= 6 && one.base_channels_size() == 1;
                     }) &&
         std::all_of(spec.deepreduce().begin(), spec.deepreduce().end(),
                     [](const v1::DeepReduceSpec& one) {
                       return one.max_culled() <= 1 && one.channel_scales_size() <= 1 &&
                              one.resolutions_size() <= 1;
                     });
}

void RequireExplained(const FieldErrors& errors, const std::string& text) {
  for (const FieldError& error : errors.errors()) {
    Require(!error.found.empty() && !error.allowed.empty(), "an error that says nothing", text);
  }
}

void PlanOne(const v1::JobSpec& spec, const std::string& text) {
  if (!IsSmall(spec.candidates())) return;
  const absl::StatusOr<JobPlan> plan = PlanJob(spec);
  if (plan.ok()) {
    Require(!plan->candidates.empty() && plan->candidates.size() == plan->teachers.size(),
            "a plan without candidates", text);
  } else {
    Require(absl::IsInvalidArgument(plan.status()) && !plan.status().message().empty(),
            "refused without saying why", text);
  }
}

void ReadOne(const std::string& text) {
  v1::JobSpec message;
  FieldErrors errors;
  JsonToMessage(text, message, errors);
  RequireExplained(errors, text);
  if (!errors.empty()) {
    FieldErrors all;
    JobFromJson(text, all);
    Require(!all.empty(), "an error of the text is lost", text);
    RequireExplained(all, text);
    return;
  }
  v1::JobSpec again;
  JsonToMessage(MessageToShortJson(message), again, errors);
  Require(errors.empty() && MessageDifferencer::Equals(again, message),
          "the message does not round-trip", text);
  const auto spec = Checked<v1::JobSpec>::From(message, "", errors);
  RequireExplained(errors, text);
  Require(spec.has_value() == errors.empty(), "an error and a spec, or neither", text);
  if (!spec) return;
  const std::string whole = MessageToJson(**spec);
  const auto reread = JobFromJson(whole, errors);
  Require(reread && MessageDifferencer::Equals(**reread, **spec), "the spec does not round-trip",
          text);
  Require(MessageToJson(**reread) == whole, "the spec's text is not a fixed point", text);
  v1::JobSpec filled = **spec;
  FillJobDefaults(filled);
  Require(MessageDifferencer::Equals(filled, **spec), "defaults change a checked spec", text);
  PlanOne(**spec, text);
}

}  // namespace
}  // namespace reluscape

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reluscape::ReadOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

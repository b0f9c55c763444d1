#include "client/example_job.h"

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/status_macros.h"
#include "reluscape/v1/job.pb.h"
#include "search/vocabulary/json.h"

namespace reluscape {

absl::StatusOr<std::string> ExampleJob(bool search, const std::string& data_set, int64_t classes,
                                       int64_t side) {
  const std::string text = search ? ExampleSearchText() : ExampleJobText();
  if (data_set.empty() && classes == 0 && side == 0) return text;
  v1::JobSpec spec;
  FieldErrors errors;
  JsonToMessage(text, spec, errors);
  RETURN_IF_ERROR(errors.ToStatus());
  if (!data_set.empty()) {
    spec.mutable_data()->set_set(data_set);
    spec.set_name(absl::StrCat(spec.name(), " on ", data_set));
  }
  if (classes != 0) spec.mutable_data()->set_classes(classes);
  if (side != 0) spec.mutable_data()->set_side(side);
  return absl::StrCat(MessageToShortJson(spec), "\n");
}

}  // namespace reluscape

#include "base/csv.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace reluscape {

std::string CsvRecord(const std::vector<std::string>& fields) {
  std::vector<std::string> quoted;
  quoted.reserve(fields.size());
  for (const std::string& field : fields) {
    quoted.push_back(field.find_first_of(",\"\r\n") == std::string::npos
                         ? field
                         : absl::StrCat("\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\""));
  }
  return absl::StrCat(absl::StrJoin(quoted, ","), "\r\n");
}

}  // namespace reluscape

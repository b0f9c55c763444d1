#include "base/field_errors.h"

#include "absl/strings/str_cat.h"

namespace reluscape {

void FieldErrors::Add(const std::string& field, const std::string& found,
                      const std::string& allowed) {
  constexpr size_t kMost = 100;
  constexpr size_t kLongestFound = 200;
  if (errors_.size() == kMost) {
    ++left_out_;
    return;
  }
  std::string shown = found.substr(0, kLongestFound);
  if (found.size() > kLongestFound) shown += "...";
  errors_.push_back({field, std::move(shown), allowed});
}

absl::Status FieldErrors::ToStatus() const {
  if (errors_.empty()) return absl::OkStatus();
  std::string text;
  for (const FieldError& error : errors_) {
    absl::StrAppend(&text, text.empty() ? "" : "\n",
                    error.field.empty() ? std::string("job") : error.field, ": found ", error.found,
                    "; allowed: ", error.allowed);
  }
  if (left_out_ > 0) absl::StrAppend(&text, "\n(and ", left_out_, " more)");
  return absl::InvalidArgumentError(text);
}

}  // namespace reluscape

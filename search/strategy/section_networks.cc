// The networks of a Job of kind kCriticality: each named one with ReLUs in one section alone.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/network/names.h"
#include "search/strategy/collector.h"

namespace reluscape {
namespace {

// As the user named the network where that can be, else its canonical text.
std::string NameOfVariant(const std::string& text, const std::string& modifier,
                          const Architecture& variant) {
  const std::string name = text + modifier;
  const absl::StatusOr<Architecture> parsed =
      ParseArchitecture(name, variant.side, variant.classes);
  return parsed.ok() && *parsed == variant ? name : CanonicalText(variant);
}

}  // namespace

void Collector::AddSectionNetworks(const std::string& text, const std::string& field) {
  if (full_) return;
  const auto teacher = static_cast<int64_t>(proposal_.networks.size()) - 1;
  const ProposedNetwork full = proposal_.networks.back();
  const auto sections = static_cast<int64_t>(full.architecture.blocks.size());
  for (int64_t section = 1; section <= sections; ++section) {
    if (full.counts.sections[static_cast<size_t>(section - 1)].relus == 0) {
      errors_.Add(field, absl::StrCat(Quoted(text), ", which has no ReLUs in section ", section),
                  "a network with ReLUs in every section");
      return;
    }
  }
  for (int64_t section = 1; section <= sections && !full_; ++section) {
    Architecture only = full.architecture;
    only.stem_relu = false;
    only.final_relu = false;
    only.culled.clear();
    for (int64_t other = 1; other <= sections; ++other) {
      if (other != section) only.culled.push_back(other);
    }
    const std::string name =
        NameOfVariant(text, absl::StrCat("+culled:", absl::StrJoin(only.culled, ",")), only);
    FieldErrors own;
    std::optional<ProposedNetwork> network = Expand(name, only, own);
    if (full_) return;
    if (!network) {
      for (const FieldError& error : own.errors()) {
        errors_.Add(field,
                    absl::StrCat(Quoted(text), ", with ReLUs in section ", section,
                                 " alone: ", error.field, " ", error.found),
                    absl::StrCat(error.field, " ", error.allowed));
      }
      return;
    }
    const int64_t inside = network->counts.sections[static_cast<size_t>(section - 1)].relus;
    if (inside != network->counts.relus) {
      errors_.Add(
          field,
          absl::StrCat(Quoted(text), ", which keeps ", network->counts.relus - inside,
                       " ReLUs outside of section ", section, " where all others are culled"),
          "a network whose ReLUs are all in its sections (of a VGG: +classifier:linear)");
      return;
    }
    if (const auto known = field_by_hash_.find(network->hash); known != field_by_hash_.end()) {
      errors_.Add(field,
                  absl::StrCat(Quoted(text), ", whose network with ReLUs in section ", section,
                               " alone is one of ", known->second),
                  "networks that differ in more than the ReLU behind the stem");
      return;
    }
    network->role = CandidateRole::kSection;
    network->measured_section = section;
    network->teacher = teacher;
    network->origin = absl::StrCat("ReLUs in section ", section, " of ", text, " alone");
    Append(*std::move(network), field);
  }
}

}  // namespace reluscape

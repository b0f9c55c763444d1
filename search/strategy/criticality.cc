#include "search/strategy/criticality.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

absl::Status CheckSection(const SectionAccuracy& measured, int64_t expected) {
  if (measured.section != expected) {
    return absl::InvalidArgumentError(absl::StrCat("sections: found section ", measured.section,
                                                   " where section ", expected, " should be"));
  }
  if (measured.relus < 1) {
    return absl::InvalidArgumentError(absl::StrCat("section ", measured.section, ": found ",
                                                   measured.relus, " ReLUs; allowed: at least 1"));
  }
  if (measured.accuracies.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("section ", measured.section, ": found no accuracy; allowed: at least one"));
  }
  for (const double accuracy : measured.accuracies) {
    if (!(accuracy >= 0 && accuracy <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "section ", measured.section, ": found accuracy ", accuracy, "; allowed: 0 to 1"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<v1::SectionCriticality>> ScoreSections(
    const std::vector<SectionAccuracy>& sections, const v1::CriticalitySpec& settings) {
  if (!std::isfinite(settings.exponent()) || settings.exponent() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("exponent: found ", settings.exponent(), "; allowed: a number of at least 0"));
  }
  std::vector<SectionAccuracy> sorted = sections;
  std::sort(sorted.begin(), sorted.end(), [](const SectionAccuracy& a, const SectionAccuracy& b) {
    return a.section < b.section;
  });
  std::vector<v1::SectionCriticality> scored;
  for (SectionAccuracy& measured : sorted) {
    RETURN_IF_ERROR(CheckSection(measured, static_cast<int64_t>(scored.size()) + 1));
    // Sorted first, so that the sum does not depend on which replicate ended when.
    std::sort(measured.accuracies.begin(), measured.accuracies.end());
    const auto replicates = static_cast<int64_t>(measured.accuracies.size());
    v1::SectionCriticality section;
    section.set_section(measured.section);
    section.set_relus(measured.relus);
    section.set_replicates(replicates);
    section.set_accuracy(
        std::accumulate(measured.accuracies.begin(), measured.accuracies.end(), 0.0) /
        static_cast<double>(replicates));
    section.set_accuracy_lowest(measured.accuracies.front());
    section.set_accuracy_highest(measured.accuracies.back());
    scored.push_back(section);
  }
  if (scored.empty()) {
    return absl::InvalidArgumentError("sections: found none; allowed: at least 1");
  }

  double base = 0;
  if (settings.baseline() == v1::CriticalitySpec::MINIMUM) {
    base = std::min_element(scored.begin(), scored.end(),
                            [](const v1::SectionCriticality& a, const v1::SectionCriticality& b) {
                              return a.accuracy() < b.accuracy();
                            })
               ->accuracy();
  }
  for (v1::SectionCriticality& section : scored) {
    section.set_score((section.accuracy() - base) /
                      std::pow(static_cast<double>(section.relus()), settings.exponent()));
  }
  std::vector<size_t> order(scored.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const v1::SectionCriticality& left = scored[a];
    const v1::SectionCriticality& right = scored[b];
    if (left.score() != right.score()) return left.score() > right.score();
    if (left.relus() != right.relus()) return left.relus() < right.relus();
    return left.section() > right.section();
  });
  for (size_t i = 0; i < order.size(); ++i) scored[order[i]].set_rank(static_cast<int64_t>(i) + 1);
  return scored;
}

}  // namespace reluscape

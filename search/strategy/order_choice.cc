#include "search/strategy/order_choice.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace reluscape {

const std::vector<int64_t>& PublishedOrder() {
  static const std::vector<int64_t> order = {3, 2, 4, 1};
  return order;
}

std::optional<OrderChoice> ChooseOrder(const std::string& field, const std::string& backbone,
                                       int64_t sections, const std::vector<int64_t>& given,
                                       int64_t order_from_job, const MeasuredOrders& measured,
                                       FieldErrors& errors) {
  if (order_from_job != 0) {
    const auto found = measured.find(field);
    if (found == measured.end()) {
      errors.Add(field + ".order_from_job", absl::StrCat(order_from_job),
                 "nothing where no coordinator keeps jobs; give the order itself");
      return std::nullopt;
    }
    const MeasuredOrder& order = found->second;
    if (order.order.empty()) return std::nullopt;
    if (static_cast<int64_t>(order.order.size()) != sections) {
      errors.Add(field + ".order_from_job",
                 absl::StrCat("job ", order.job.value, ", which measured ", order.network, " of ",
                              order.order.size(), " sections"),
                 absl::StrCat("a job that measured a network of ", sections, " sections, as ",
                              backbone, " has"));
      return std::nullopt;
    }
    return OrderChoice{order.order,
                       absl::StrCat("measured by job ", order.job.value, " on ", order.network)};
  }
  if (!given.empty()) return OrderChoice{given, "given"};
  if (sections == static_cast<int64_t>(PublishedOrder().size())) {
    return OrderChoice{PublishedOrder(), "published default"};
  }
  errors.Add(field + ".order", "nothing",
             absl::StrCat("every section number of ", backbone,
                          ", most critical first, or order_from_job"));
  return std::nullopt;
}

std::string OriginText(const std::string& generator, const OrderChoice& choice) {
  return absl::StrCat(generator, ", order ", absl::StrJoin(choice.order, ","), " (", choice.source,
                      ")");
}

}  // namespace reluscape

#pragma once

// Orders of criticality that a Job's generators take from earlier Jobs.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/strategy/order_choice.h"
#include "search/vocabulary/job.h"
#include "storage/store.h"

namespace reluscape {

struct OrderSources {
  MeasuredOrders measured;         // an empty order where `errors` says why there is none
  FieldErrors errors;              // "candidates.deepreshape[0].order_from_job"
  std::vector<std::string> notes;  // what a user should know, one sentence each
};

bool AsksForMeasuredOrders(const v1::JobSpec& spec);

// Looks for each Job that an order_from_job names. It must be there, of kind kCriticality, FINISHED
// and on the same data set: name, classes, side. Where it asked for the very same images (numbers
// and split seed) and the newest data hash known for these is another than the one that it found,
// the files have changed since, and it is refused; where it asked for other images of the set, a
// note says so. Of several networks order_from_network chooses one, by its name or canonical text.
// An error is one of the store.
absl::StatusOr<OrderSources> FindOrderSources(const v1::JobSpec& spec, Transaction& transaction);

}  // namespace reluscape

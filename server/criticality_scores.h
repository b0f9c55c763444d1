#pragma once

// When the sections of a network have been measured: scores and order.

#include "absl/status/status.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// `ended` has just succeeded and is stored so. Where it was the last pretrain of the section
// networks of one network, over all its replicates, their scores are stored and an event
// "criticality" says the order. Validation accuracies of last epochs count; the test images have no
// part in it.
absl::Status ScoreSectionsIfMeasured(Transaction& transaction, TaskBook& book,
                                     const TaskRow& ended);

}  // namespace reluscape

#pragma once

// Which order of criticality a generator follows, and where it comes from. Thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "base/ids.h"

namespace reluscape {

// What a Job of kind kCriticality has found of one network.
struct MeasuredOrder {
  JobId job;
  std::string network;         // as that Job names it
  std::vector<int64_t> order;  // section numbers, most critical first
};

// By the path of the generator that asks for it: "candidates.deepreshape[0]".
using MeasuredOrders = std::map<std::string, MeasuredOrder>;

// 3, 2, 4, 1: of networks of four sections (DeepReShape, arXiv 2304.10593, recalled for
// ResNet18-like networks, not verified).
const std::vector<int64_t>& PublishedOrder();

struct OrderChoice {
  std::vector<int64_t> order;
  std::string source;  // "given", "published default", "measured by job 12 on resnet18@8"
};

// For the generator at `field`, whose backbone has `sections` sections:
//  * `order_from_job` is not 0: what `measured` says at `field`. An entry of an empty order stands
//    for one that was not found: nothing without another error, for whoever looked for it has
//    reported why. No entry: nobody looked for it, since there is no coordinator.
//  * `given` is not empty: that; whether it is a permutation is for the generator to check.
//  * else the published default, which four sections have.
// Adds an error, and answers nothing, where the sections do not fit or there is no default.
std::optional<OrderChoice> ChooseOrder(const std::string& field, const std::string& backbone,
                                       int64_t sections, const std::vector<int64_t>& given,
                                       int64_t order_from_job, const MeasuredOrders& measured,
                                       FieldErrors& errors);

// "deepreshape, order 3,2,4,1 (given)".
std::string OriginText(const std::string& generator, const OrderChoice& choice);

}  // namespace reluscape

#include "search/cost/he_schedule.h"

#include <algorithm>

namespace reluscape {

double ScheduledSeconds(const std::vector<double>& seconds, int64_t threads) {
  // More threads than layers stay idle.
  const auto used = std::min<size_t>(static_cast<size_t>(std::max<int64_t>(threads, 1)),
                                     std::max<size_t>(seconds.size(), 1));
  std::vector<double> load(used, 0.0);
  for (const double layer : seconds) *std::min_element(load.begin(), load.end()) += layer;
  return *std::max_element(load.begin(), load.end());
}

}  // namespace reluscape

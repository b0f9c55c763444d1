#include "search/strategy/seeds.h"

#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace reluscape {

uint64_t TaskSeed(uint64_t job_seed, Stage stage, const std::string& network_hash,
                  int64_t replicate) {
  return DeriveSeed(job_seed, absl::StrCat(StageName(stage), "/", network_hash),
                    static_cast<uint64_t>(replicate));
}

uint64_t SplitSeed(uint64_t job_seed) { return DeriveSeed(job_seed, "split"); }

}  // namespace reluscape

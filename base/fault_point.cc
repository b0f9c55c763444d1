#include "base/fault_point.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"

namespace reluscape {

#ifdef RELUSCAPE_FAULT_POINTS
namespace {

struct Plan {
  std::string name;
  int64_t passage = 1;
};

Plan ReadPlan() {
  const char* text = std::getenv("RELUSCAPE_KILL_AT");
  Plan plan;
  if (text == nullptr) return plan;
  plan.name = text;
  if (const size_t at = plan.name.rfind('@'); at != std::string::npos) {
    if (!absl::SimpleAtoi(plan.name.substr(at + 1), &plan.passage)) plan.passage = 1;
    plan.name.resize(at);
  }
  return plan;
}

}  // namespace

void FaultPoint(std::string_view name) {
  static const Plan plan = ReadPlan();
  static std::atomic<int64_t> passages{0};
  if (plan.name.empty() || name != plan.name) return;
  if (++passages == plan.passage) std::raise(SIGKILL);
}
#else
void FaultPoint(std::string_view /*name*/) {}
#endif

}  // namespace reluscape

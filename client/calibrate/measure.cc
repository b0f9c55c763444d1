#include "client/calibrate/measure.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/status_macros.h"
#include "client/calibrate/half_gates.h"
#include "client/calibrate/ntt.h"

namespace reluscape {
namespace {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::duration<double>;

constexpr Duration kGroup = std::chrono::milliseconds(1);
constexpr int kMinGroups = 5;
// Circuits in a row, so that their tables do not all lie in the nearest cache.
constexpr size_t kCircuits = 64;

Duration Timed(const std::function<void()>& call, int64_t times) {
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < times; ++i) call();
  return Clock::now() - start;
}

absl::StatusOr<double> TransformSeconds(int64_t degree, Duration budget) {
  ASSIGN_OR_RETURN(const NegacyclicNtt ntt, NegacyclicNtt::Create(degree));
  std::vector<uint64_t> values(static_cast<size_t>(degree));
  for (size_t i = 0; i < values.size(); ++i) values[i] = i * 0x9e3779b97f4a7c15 % ntt.prime();
  return FastestSeconds([&] { ntt.Forward(values); }, budget);
}

}  // namespace

double FastestSeconds(const std::function<void()>& call, Duration budget) {
  int64_t times = 1;
  while (Timed(call, times) < kGroup && times < (int64_t{1} << 30)) times *= 2;
  double fastest = std::numeric_limits<double>::infinity();
  const Clock::time_point start = Clock::now();
  for (int groups = 0; groups < kMinGroups || Clock::now() - start < budget; ++groups) {
    fastest = std::min(fastest, Timed(call, times).count() / static_cast<double>(times));
  }
  return fastest;
}

absl::StatusOr<MachineTimes> MeasureMachine(Duration budget) {
  RETURN_IF_ERROR(CheckAesInstructions());
  MachineTimes times;
  ASSIGN_OR_RETURN(times.ntt_4096_s, TransformSeconds(4096, budget));
  ASSIGN_OR_RETURN(times.ntt_8192_s, TransformSeconds(8192, budget));

  const Circuit circuit = ReluCircuit();
  std::vector<GarbledCircuit> garbled(kCircuits);
  size_t next = 0;
  times.garble_s = FastestSeconds(
      [&] {
        Garble(circuit, next, garbled[next]);
        next = (next + 1) % kCircuits;
      },
      budget);
  for (size_t i = 0; i < kCircuits; ++i) Garble(circuit, i, garbled[i]);
  std::vector<std::vector<Block>> labels(kCircuits);
  for (size_t i = 0; i < kCircuits; ++i) {
    labels[i].assign(garbled[i].zeros.begin(), garbled[i].zeros.begin() + circuit.inputs);
  }
  next = 0;
  times.evaluate_s = FastestSeconds(
      [&] {
        EvaluateGarbled(circuit, garbled[next].table, labels[next]);
        next = (next + 1) % kCircuits;
      },
      budget);
  return times;
}

}  // namespace reluscape

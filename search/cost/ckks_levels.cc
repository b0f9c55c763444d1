#include "search/cost/ckks_levels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr size_t kMaxStates = 200'000;  // four values alive at 20 levels
constexpr size_t kMaxNodes = 100'000;
constexpr size_t kMaxTraceBytes = size_t{1} << 30;

// How the states before a step follow from those behind it.
struct Step {
  enum class Kind { kRelax, kFork, kJoin, kRun };
  Kind kind = Kind::kRun;
  size_t axis = 0;   // kRelax, kRun: its; kFork: the one copied, to the end; kJoin: the one kept
  size_t other = 0;  // kJoin: the one removed
  int node = 0;      // that runs, or for which the others prepare
  int value = 0;     // kRelax: that the axis holds
  // kRelax: by state behind it, the level before and the level that a bootstrap ended at (-1: none
  // was made).
  std::vector<uint8_t> from = {};
  std::vector<int8_t> target = {};
};

class LevelSearch {
 public:
  LevelSearch(const LevelProgram& program, const LevelPrices& prices)
      : program_(program), prices_(prices), size_(static_cast<size_t>(program.levels) + 1) {}

  absl::StatusOr<LevelSchedule> Run() {
    RETURN_IF_ERROR(Check());
    alive_ = {0};
    cost_.assign(size_, kNever);
    cost_.back() = 0;
    for (size_t node = 1; node < program_.nodes.size(); ++node) {
      RETURN_IF_ERROR(RunNode(static_cast<int>(node)));
    }
    return Trace();
  }

 private:
  static absl::Status Wrong(const LevelNode& node, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(node.name, ": ", what));
  }

  absl::Status Check() {
    if (program_.levels < 1 || program_.levels > kMaxCkksLevels) {
      return absl::InvalidArgumentError(
          absl::StrCat("levels: found ", program_.levels, "; allowed: 1 to ", kMaxCkksLevels));
    }
    if (program_.minimum_bootstrap_level < 0 ||
        program_.minimum_bootstrap_level > program_.levels) {
      return absl::InvalidArgumentError(absl::StrCat("minimum_bootstrap_level: found ",
                                                     program_.minimum_bootstrap_level,
                                                     "; allowed: 0 to ", program_.levels));
    }
    if (program_.nodes.empty() || program_.nodes.size() > kMaxNodes) {
      return absl::InvalidArgumentError(
          absl::StrCat("operations: found ", program_.nodes.size(), "; allowed: 1 to ", kMaxNodes));
    }
    if (prices_.bootstrap.size() != size_ ||
        (!prices_.operation.empty() && prices_.operation.size() != program_.nodes.size())) {
      return absl::InvalidArgumentError("prices: allowed: one per level, and none or one per node");
    }
    uses_.assign(program_.nodes.size(), 0);
    for (size_t i = 0; i < program_.nodes.size(); ++i) RETURN_IF_ERROR(CheckNode(i));
    for (size_t i = 0; i + 1 < program_.nodes.size(); ++i) {
      if (uses_[i] == 0) return Wrong(program_.nodes[i], "nothing uses its value");
    }
    return absl::OkStatus();
  }

  absl::Status CheckNode(size_t index) {
    const LevelNode& node = program_.nodes[index];
    if (node.depth < 0 || node.depth > program_.levels) {
      return Wrong(node, absl::StrCat("found ", node.depth, " levels of depth; allowed: at most ",
                                      program_.levels, ", the level after a bootstrap"));
    }
    if (node.ciphertexts < 1) return Wrong(node, "allowed: at least one ciphertext");
    const size_t inputs = node.inputs.size();
    if (index == 0 ? inputs != 0 : inputs < 1 || inputs > 2) {
      return Wrong(node, absl::StrCat("found ", inputs, " inputs; allowed: ",
                                      index == 0 ? "none of the first node" : "one or two"));
    }
    for (const int input : node.inputs) {
      if (input < 0 || static_cast<size_t>(input) >= index) {
        return Wrong(node, absl::StrCat("input ", input, " is no earlier node"));
      }
      uses_[static_cast<size_t>(input)] += 1;
    }
    if (inputs == 2 && node.inputs[0] == node.inputs[1]) {
      return Wrong(node, "joins a value with itself");
    }
    if (!prices_.operation.empty() && !prices_.operation[index].empty() &&
        prices_.operation[index].size() != size_) {
      return Wrong(node, "allowed: no price, or one per level");
    }
    return absl::OkStatus();
  }

  absl::Status RunNode(int node) {
    const LevelNode& info = program_.nodes[static_cast<size_t>(node)];
    std::vector<size_t> operands;
    for (const int input : info.inputs) {
      const size_t axis = AxisOf(input);
      RETURN_IF_ERROR(Relax(axis, node));
      if (--uses_[static_cast<size_t>(input)] == 0) {
        operands.push_back(axis);
        continue;
      }
      RETURN_IF_ERROR(Fork(axis, node));
      operands.push_back(alive_.size() - 1);
      RETURN_IF_ERROR(Relax(operands.back(), node));
    }
    size_t axis = operands[0];
    if (operands.size() == 2) {
      Join(operands[0], operands[1], node);
      if (operands[1] < operands[0]) --axis;
    }
    RunOn(axis, node);
    alive_[axis] = node;
    return absl::OkStatus();
  }

  size_t AxisOf(int value) const {
    return static_cast<size_t>(std::find(alive_.begin(), alive_.end(), value) - alive_.begin());
  }

  // States that differ in the axis' level only are `Stride` apart.
  size_t Stride(size_t axis) const {
    size_t stride = 1;
    for (size_t i = axis + 1; i < alive_.size(); ++i) stride *= size_;
    return stride;
  }

  // Lets the axis' value be refreshed and drop.
  absl::Status Relax(size_t axis, int node) {
    const int value = alive_[axis];
    const auto ciphertexts =
        static_cast<double>(program_.nodes[static_cast<size_t>(value)].ciphertexts);
    Step step = {.kind = Step::Kind::kRelax, .axis = axis, .node = node, .value = value};
    trace_bytes_ += 2 * cost_.size();
    if (trace_bytes_ > kMaxTraceBytes) {
      return Wrong(program_.nodes[static_cast<size_t>(node)],
                   "too many operations with too many values alive at once");
    }
    step.from.resize(cost_.size());
    step.target.assign(cost_.size(), -1);
    const size_t stride = Stride(axis);
    for (size_t start = 0; start < cost_.size(); start += stride * size_) {
      for (size_t fibre = start; fibre < start + stride; ++fibre) {
        RelaxFibre(fibre, stride, ciphertexts, step);
      }
    }
    steps_.push_back(std::move(step));
    return absl::OkStatus();
  }

  void RelaxFibre(size_t first, size_t stride, double ciphertexts, Step& step) {
    double cheapest = kNever;
    size_t cheapest_level = 0;
    for (size_t level = 0; level < size_; ++level) {
      const size_t state = first + level * stride;
      step.from[state] = static_cast<uint8_t>(level);
      if (level >= static_cast<size_t>(program_.minimum_bootstrap_level) &&
          cost_[state] <= cheapest && cost_[state] < kNever) {
        cheapest = cost_[state];
        cheapest_level = level;
      }
    }
    double best = kNever;  // at this level or above
    size_t best_state = 0;
    for (size_t level = size_; level-- > 0;) {
      const size_t state = first + level * stride;
      const double refreshed = cheapest + ciphertexts * prices_.bootstrap[level];
      if (refreshed < cost_[state]) {
        cost_[state] = refreshed;
        step.from[state] = static_cast<uint8_t>(cheapest_level);
        step.target[state] = static_cast<int8_t>(level);
      }
      if (cost_[state] <= best) {
        best = cost_[state];
        best_state = state;
      } else {
        cost_[state] = best;
        step.from[state] = step.from[best_state];
        step.target[state] = step.target[best_state];
      }
    }
  }

  // Copies the axis' value to a new last axis of its own level.
  absl::Status Fork(size_t axis, int node) {
    if (cost_.size() * size_ > kMaxStates) {
      return Wrong(
          program_.nodes[static_cast<size_t>(node)],
          absl::StrCat("found ", alive_.size() + 1, " values alive at once with ", program_.levels,
                       " levels; allowed: at most ", kMaxStates, " combinations of their levels"));
    }
    std::vector<double> copied(cost_.size() * size_, kNever);
    const size_t stride = Stride(axis);
    for (size_t state = 0; state < cost_.size(); ++state) {
      copied[state * size_ + state / stride % size_] = cost_[state];
    }
    cost_ = std::move(copied);
    const int value = alive_[axis];
    alive_.push_back(value);
    steps_.push_back({.kind = Step::Kind::kFork, .axis = axis, .node = node});
    return absl::OkStatus();
  }

  // Keeps the states where both axes have the same level, and removes `other`.
  void Join(size_t axis, size_t other, int node) {
    steps_.push_back({.kind = Step::Kind::kJoin, .axis = axis, .other = other, .node = node});
    const size_t kept_stride = Stride(axis);
    const size_t gone_stride = Stride(other);
    std::vector<double> joined(cost_.size() / size_);
    size_t next = 0;
    // In order of the states without the removed axis: those with its level 0, shifted.
    for (size_t state = 0; state < cost_.size(); ++state) {
      if (state / gone_stride % size_ != 0) continue;
      joined[next++] = cost_[state + (state / kept_stride % size_) * gone_stride];
    }
    cost_ = std::move(joined);
    alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(other));
  }

  void RunOn(size_t axis, int node) {
    const auto index = static_cast<size_t>(node);
    const auto depth = static_cast<size_t>(program_.nodes[index].depth);
    static const std::vector<double> kFree;
    const std::vector<double>& price = prices_.operation.empty() ? kFree : prices_.operation[index];
    const size_t stride = Stride(axis);
    for (size_t start = 0; start < cost_.size(); start += stride * size_) {
      for (size_t fibre = start; fibre < start + stride; ++fibre) {
        for (size_t level = 0; level < size_; ++level) {
          const size_t from = level + depth;
          double& to = cost_[fibre + level * stride];
          to = from < size_ ? cost_[fibre + from * stride] : kNever;
          if (from < size_ && !price.empty()) to += price[from];
        }
      }
    }
    steps_.push_back({.kind = Step::Kind::kRun, .axis = axis, .node = node});
  }

  absl::StatusOr<LevelSchedule> Trace() {
    LevelSchedule schedule;
    schedule.level.assign(program_.nodes.size(), program_.levels);
    size_t best = 0;
    for (size_t level = 0; level < size_; ++level) {
      if (cost_[level] <= cost_[best]) best = level;
    }
    schedule.cost = cost_[best];
    if (!std::isfinite(schedule.cost)) {
      return Wrong(program_.nodes.back(), "no placement of bootstraps reaches it");
    }
    std::vector<size_t> levels = {best};
    for (size_t i = steps_.size(); i-- > 0;) TraceBack(steps_[i], levels, schedule);
    std::reverse(schedule.refreshes.begin(), schedule.refreshes.end());
    return schedule;
  }

  void TraceBack(const Step& step, std::vector<size_t>& levels, LevelSchedule& schedule) const {
    const auto node = static_cast<size_t>(step.node);
    switch (step.kind) {
      case Step::Kind::kRun:
        levels[step.axis] += static_cast<size_t>(program_.nodes[node].depth);
        schedule.level[node] = static_cast<int64_t>(levels[step.axis]);
        break;
      case Step::Kind::kJoin: {
        // `axis` counts with the removed one in its place.
        const size_t kept = step.other < step.axis ? step.axis - 1 : step.axis;
        levels.insert(levels.begin() + static_cast<std::ptrdiff_t>(step.other), levels[kept]);
        break;
      }
      case Step::Kind::kFork:
        levels.pop_back();
        break;
      case Step::Kind::kRelax: {
        size_t state = 0;
        for (const size_t level : levels) state = state * size_ + level;
        const auto from = static_cast<size_t>(step.from[state]);
        if (step.target[state] >= 0) {
          schedule.refreshes.push_back({.value = step.value,
                                        .before = step.node,
                                        .from = static_cast<int64_t>(from),
                                        .to = step.target[state]});
        }
        levels[step.axis] = from;
        break;
      }
    }
  }

  const LevelProgram& program_;
  const LevelPrices& prices_;
  const size_t size_;         // levels of an axis, 0 included
  std::vector<int> uses_;     // of each value by nodes to come
  std::vector<int> alive_;    // the value of each axis, the first axis slowest
  std::vector<double> cost_;  // by state
  std::vector<Step> steps_;
  size_t trace_bytes_ = 0;
};

}  // namespace

LevelPrices CountBootstraps(int64_t levels) {
  LevelPrices prices;
  prices.bootstrap.assign(static_cast<size_t>(std::max<int64_t>(levels, 0)) + 1, kNoBootstrap);
  prices.bootstrap.back() = 1;
  return prices;
}

absl::StatusOr<LevelSchedule> CheapestSchedule(const LevelProgram& program,
                                               const LevelPrices& prices) {
  return LevelSearch(program, prices).Run();
}

}  // namespace reluscape

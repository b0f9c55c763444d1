#include "search/cost/ckks_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/random.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

constexpr double kNever = std::numeric_limits<double>::infinity();

// The slow reference: every assignment of levels to operations. A value below what one of its users
// runs at has to be refreshed, once, to the cheapest level that is high enough for all of them.
double CheapestByExhaustion(const LevelProgram& program, const LevelPrices& prices) {
  const size_t count = program.nodes.size();
  std::vector<int64_t> runs(count, program.levels);
  const auto cost_of = [&]() {
    double cost = 0;
    for (size_t value = 0; value < count; ++value) {
      const LevelNode& node = program.nodes[value];
      if (runs[value] < node.depth) return kNever;
      const int64_t made = runs[value] - node.depth;
      int64_t needed = 0;
      for (size_t user = value + 1; user < count; ++user) {
        const std::vector<int>& inputs = program.nodes[user].inputs;
        if (std::find(inputs.begin(), inputs.end(), static_cast<int>(value)) != inputs.end()) {
          needed = std::max(needed, runs[user]);
        }
      }
      if (!prices.operation.empty() && !prices.operation[value].empty()) {
        cost += prices.operation[value][static_cast<size_t>(runs[value])];
      }
      if (needed <= made) continue;
      if (made < program.minimum_bootstrap_level) return kNever;
      const double refresh =
          *std::min_element(prices.bootstrap.begin() + needed, prices.bootstrap.end());
      cost += static_cast<double>(node.ciphertexts) * refresh;
    }
    return cost;
  };
  double best = kNever;
  const std::function<void(size_t)> assign = [&](size_t node) {
    if (node == count) {
      best = std::min(best, cost_of());
      return;
    }
    for (runs[node] = 0; runs[node] <= program.levels; ++runs[node]) assign(node + 1);
  };
  assign(1);  // the first stands at the highest level
  return best;
}

// What a schedule costs by its own account, and whether it keeps the rules.
double CostOf(const LevelSchedule& schedule, const LevelProgram& program,
              const LevelPrices& prices) {
  double cost = 0;
  for (size_t i = 1; i < program.nodes.size(); ++i) {
    EXPECT_GE(schedule.level[i], program.nodes[i].depth);
    if (!prices.operation.empty() && !prices.operation[i].empty()) {
      cost += prices.operation[i][static_cast<size_t>(schedule.level[i])];
    }
  }
  for (const Refresh& refresh : schedule.refreshes) {
    EXPECT_GE(refresh.from, program.minimum_bootstrap_level);
    cost += static_cast<double>(program.nodes[static_cast<size_t>(refresh.value)].ciphertexts) *
            prices.bootstrap[static_cast<size_t>(refresh.to)];
  }
  return cost;
}

// A random program in which every value has a user: chains, forks, joins, several users.
LevelProgram RandomProgram(Random& random, int64_t levels, size_t count) {
  const auto draw = [&random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low + 1)));
  };
  LevelProgram program = {.nodes = {{.name = "0", .ciphertexts = draw(1, 3)}},
                          .levels = levels,
                          .minimum_bootstrap_level = draw(0, 3) == 0 ? 1 : 0};
  std::vector<int> open = {0};  // without a user so far
  for (size_t i = 1; i < count; ++i) {
    LevelNode node = {.name = std::to_string(i)};
    const bool last = i + 1 == count;
    const auto take_open = [&]() {
      const auto at = static_cast<size_t>(draw(0, static_cast<int64_t>(open.size()) - 1));
      const int value = open[at];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      return value;
    };
    if (open.size() > 2 || (last && open.size() == 2)) {
      node.inputs = {take_open(), take_open()};
    } else if (draw(0, 2) == 0 && i > 1) {
      node.inputs = {static_cast<int>(draw(0, static_cast<int64_t>(i) - 1))};
      open.erase(std::remove(open.begin(), open.end(), node.inputs[0]), open.end());
      if (open.empty() == false && last) node.inputs.push_back(take_open());
    } else {
      node.inputs = {take_open()};
      if (draw(0, 2) == 0 && !last) {
        const int other = static_cast<int>(draw(0, static_cast<int64_t>(i) - 1));
        if (other != node.inputs[0]) {
          node.inputs.push_back(other);
          open.erase(std::remove(open.begin(), open.end(), other), open.end());
        }
      }
    }
    node.depth = draw(0, 2);
    node.ciphertexts = draw(1, 3);
    open.push_back(static_cast<int>(i));
    program.nodes.push_back(node);
  }
  return program;
}

bool EveryValueIsUsed(const LevelProgram& program) {
  for (size_t value = 0; value + 1 < program.nodes.size(); ++value) {
    bool used = false;
    for (const LevelNode& node : program.nodes) {
      used = used || std::find(node.inputs.begin(), node.inputs.end(), static_cast<int>(value)) !=
                         node.inputs.end();
    }
    if (!used) return false;
  }
  return true;
}

TEST(CkksLevelsTest, AgreesWithExhaustionOnCounts) {
  Random random(20260101);
  int compared = 0;
  int with_bootstraps = 0;
  for (int i = 0; i < 600; ++i) {
    const LevelProgram program =
        RandomProgram(random, /*levels=*/3 + i % 2, /*count=*/4 + static_cast<size_t>(i % 3));
    if (!EveryValueIsUsed(program)) continue;
    const LevelPrices prices = CountBootstraps(program.levels);
    const double expected = CheapestByExhaustion(program, prices);
    const auto schedule = CheapestSchedule(program, prices);
    ASSERT_EQ(schedule.ok(), std::isfinite(expected)) << i << " " << schedule.status();
    if (!schedule.ok()) continue;
    EXPECT_DOUBLE_EQ(schedule->cost, expected) << i;
    EXPECT_DOUBLE_EQ(CostOf(*schedule, program, prices), schedule->cost) << i;
    ++compared;
    with_bootstraps += expected > 0 ? 1 : 0;
  }
  EXPECT_GT(compared, 300);
  EXPECT_GT(with_bootstraps, 60);
}

TEST(CkksLevelsTest, AgreesWithExhaustionOnSecondsWithAnyTarget) {
  Random random(7);
  const auto price = [&random]() { return random.Uniform(0.1, 5); };
  int compared = 0;
  for (int i = 0; i < 400; ++i) {
    const int64_t levels = 3;
    const LevelProgram program = RandomProgram(random, levels, 4 + static_cast<size_t>(i % 3));
    if (!EveryValueIsUsed(program)) continue;
    LevelPrices prices;
    double rising = 0;
    for (int64_t level = 0; level <= levels; ++level) {
      prices.bootstrap.push_back(level == 0 ? kNever : rising += price());
    }
    prices.operation.resize(program.nodes.size());
    for (size_t node = 1; node < program.nodes.size(); ++node) {
      for (int64_t level = 0; level <= levels; ++level) prices.operation[node].push_back(price());
    }
    const double expected = CheapestByExhaustion(program, prices);
    const auto schedule = CheapestSchedule(program, prices);
    ASSERT_EQ(schedule.ok(), std::isfinite(expected)) << i << " " << schedule.status();
    if (!schedule.ok()) continue;
    EXPECT_NEAR(schedule->cost, expected, 1e-9) << i;
    EXPECT_NEAR(CostOf(*schedule, program, prices), schedule->cost, 1e-9) << i;
    ++compared;
  }
  EXPECT_GT(compared, 150);
}

TEST(CkksLevelsTest, ChainIsRefreshedOnlyWhereItsLevelsEnd) {
  LevelProgram chain = {.nodes = {{.name = "in"}}, .levels = 5};
  for (int i = 0; i < 10; ++i) chain.nodes.push_back({.name = "op", .inputs = {i}, .depth = 2});
  // Two operations per refresh: the fresh ciphertext serves two, four refreshes the other eight.
  EXPECT_EQ(CheapestSchedule(chain, CountBootstraps(5))->cost, 4);
}

TEST(CkksLevelsTest, RefreshesANarrowValueRatherThanAWideOne) {
  LevelProgram chain = {.nodes = {{.name = "in", .ciphertexts = 8},
                                  {.name = "narrow", .inputs = {0}, .depth = 1, .ciphertexts = 2},
                                  {.name = "wide", .inputs = {1}, .depth = 1, .ciphertexts = 8},
                                  {.name = "out", .inputs = {2}, .depth = 1, .ciphertexts = 8}},
                        .levels = 2};
  const auto schedule = CheapestSchedule(chain, CountBootstraps(2));
  EXPECT_EQ(schedule->cost, 2);
  ASSERT_EQ(schedule->refreshes.size(), 1u);
  EXPECT_EQ(schedule->refreshes[0].value, 1);
}

TEST(CkksLevelsTest, RefusesWhatItCannotSearch) {
  const auto message = [](const LevelProgram& program) {
    return std::string(
        CheapestSchedule(program, CountBootstraps(program.levels)).status().message());
  };
  const LevelNode in = {.name = "in"};
  EXPECT_THAT(message({.nodes = {in, {.name = "relu1", .inputs = {0}, .depth = 14}}, .levels = 12}),
              HasSubstr("relu1: found 14 levels of depth; allowed: at most 12"));
  EXPECT_THAT(message({.nodes = {in, {.name = "a", .inputs = {0}}, {.name = "b", .inputs = {0}}},
                       .levels = 3}),
              HasSubstr("a: nothing uses its value"));
  EXPECT_THAT(message({.nodes = {in, {.name = "a", .inputs = {0, 0}}}, .levels = 3}),
              HasSubstr("joins a value with itself"));
  EXPECT_THAT(message({.nodes = {in, {.name = "a", .inputs = {1}}}, .levels = 3}),
              HasSubstr("input 1 is no earlier node"));
  EXPECT_THAT(message({.nodes = {in}, .levels = 0}), HasSubstr("levels: found 0; allowed: 1 to"));
  EXPECT_THAT(message({.nodes = {in}, .levels = 3, .minimum_bootstrap_level = 4}),
              HasSubstr("minimum_bootstrap_level"));
  // Six values alive at once.
  LevelProgram wide = {.nodes = {in}, .levels = 16};
  for (int i = 1; i <= 6; ++i) wide.nodes.push_back({.name = "fan", .inputs = {0}, .depth = 1});
  for (int i = 1; i <= 5; ++i) {
    wide.nodes.push_back({.name = "sum", .inputs = {i, i == 1 ? 6 : 5 + i}});
  }
  EXPECT_THAT(message(wide), HasSubstr("values alive at once"));
  // Without any bootstrap a chain ends.
  LevelPrices none = CountBootstraps(2);
  none.bootstrap.back() = kNever;
  const LevelProgram chain = {.nodes = {in,
                                        {.name = "a", .inputs = {0}, .depth = 2},
                                        {.name = "b", .inputs = {1}, .depth = 1}},
                              .levels = 2};
  EXPECT_THAT(std::string(CheapestSchedule(chain, none).status().message()),
              HasSubstr("no placement of bootstraps"));
}

}  // namespace
}  // namespace reluscape

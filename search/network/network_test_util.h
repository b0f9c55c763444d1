#pragma once

// What the tests of this folder share: networks by name, and random architectures.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "search/network/accounting.h"
#include "search/network/architecture.h"
#include "search/network/names.h"

namespace reluscape {

inline Architecture Parsed(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto architecture = ParseArchitecture(text, side, classes);
  EXPECT_TRUE(architecture.ok()) << text << ": " << architecture.status();
  return architecture.ok() ? *architecture : Architecture{};
}

inline Network Built(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto network = BuildNetwork(Parsed(text, side, classes));
  EXPECT_TRUE(network.ok()) << text << ": " << network.status();
  return network.ok() ? *network : Network{};
}

inline NetworkCounts Counted(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto counts = CountNetwork(Built(text, side, classes));
  EXPECT_TRUE(counts.ok()) << text << ": " << counts.status();
  return counts.ok() ? *counts : NetworkCounts{};
}

inline NetworkCounts Counted(const Architecture& architecture) {
  const auto network = BuildNetwork(architecture);
  EXPECT_TRUE(network.ok()) << CanonicalText(architecture) << ": " << network.status();
  return network.ok() ? *CountNetwork(*network) : NetworkCounts{};
}

// The errors that a text is refused with; empty where it is none.
inline std::string ErrorOf(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto architecture = ParseArchitecture(text, side, classes);
  if (architecture.ok()) return "";
  EXPECT_EQ(architecture.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(architecture.status().message());
}

inline const Op& OpNamed(const Network& network, const std::string& name) {
  for (const Op& op : network.ops) {
    if (op.name == name) return op;
  }
  ADD_FAILURE() << "no operation " << name;
  return network.ops.front();
}

inline bool HasOp(const Network& network, const std::string& name) {
  for (const Op& op : network.ops) {
    if (op.name == name) return true;
  }
  return false;
}

inline std::vector<std::string> InputNames(const Network& network, const std::string& name) {
  std::vector<std::string> names;
  for (const int input : OpNamed(network, name).inputs) {
    names.push_back(network.ops[static_cast<size_t>(input)].name);
  }
  return names;
}

inline std::vector<std::string> OpNames(const Network& network) {
  std::vector<std::string> names;
  for (const Op& op : network.ops) names.push_back(op.name);
  return names;
}

// One of `count` values that are cast from 0, 1, ...
template <typename Enum>
Enum RandomChoice(Random& random, uint64_t count) {
  return static_cast<Enum>(random.Below(count));
}

// What only some families and skip modes have, set there alone.
inline void DrawDetails(Random& random, Architecture& architecture) {
  const bool vgg = architecture.family == Family::kVgg;
  const bool wide = architecture.family == Family::kWide;
  const auto coin = [&random] { return random.Below(2) == 1; };
  if (vgg) {
    architecture.skip = coin() ? Skip::kDirac : Skip::kNone;
    architecture.pool = RandomChoice<PoolKind>(random, 2);
    architecture.classifier = RandomChoice<Classifier>(random, 2);
    return;
  }
  if (wide) {
    architecture.widen = static_cast<int64_t>(1 + random.Below(4));
    architecture.final_relu = coin();
  } else {
    architecture.stem_relu = coin();
  }
  architecture.stem_kernel = coin() ? 3 : 7;
  architecture.stem_stride = static_cast<int64_t>(1 + random.Below(3));
  architecture.stem_pool = random.Below(4) == 0;
  architecture.thinned = coin();
  architecture.skip = RandomChoice<Skip>(random, 4);
  if (architecture.skip == Skip::kResidual) {
    architecture.shortcut = RandomChoice<Shortcut>(random, 3);
  } else {
    architecture.downsampling = RandomChoice<Downsampling>(random, 2);
  }
  if (architecture.skip == Skip::kDiracShared) {
    architecture.source = RandomChoice<SharedSource>(random, 2);
    architecture.joins = static_cast<int64_t>(random.Below(4));
    architecture.merge = RandomChoice<Merge>(random, 2);
  }
}

// Of any family, with any fields; always one that can be built.
inline Architecture RandomArchitecture(Random& random) {
  for (;;) {
    Architecture architecture = DefaultsOf(RandomChoice<Family>(random, 4));
    const size_t sections = 3 + random.Below(3);
    architecture.side = static_cast<int64_t>(16 + random.Below(241));
    architecture.classes = static_cast<int64_t>(2 + random.Below(1000));
    architecture.base_channels = static_cast<int64_t>(1 + random.Below(32));
    for (size_t i = 0; i < sections; ++i) {
      architecture.blocks.push_back(static_cast<int64_t>(1 + random.Below(4)));
      if (i > 0) {
        architecture.multipliers.push_back(static_cast<double>(1 + random.Below(4000)) / 1000);
      }
      if (random.Below(4) == 0) architecture.culled.push_back(static_cast<int64_t>(i) + 1);
    }
    if (random.Below(4) == 0) {
      architecture.channel_scale = static_cast<double>(1 + random.Below(1000)) / 1000;
    }
    architecture.reuse = int64_t{1} << random.Below(5);
    architecture.last_map = static_cast<int64_t>(1 + random.Below(2));
    DrawDetails(random, architecture);
    FieldErrors errors;
    SectionShapes(architecture, errors);
    if (errors.empty()) return architecture;
  }
}

}  // namespace reluscape

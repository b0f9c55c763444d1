// What holds for every network, tried on random descriptions of all families.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

constexpr int kNetworks = 400;

// Whether two lists compute the same, field by field: what the hash must agree with.
bool SameNetwork(const Network& a, const Network& b) {
  if (a.ops.size() != b.ops.size()) return false;
  for (size_t i = 0; i < a.ops.size(); ++i) {
    Op left = a.ops[i];
    Op right = b.ops[i];
    for (Op* op : {&left, &right}) {
      op->name.clear();
      op->section = 0;
      op->block = 0;
      op->shortcut = false;
    }
    if (left != right) return false;
  }
  return true;
}

TEST(NetworkPropertiesTest, HashesAgreeWithTheListsOfOperations) {
  Random random(21);
  std::map<std::string, Network> by_hash;
  int equal = 0;
  for (int i = 0; i < kNetworks; ++i) {
    Architecture architecture = RandomArchitecture(random);
    // Small and alike, so that some descriptions stand for one network.
    architecture.side = 32;
    architecture.classes = 10;
    architecture.base_channels = 1;
    architecture.blocks.assign(3, 1);
    architecture.multipliers.assign(2, architecture.multipliers[0] < 2 ? 1.0 : 1.25);
    architecture.culled.clear();
    FieldErrors errors;
    SectionShapes(architecture, errors);
    if (!errors.empty()) continue;
    const Network network = *BuildNetwork(architecture);
    const auto [entry, is_new] = by_hash.emplace(NetworkHash(network), network);
    ASSERT_TRUE(SameNetwork(entry->second, network)) << CanonicalText(architecture);
    equal += is_new ? 0 : 1;
  }
  for (auto a = by_hash.begin(); a != by_hash.end(); ++a) {
    for (auto b = std::next(a); b != by_hash.end(); ++b) {
      ASSERT_FALSE(SameNetwork(a->second, b->second)) << a->first << " " << b->first;
    }
  }
  EXPECT_GT(equal, 10);
  EXPECT_GT(by_hash.size(), 50u);
}

TEST(NetworkPropertiesTest, CountsAddUp) {
  Random random(22);
  for (int i = 0; i < kNetworks; ++i) {
    const Architecture architecture = RandomArchitecture(random);
    const std::string text = CanonicalText(architecture);
    const Network network = *BuildNetwork(architecture);
    const auto counts = CountNetwork(network);
    ASSERT_TRUE(counts.ok()) << text << ": " << counts.status();
    ASSERT_EQ(counts->layers.size(), network.ops.size());
    int64_t relus = 0;
    int64_t macs = 0;
    int64_t parameters = 0;
    int64_t edges = 0;
    std::map<int, int64_t> by_section;
    for (size_t op = 0; op < counts->layers.size(); ++op) {
      const LayerCounts& layer = counts->layers[op];
      ASSERT_EQ(layer.output, network.ops[op].output) << text;
      relus += layer.relus;
      macs += layer.macs;
      parameters += layer.parameters;
      by_section[layer.section] += layer.relus;
      edges += network.ops[op].kind == OpKind::kAdd ? 1 : 0;
    }
    ASSERT_EQ(relus, counts->relus) << text;
    ASSERT_EQ(macs, counts->macs) << text;
    ASSERT_EQ(counts->conv_macs + counts->shortcut_macs + counts->classifier_macs, macs) << text;
    ASSERT_EQ(parameters, counts->parameters) << text;
    ASSERT_EQ(static_cast<int64_t>(counts->skip_edges.size()), edges) << text;
    ASSERT_GE(counts->relus_with_stem, counts->relus) << text;
    for (size_t section = 0; section < counts->sections.size(); ++section) {
      ASSERT_EQ(counts->sections[section].relus, by_section[static_cast<int>(section) + 1]) << text;
    }
  }
}

TEST(NetworkPropertiesTest, SectionsHaveTheShapesThatWereAnnounced) {
  Random random(23);
  for (int i = 0; i < kNetworks; ++i) {
    const Architecture architecture = RandomArchitecture(random);
    FieldErrors errors;
    const std::vector<SectionShape> shapes = SectionShapes(architecture, errors);
    const NetworkCounts counts = Counted(architecture);
    ASSERT_EQ(counts.sections.size(), shapes.size());
    for (size_t section = 0; section < shapes.size(); ++section) {
      ASSERT_EQ(counts.sections[section].width, shapes[section].output)
          << CanonicalText(architecture);
      ASSERT_EQ(counts.sections[section].side, shapes[section].side) << CanonicalText(architecture);
      ASSERT_EQ(counts.sections[section].blocks, shapes[section].blocks)
          << CanonicalText(architecture);
    }
  }
}

}  // namespace
}  // namespace reluscape

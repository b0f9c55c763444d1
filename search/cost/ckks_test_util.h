#pragma once

// Networks and rules for the tests of the CKKS model.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "search/cost/ckks.h"
#include "search/cost/ckks_levels.h"
#include "search/cost/ckks_program.h"
#include "search/network/architecture.h"
#include "search/network/names.h"

namespace reluscape {

// One point of the skip axis.
struct SkipMode {
  const char* name;
  Skip skip;
  int64_t joins;  // of kDiracShared
};

inline constexpr SkipMode kResidualMode = {"residual", Skip::kResidual, 1};
inline constexpr SkipMode kNoneMode = {"none", Skip::kNone, 1};
inline constexpr SkipMode kDiracMode = {"dirac", Skip::kDirac, 1};
inline constexpr SkipMode kSharedBlockMode = {"ss_block", Skip::kDiracShared, 1};
inline constexpr SkipMode kSharedSectionMode = {"ss_section", Skip::kDiracShared,
                                                kJoinsAtSectionEnd};

inline Network NetworkOf(const std::string& name, int64_t side = 32, int64_t classes = 10) {
  const auto architecture = ParseArchitecture(name, side, classes);
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  const auto network = BuildNetwork(*architecture);
  EXPECT_TRUE(network.ok()) << network.status();
  return *network;
}

// A named network of residual blocks with other connections. Without residual connections a
// parameter-free down-sampling has nothing to stand on.
inline Network WithSkips(const std::string& name, const SkipMode& mode, int64_t side = 32,
                         int64_t classes = 10) {
  auto architecture = ParseArchitecture(name, side, classes);
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  architecture->skip = mode.skip;
  architecture->joins = mode.joins;
  if (mode.skip != Skip::kResidual) {
    architecture->shortcut = DefaultsOf(architecture->family).shortcut;
  }
  const auto network = BuildNetwork(*architecture);
  EXPECT_TRUE(network.ok()) << name << " " << mode.name << ": " << network.status();
  return *network;
}

// With every ReLU kept.
inline CkksEstimate EstimateOf(const Network& network, const CkksOptions& options) {
  const auto pricer = CkksPricer::Create(network, options);
  EXPECT_TRUE(pricer.ok()) << pricer.status();
  const auto estimate = pricer->Price(AllReluLayers(network));
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return *estimate;
}

// An activation of any depth, for rules that no preset has.
inline CkksActivation ActivationOfDepth(int64_t depth) {
  CkksActivation activation;
  activation.name = "test";
  activation.depth = depth;
  activation.ciphertext_multiplications = depth;
  return activation;
}

}  // namespace reluscape

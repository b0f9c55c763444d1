#pragma once

// NAS-Bench-Macro (Su et al., arXiv 2103.11922, https://github.com/xiusu/NAS-Bench-Macro, Apache
// License 2.0): 6,561 networks of eight layers for CIFAR-10, each trained three times, as a space
// to search. Not thread-safe.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/strategy/strategy.h"

namespace reluscape {

class NasBenchMacro : public SearchSpace {
 public:
  // The scaled error is error / kReferenceError; FLOPs are scaled from the least to the most.
  static constexpr double kReferenceError = 0.2;
  // Of the best front; the reference point is 1 in both objectives.
  static constexpr double kBestHypervolume = 0.520341;

  struct Network {
    std::array<double, 3> accuracies;  // of three trainings
    double mean_accuracy = 0;
    double scaled_flops = 0;
  };

  // Of the table as its authors publish it. Fails where it is not what is described above.
  static absl::StatusOr<std::unique_ptr<NasBenchMacro>> Load(const std::string& path);

  const std::vector<SpaceDimension>& dimensions() const override { return dimensions_; }
  const std::vector<SpacePoint>* All() override { return &all_; }
  // An identity that trades places with its neighbour in the same stage makes the same network.
  std::optional<SpacePoint> Find(const SpacePoint& point) override;
  const NetworkOutlook& Look(const SpacePoint& point) override;
  const std::vector<SpacePoint>& Seeds() override { return no_seeds_; }

  const Network& At(const SpacePoint& point) const;

 private:
  NasBenchMacro() = default;

  std::vector<SpaceDimension> dimensions_;
  std::vector<SpacePoint> all_, no_seeds_;
  std::vector<Network> networks_;  // by code
  std::vector<NetworkOutlook> outlooks_;
};

// The table beside the tree, where it is there.
std::string NasBenchMacroPath();

}  // namespace reluscape

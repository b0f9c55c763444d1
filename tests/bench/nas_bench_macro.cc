#include "tests/bench/nas_bench_macro.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr int kLayers = 8;
constexpr int kBlocks = 3;  // identity, 3x3 with expansion 3, 5x5 with expansion 6
constexpr std::array kStageOfLayer = {0, 0, 1, 1, 1, 2, 2, 2};
constexpr size_t kCodes = 6561;
constexpr size_t kDifferent = 3969;

// A number below kCodes.
size_t CodeOf(const SpacePoint& point) {
  size_t code = 0;
  for (const int block : point) code = code * kBlocks + static_cast<size_t>(block);
  return code;
}

NetworkOutlook OutlookOf(const std::string& key, double scaled_flops) {
  NetworkOutlook outlook;
  outlook.hash = key;
  outlook.features.assign(9, 0);
  for (size_t i = 0; i < key.size(); ++i) {
    outlook.kinds.push_back(key[i] - '0');
    ++outlook.features[static_cast<size_t>(kStageOfLayer[i] * kBlocks + key[i] - '0')];
  }
  outlook.budgets.push_back({.budget = 1, .feature = 0, .costs = {scaled_flops}});
  return outlook;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NasBenchMacro>> NasBenchMacro::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, /*max_bytes=*/int64_t{16} << 20));
  const nlohmann::json table = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!table.is_object() || table.size() != kCodes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no table of ", kCodes, " networks"));
  }
  auto space = std::unique_ptr<NasBenchMacro>(new NasBenchMacro());
  for (int i = 0; i < kLayers; ++i) {
    space->dimensions_.push_back({.name = absl::StrCat("layer ", i + 1), .choices = kBlocks});
  }
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const auto& [key, entry] : table.items()) {
    least = std::min(least, entry.at("flops").get<double>());
    most = std::max(most, entry.at("flops").get<double>());
  }
  space->networks_.resize(kCodes);
  space->outlooks_.resize(kCodes);
  const auto in_order = table.get<std::map<std::string, nlohmann::json>>();
  for (const auto& [key, entry] : in_order) {
    SpacePoint point;
    for (const char block : key) point.push_back(block - '0');
    Network& network = space->networks_[CodeOf(point)];
    network.scaled_flops = (entry.at("flops").get<double>() - least) / (most - least);
    network.mean_accuracy = entry.at("mean_acc").get<double>() / 100;
    for (size_t i = 0; i < network.accuracies.size(); ++i) {
      network.accuracies[i] = entry.at("test_acc").at(i).get<double>() / 100;
    }
    if (space->Find(point) != point) continue;
    space->outlooks_[CodeOf(point)] = OutlookOf(key, network.scaled_flops);
    space->all_.push_back(std::move(point));
  }
  if (space->all_.size() != kDifferent) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": found ", space->all_.size(),
                                                   " different networks where ", kDifferent,
                                                   " should be"));
  }
  return space;
}

std::optional<SpacePoint> NasBenchMacro::Find(const SpacePoint& point) {
  SpacePoint found = point;
  if (found[3] == 0) std::swap(found[3], found[4]);
  if (found[6] == 0) std::swap(found[6], found[7]);
  return found;
}

const NetworkOutlook& NasBenchMacro::Look(const SpacePoint& point) {
  return outlooks_[CodeOf(point)];
}

const NasBenchMacro::Network& NasBenchMacro::At(const SpacePoint& point) const {
  return networks_[CodeOf(point)];
}

std::string NasBenchMacroPath() { return RELUSCAPE_NAS_BENCH_MACRO; }

}  // namespace reluscape

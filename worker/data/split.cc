#include "worker/data/split.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/random.h"
#include "base/sha256.h"

namespace reluscape {
namespace {

using Indices = std::vector<int64_t>;

std::vector<Indices> ByClass(const std::vector<int32_t>& labels, int64_t classes, uint64_t seed,
                             std::string_view purpose) {
  std::vector<Indices> by_class(static_cast<size_t>(classes));
  for (size_t i = 0; i < labels.size(); ++i) {
    by_class[static_cast<size_t>(labels[i])].push_back(static_cast<int64_t>(i));
  }
  for (size_t label = 0; label < by_class.size(); ++label) {
    Random(DeriveSeed(seed, purpose, label)).Shuffle(by_class[label]);
  }
  return by_class;
}

// Moves `total` indices from the ends of `pools` into the result. At most as many as there are.
Indices Take(int64_t total, std::vector<Indices>& pools) {
  int64_t available = 0;
  for (const Indices& pool : pools) available += static_cast<int64_t>(pool.size());
  std::vector<int64_t> counts(pools.size());
  std::vector<__int128> remainders(pools.size());
  int64_t left = total;
  for (size_t i = 0; i < pools.size(); ++i) {
    const __int128 share = static_cast<__int128>(pools[i].size()) * total;
    counts[i] = static_cast<int64_t>(share / available);
    remainders[i] = share % available;
    left -= counts[i];
  }
  std::vector<size_t> order(pools.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; i < static_cast<size_t>(left); ++i) ++counts[order[i]];
  Indices taken;
  taken.reserve(static_cast<size_t>(total));
  for (size_t i = 0; i < pools.size(); ++i) {
    const auto first = pools[i].end() - counts[i];
    taken.insert(taken.end(), first, pools[i].end());
    pools[i].erase(first, pools[i].end());
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

}  // namespace

absl::StatusOr<Split> DrawSplit(const v1::DataSpec& spec, const std::vector<int32_t>& train_labels,
                                const std::vector<int32_t>& test_labels, int64_t classes,
                                uint64_t seed) {
  const auto available = static_cast<int64_t>(train_labels.size());
  const auto tests = static_cast<int64_t>(test_labels.size());
  FieldErrors errors;
  const auto found = [](int64_t value) { return absl::StrCat(value); };

  int64_t validation = spec.validation_images();
  if (validation == 0) validation = std::max<int64_t>(1, available / 10);
  const bool validation_fits = validation >= 1 && validation <= available - 1;
  if (!validation_fits) {
    errors.Add("data.validation_images", found(spec.validation_images()),
               absl::StrCat("0 (a tenth) or 1 to ", available - 1, " (", spec.set(), " has ",
                            available, " training images, and one at least must be left)"));
    validation = 1;  // at least, so that the training images are compared with what there is
  }
  const int64_t rest = available - validation;
  const int64_t train = spec.train_images() == 0 ? rest : spec.train_images();
  if (train < 0 || train > rest) {
    errors.Add(
        "data.train_images", found(spec.train_images()),
        absl::StrCat("0 (all that validation leaves) or 1 to ", rest, " (", spec.set(), " has ",
                     available, " training images, ", validation_fits ? "" : "at least ",
                     validation, " of them for validation)"));
  }
  const int64_t test = spec.test_images() == 0 ? tests : spec.test_images();
  if (test < 1 || test > tests) {
    errors.Add(
        "data.test_images", found(spec.test_images()),
        absl::StrCat("0 (all) or 1 to ", tests, " (", spec.set(), " has ", tests, " test images)"));
  }
  if (!errors.empty()) return errors.ToStatus();

  Split split;
  std::vector<Indices> train_pools = ByClass(train_labels, classes, seed, "split.train");
  std::vector<Indices> test_pools = ByClass(test_labels, classes, seed, "split.test");
  split.validation = Take(validation, train_pools);
  split.train = Take(train, train_pools);
  split.test = Take(test, test_pools);
  return split;
}

std::string SplitHash(const Split& split) {
  Sha256 hash;
  hash.Update("reluscape-split-1\n");
  const auto add = [&](const char* name, const Indices& indices) {
    hash.Update(absl::StrCat(name, " ", indices.size(), "\n"));
    std::string bytes;
    bytes.reserve(8 * indices.size());
    for (const int64_t index : indices) {
      for (int shift = 0; shift < 64; shift += 8) {
        bytes.push_back(static_cast<char>((static_cast<uint64_t>(index) >> shift) & 0xff));
      }
    }
    hash.Update(bytes);
  };
  add("train", split.train);
  add("validation", split.validation);
  add("test", split.test);
  return hash.HexDigest();
}

}  // namespace reluscape

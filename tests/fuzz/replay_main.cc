// Runs a fuzz target without libFuzzer, with every compiler: over the seeds, in the order of their
// names, and over seeds with a few changes that are drawn from a fixed seed, which cut out, double
// or change bytes or put in a part of another.
//
//   X_replay FOLDER_OR_FILE [INPUTS [SEED]]     no changed seeds, and seed 1, unless given

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr int64_t kLargestSeed = 1 << 20;

std::vector<std::string> ReadSeeds(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      files.push_back(entry.path());
    }
  } else {
    files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    absl::StatusOr<std::string> seed = reluscape::ReadFile(file, kLargestSeed);
    reluscape::Require(seed.ok(), "cannot read a seed", file.string());
    seeds.push_back(*std::move(seed));
  }
  return seeds;
}

// A part of a seed, mostly a short one.
std::string PartOf(reluscape::Random& random, const std::string& seed) {
  const uint64_t longest = random.Below(4) == 0 ? 1 + seed.size() : 12;
  return seed.substr(random.Below(seed.size() + 1), 1 + random.Below(longest));
}

std::string Changed(reluscape::Random& random, const std::vector<std::string>& seeds) {
  std::string text = seeds[random.Below(seeds.size())];
  for (uint64_t changes = random.Below(4); changes > 0; --changes) {
    const size_t at = random.Below(text.size() + 1);
    const std::string part = PartOf(random, seeds[random.Below(seeds.size())]);
    // Mostly one that occurs in the seeds.
    const char byte =
        part.empty() || random.Below(8) == 0 ? static_cast<char>(random.Below(256)) : part.front();
    switch (random.Below(5)) {
      case 0:
        if (at < text.size()) text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + random.Below(8));
        break;
      case 3:
        text.insert(at, PartOf(random, text));
        break;
      default:
        text.insert(at, part);
    }
  }
  return text;
}

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER_OR_FILE [INPUTS [SEED]]\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> seeds = ReadSeeds(argv[1]);
  reluscape::Require(!seeds.empty(), "no seeds", argv[1]);
  for (const std::string& seed : seeds) Run(seed);
  const int64_t inputs = argc > 2 ? std::strtoll(argv[2], nullptr, 10) : 0;
  reluscape::Random random(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  for (int64_t i = 0; i < inputs; ++i) Run(Changed(random, seeds));
  std::printf("%zu seeds, %lld changed ones\n", seeds.size(), static_cast<long long>(inputs));
  return 0;
}

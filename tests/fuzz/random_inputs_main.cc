// Runs a fuzz target over inputs that are drawn from a fixed seed: the part of fuzzing that every
// build and every compiler can repeat. Each input is a sample with a few bytes changed, cut out,
// doubled or joined with another.
//
//   parse_network_random_inputs [INPUTS [SEED]]     100000 inputs with seed 1 unless given

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

const std::vector<std::string>& Samples() {
  static const auto* const samples = new std::vector<std::string>{
      "resnet18@8",
      "hrn-4.5x6x3x@16:resnet34+stem-relu",
      "wrn-22-2+skip:dirac-ss:joins=2:source=stem:merge=scaled",
      "vgg16@4+pool:max+classifier:linear+reuse:2",
      "resnet50+imagenet-stem+culled:1,4+thinned",
      "drd-c100-57k",
      "mpcnn-resnet20+scale:0.5+resolution:0.5",
      "delphi-resnet18+skip:none:downsampling=average-pool",
      "basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=yes",
      "bottleneck:side=64:classes=10:m=4:blocks=1x2x1:multipliers=2x1.5:shortcut=none:culled=1",
      "wrn:side=32:classes=100:m=16:blocks=1x1x1:multipliers=2x2:widen=4:final-relu=yes",
      "vgg:side=32:classes=10:m=8:blocks=1x1x1x1x1:multipliers=2x2x2x1:skip=dirac:last-map=1",
  };
  return *samples;
}

std::string Changed(reluscape::Random& random, std::string text) {
  static constexpr char kAlphabet[] = "0123456789x.:=@+-,abdeiklmnoprstw\0\xff ";
  for (uint64_t changes = random.Below(4); changes > 0; --changes) {
    const size_t at = random.Below(text.size() + 1);
    const char letter = kAlphabet[random.Below(sizeof(kAlphabet) - 1)];
    switch (random.Below(5)) {
      case 0:
        if (at < text.size()) text[at] = letter;
        break;
      case 1:
        text.insert(at, 1, letter);
        break;
      case 2:
        text.erase(at, 1 + random.Below(8));
        break;
      case 3:
        text.insert(at, text.substr(at, 1 + random.Below(12)));
        break;
      default:
        text.insert(at, Samples()[random.Below(Samples().size())].substr(random.Below(8)));
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t inputs = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 100'000;
  reluscape::Random random(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  for (int64_t i = 0; i < inputs; ++i) {
    std::string input(1, static_cast<char>(random.Below(256)));
    input += Changed(random, Samples()[random.Below(Samples().size())]);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
  std::printf("%lld inputs\n", static_cast<long long>(inputs));
  return 0;
}

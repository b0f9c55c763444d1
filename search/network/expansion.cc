#include "search/network/expansion.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace reluscape {

Expansion::Expansion(const Architecture& architecture, const std::vector<SectionShape>& sections)
    : architecture_(architecture), sections_(sections) {}

int Expansion::Relu(const std::string& name, int input, size_t section) {
  const std::vector<int64_t>& culled = architecture_.culled;
  if (std::find(culled.begin(), culled.end(), static_cast<int64_t>(section)) != culled.end()) {
    return input;
  }
  const int64_t channels = builder_.ShapeOf(input).channels;
  return builder_.Relu(name, input, (channels + architecture_.reuse - 1) / architecture_.reuse);
}

int Expansion::ThinnableRelu(const std::string& name, int input, size_t section) {
  return architecture_.thinned ? input : Relu(name, input, section);
}

int Expansion::BlockConv(const std::string& name, int input, int64_t channels, int64_t kernel,
                         int64_t stride) {
  const bool dirac = architecture_.skip == Skip::kDirac || architecture_.skip == Skip::kDiracShared;
  return builder_.Conv(
      name, input,
      {.channels = channels, .kernel = kernel, .stride = stride, .dirac = dirac && stride == 1});
}

int Expansion::Sections(int stem, BlockFunction block) {
  stem_ = stem;
  int last = stem;
  for (size_t number = 1; number <= sections_.size(); ++number) {
    builder_.SetSection(static_cast<int>(number));
    section_source_ = 0;
    int64_t stride = number > 1 ? 2 : 1;
    if (stride == 2 && architecture_.downsampling == Downsampling::kAveragePool) {
      last = builder_.AveragePool(absl::StrCat("section", number, ".pool"), last, /*kernel=*/2,
                                  /*stride=*/2);
      stride = 1;
    }
    for (int64_t b = 1; b <= section(number).blocks; ++b) {
      builder_.SetBlock(b);
      last = block(*this,
                   {.section = number,
                    .block = b,
                    .stride = b == 1 ? stride : 1,
                    .prefix = absl::StrCat("section", number, ".block", b)},
                   last);
      if (b == 1 && architecture_.source == SharedSource::kSection) section_source_ = last;
    }
  }
  return last;
}

int ExpandStem(Expansion& expansion, bool batch_norm) {
  const Architecture& architecture = expansion.architecture();
  NetworkBuilder& builder = expansion.builder();
  int last = builder.Input(architecture.side);
  last = builder.Conv("stem.conv", last,
                      {.channels = StemWidth(architecture),
                       .kernel = architecture.stem_kernel,
                       .stride = architecture.stem_stride});
  if (batch_norm) last = builder.BatchNorm("stem.bn", last);
  if (architecture.stem_relu) last = expansion.Relu("stem.relu", last, /*section=*/0);
  if (architecture.stem_pool) {
    last = builder.MaxPool("stem.pool", last, /*kernel=*/3, /*stride=*/2, /*padding=*/1);
  }
  return last;
}

int ExpandLastPool(Expansion& expansion, int last) {
  const int64_t side = expansion.builder().ShapeOf(last).height;
  const int64_t kernel = side / expansion.architecture().last_map;
  if (kernel == 1) return last;
  return expansion.builder().AveragePool("pool", last, kernel, kernel);
}

}  // namespace reluscape

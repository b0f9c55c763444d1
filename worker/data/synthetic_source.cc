#include "worker/data/source.h"
#include "worker/data/synthetic.h"

namespace reluscape {
namespace {

class SyntheticSourcePart final : public SourcePart {
 public:
  SyntheticSourcePart(SyntheticPart part, int64_t count) : part_(part) {
    labels_.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) labels_.push_back(SyntheticLabel(i));
  }

  const std::vector<int32_t>& labels() const override { return labels_; }

  absl::Status Read(int64_t index, std::span<uint8_t> pixels) const override {
    DrawSynthetic(part_, index, pixels.first<kSyntheticBytes>());
    return absl::OkStatus();
  }

 private:
  SyntheticPart part_;
  std::vector<int32_t> labels_;
};

}  // namespace

Source OpenSynthetic() {
  Source source;
  source.side = kSyntheticSide;
  for (int64_t label = 0; label < kSyntheticClasses; ++label) {
    source.class_names.emplace_back(SyntheticClassName(label));
  }
  source.train =
      std::make_unique<SyntheticSourcePart>(SyntheticPart::kTrain, kSyntheticTrainImages);
  source.test = std::make_unique<SyntheticSourcePart>(SyntheticPart::kTest, kSyntheticTestImages);
  source.synthetic = true;
  return source;
}

}  // namespace reluscape

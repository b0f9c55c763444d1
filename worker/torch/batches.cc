#include "worker/torch/batches.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "worker/torch/mixup.h"
#include "worker/torch/upload.h"

namespace reluscape {
namespace {

at::Tensor PixelsOf(const ImageSet& images) {
  // from_blob wants a mutable pointer; the clone keeps the promise of const.
  return at::from_blob(const_cast<uint8_t*>(images.pixels.data()),
                       {images.count(), images.side, images.side, 3}, at::kByte)
      .clone();
}

at::Tensor LabelsOf(const ImageSet& images, at::Device device) {
  return at::from_blob(const_cast<int32_t*>(images.labels.data()), {images.count()}, at::kInt)
      .to(device, at::kLong, /*non_blocking=*/false, /*copy=*/true);
}

// pixel * Scale + Shift is the normalised pixel.
at::Tensor Scale(const Normalization& normalization, at::Device device) {
  at::Tensor scale = at::empty({1, 3, 1, 1}, at::kFloat);
  for (int64_t c = 0; c < 3; ++c) {
    scale[0][c].fill_(1 / (255 * normalization.deviation[static_cast<size_t>(c)]));
  }
  return scale.to(device);
}

at::Tensor Shift(const Normalization& normalization, at::Device device) {
  at::Tensor shift = at::empty({1, 3, 1, 1}, at::kFloat);
  for (int64_t c = 0; c < 3; ++c) {
    const auto i = static_cast<size_t>(c);
    shift[0][c].fill_(-normalization.mean[i] / normalization.deviation[i]);
  }
  return shift.to(device);
}

at::Tensor Normalised(const at::Tensor& pixels, const at::Tensor& scale, const at::Tensor& shift) {
  return at::addcmul(shift, pixels.permute({0, 3, 1, 2}).to(at::kFloat), scale);
}

}  // namespace

EvaluationImages::EvaluationImages(const ImageSet& images, const Normalization& normalization,
                                   at::Device device)
    : pixels_(PixelsOf(images).to(device)),
      labels_(LabelsOf(images, device)),
      scale_(Scale(normalization, device)),
      shift_(Shift(normalization, device)) {}

Batch EvaluationImages::Get(int64_t first, int64_t count) const {
  const at::Tensor labels = labels_.narrow(0, first, count);
  return {.images = Normalised(pixels_.narrow(0, first, count), scale_, shift_),
          .labels = labels,
          .targets = labels,
          .views = {}};
}

TrainingImages::TrainingImages(const ImageSet& images, int64_t classes,
                               const Normalization& normalization,
                               const v1::AugmentationSpec& settings, at::Device device)
    : settings_(settings),
      classes_(classes),
      side_(images.side),
      labels_(LabelsOf(images, device)),
      scale_(Scale(normalization, device)),
      shift_(Shift(normalization, device)),
      offsets_(at::arange(images.side, at::TensorOptions().dtype(at::kLong).device(device))) {
  const int64_t padding = settings.crop_padding();
  // Black before normalisation, as SNL's public code crops before it normalises.
  pixels_ = at::constant_pad_nd(PixelsOf(images).to(device),
                                {0, 0, padding, padding, padding, padding}, 0);
}

int64_t TrainingImages::ViewsPerImage(const v1::AugmentationSpec& settings) {
  const int64_t shifts = 2 * settings.crop_padding() + 1;
  return shifts * shifts * (settings.flip() ? 2 : 1);
}

int64_t TrainingImages::StepsPerEpoch(int64_t batch) const {
  const int64_t left = count() % batch;
  return count() / batch + (left > 1 ? 1 : 0);
}

void TrainingImages::StartEpoch(uint64_t seed, int64_t epoch) {
  seed_ = seed;
  epoch_ = epoch;
  const auto index = static_cast<uint64_t>(epoch);
  Random order(DeriveSeed(seed, "order", index));
  Random augmentation(DeriveSeed(seed, "augmentation", index));
  const auto images = static_cast<size_t>(count());
  std::vector<int64_t> rows(images);
  std::vector<int64_t> columns(images);
  std::vector<int64_t> flips(images);
  const auto shifts = static_cast<uint64_t>(2 * settings_.crop_padding() + 1);
  for (size_t i = 0; i < images; ++i) {
    rows[i] = static_cast<int64_t>(augmentation.Below(shifts));
    columns[i] = static_cast<int64_t>(augmentation.Below(shifts));
    flips[i] = settings_.flip() ? static_cast<int64_t>(augmentation.Below(2)) : 0;
  }
  const std::vector<int64_t> chosen = order.Permutation(count());
  if (settings_.flip() && settings_.alternating_flip()) {
    // Drawn once per image for the whole stage, then turned over from epoch to epoch.
    Random draw(DeriveSeed(seed, "flip"));
    std::vector<int64_t> first(images);
    for (int64_t& flip : first) flip = static_cast<int64_t>(draw.Below(2));
    for (size_t i = 0; i < images; ++i) {
      flips[i] = (first[static_cast<size_t>(chosen[i])] + epoch) % 2;
    }
  }
  views_.resize(images);
  const int64_t sides = settings_.flip() ? 2 : 1;
  for (size_t i = 0; i < images; ++i) {
    const int64_t crop = rows[i] * static_cast<int64_t>(shifts) + columns[i];
    views_[i] = chosen[i] * ViewsPerImage(settings_) + crop * sides + flips[i];
  }
  const at::Device device = labels_.device();
  order_ = Upload(chosen, device);
  rows_ = Upload(rows, device);
  columns_ = Upload(columns, device);
  flips_ = Upload(flips, device);
  if (settings_.cutout() == 0) return;
  // Its own stream, so that crops and flips are those without cutout.
  Random cutout(DeriveSeed(seed, "cutout", index));
  for (std::vector<int64_t>* starts : {&rows, &columns}) {
    for (int64_t& start : *starts) {
      start =
          static_cast<int64_t>(cutout.Below(static_cast<uint64_t>(side_))) - settings_.cutout() / 2;
    }
  }
  cut_rows_ = Upload(rows, device);
  cut_columns_ = Upload(columns, device);
}

void TrainingImages::CutOut(int64_t first, at::Tensor& images) const {
  const auto inside = [&](const at::Tensor& starts) {
    const at::Tensor start = starts.narrow(0, first, images.size(0)).unsqueeze(1);
    return (offsets_ >= start) & (offsets_ < start + settings_.cutout());
  };
  const at::Tensor square = inside(cut_rows_).unsqueeze(2) & inside(cut_columns_).unsqueeze(1);
  images.masked_fill_(square.unsqueeze(1), 0);  // the mean, as images are normalised
}

void TrainingImages::MixUp(int64_t step, Batch& batch) const {
  const double share = MixupShare(settings_.mixup(), seed_, epoch_, step);
  // The order is random, so that the images from the other end are random partners.
  batch.images = batch.images.mul(share).add_(batch.images.flip(0), 1 - share);
  const at::Tensor classes = at::one_hot(batch.labels, classes_).to(at::kFloat);
  batch.targets = classes.mul(share).add_(classes.flip(0), 1 - share);
}

Batch TrainingImages::Get(int64_t step, int64_t batch) const {
  const int64_t first = step * batch;
  const int64_t size = std::min(batch, count() - first);
  const at::Tensor chosen = order_.narrow(0, first, size);
  const at::Tensor rows = rows_.narrow(0, first, size).unsqueeze(1) + offsets_;
  const at::Tensor flips = flips_.narrow(0, first, size).unsqueeze(1);
  // A mirrored image is read from its last column to its first.
  const at::Tensor columns = columns_.narrow(0, first, size).unsqueeze(1) +
                             at::where(flips.to(at::kBool), side_ - 1 - offsets_, offsets_);
  const at::Tensor pixels = pixels_.index(
      {chosen.view({size, 1, 1}), rows.view({size, side_, 1}), columns.view({size, 1, side_})});
  Batch result{.images = Normalised(pixels, scale_, shift_),
               .labels = labels_.index_select(0, chosen),
               .targets = {},
               .views = {views_.begin() + first, views_.begin() + first + size}};
  result.targets = result.labels;
  if (settings_.cutout() > 0) CutOut(first, result.images);
  if (settings_.mixup() > 0) MixUp(step, result);
  return result;
}

}  // namespace reluscape

#include "worker/data/data_set.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "worker/data/layout.h"
#include "worker/data/limits.h"
#include "worker/data/normalization.h"
#include "worker/data/source.h"
#include "worker/data/split.h"
#include "worker/data/synthetic.h"

namespace reluscape {
namespace {

absl::StatusOr<Source> Open(const v1::DataSpec& spec, const std::string& path,
                            const std::string& cache_folder) {
  if (spec.set() == kSyntheticName) {
    if (!path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("data set synthetic is built in: found the path ", path,
                       " configured for it; allowed: none (give real images another name)"));
    }
    return OpenSynthetic();
  }
  if (path.empty()) {
    return absl::NotFoundError(absl::StrCat("data.set: this worker has no path for the data set \"",
                                            spec.set(), "\"; start it with --data ", spec.set(),
                                            "=PATH"));
  }
  ASSIGN_OR_RETURN(const DataLayout layout, DetectLayout(path));
  switch (layout.format) {
    case DataFormat::kCifar10:
      return OpenCifar(layout.path, /*hundred=*/false);
    case DataFormat::kCifar100:
      return OpenCifar(layout.path, /*hundred=*/true);
    case DataFormat::kTinyImageNet:
      return OpenTinyImageNet(layout.path, spec.side(), cache_folder);
    case DataFormat::kImageFolder:
      return OpenImageFolder(layout.path, spec.side(), cache_folder);
  }
  return absl::InternalError("unknown data format");
}

// What a task of ReadImages came to; the error of the first image in source order is reported, so
// that the message does not depend on which thread was faster.
struct FirstError {
  size_t position = SIZE_MAX;
  absl::Status status;
};

// Reads the images `indices` of `part` into `set`, on as many threads as the machine has.
absl::Status ReadImages(const SourcePart& part, const std::vector<int64_t>& indices, int64_t side,
                        const std::stop_token& stop, ImageSet& set) {
  const auto image_bytes = static_cast<size_t>(side * side * 3);
  set.side = side;
  set.pixels.resize(indices.size() * image_bytes);
  set.labels.reserve(indices.size());
  for (const int64_t index : indices) {
    set.labels.push_back(part.labels()[static_cast<size_t>(index)]);
  }
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto work = [&](FirstError& error) {
    constexpr size_t kBlock = 64;
    // Asked before a block is taken: one that is taken is read, whatever fails behind it meanwhile.
    while (!failed.load(std::memory_order_relaxed) && !stop.stop_requested()) {
      const size_t begin = next.fetch_add(kBlock);
      if (begin >= indices.size()) return;
      const size_t end = std::min(begin + kBlock, indices.size());
      for (size_t i = begin; i < end; ++i) {
        const std::span<uint8_t> pixels(set.pixels.data() + i * image_bytes, image_bytes);
        absl::Status status;
        try {
          status = part.Read(indices[i], pixels);
        } catch (const std::exception& exception) {  // std::bad_alloc; must not leave a thread
          status =
              absl::UnavailableError(absl::StrCat("reading an image failed: ", exception.what()));
        }
        if (!status.ok()) {
          error = {i, std::move(status)};
          failed = true;
          return;
        }
      }
    }
  };
  const size_t threads =
      std::clamp<size_t>(std::thread::hardware_concurrency(), 1, indices.size() / 256 + 1);
  std::vector<FirstError> errors(threads);
  {
    std::vector<std::jthread> helpers;
    try {
      for (size_t i = 1; i < threads; ++i) {
        helpers.emplace_back([&work, &error = errors[i]] { work(error); });
      }
    } catch (const std::system_error&) {
      // No more threads to be had: those that started, and this one, do the work.
    }
    work(errors[0]);
  }
  if (stop.stop_requested()) return absl::CancelledError("loading the data set was stopped");
  // Blocks are taken in order and read when taken, so all before the first failing one were read.
  return std::min_element(
             errors.begin(), errors.end(),
             [](const FirstError& a, const FirstError& b) { return a.position < b.position; })
      ->status;
}

// As described in docs/data-sets.md.
std::string DataHash(const DataSet& data, const Split& split) {
  Sha256 hash;
  hash.Update(absl::StrCat("reluscape-data-1\nside ", data.side, "\nclasses ", data.classes, "\n"));
  for (const std::string& name : data.class_names) {
    hash.Update(absl::StrCat(name.size(), ":", name, "\n"));
  }
  if (data.synthetic) hash.Update(absl::StrCat("generator ", std::string(kSyntheticVersion), "\n"));
  const auto image_bytes = static_cast<size_t>(data.side * data.side * 3);
  const auto add = [&](const ImageSet& set, size_t i) {
    const auto label = static_cast<uint32_t>(set.labels[i]);
    const std::array<unsigned char, 4> bytes = {
        static_cast<unsigned char>(label), static_cast<unsigned char>(label >> 8),
        static_cast<unsigned char>(label >> 16), static_cast<unsigned char>(label >> 24)};
    hash.Update(bytes.data(), bytes.size());
    hash.Update(set.pixels.data() + i * image_bytes, image_bytes);
  };
  // Training and validation images are merged back into the order of the source: the hash says
  // which images are in use, the split hash what for.
  hash.Update(absl::StrCat("train ", split.train.size() + split.validation.size(), "\n"));
  for (size_t t = 0, v = 0; t < split.train.size() || v < split.validation.size();) {
    const bool is_train = v == split.validation.size() ||
                          (t < split.train.size() && split.train[t] < split.validation[v]);
    if (is_train) {
      add(data.train, t++);
    } else {
      add(data.validation, v++);
    }
  }
  hash.Update(absl::StrCat("test ", split.test.size(), "\n"));
  for (size_t i = 0; i < split.test.size(); ++i) add(data.test, i);
  return hash.HexDigest();
}

absl::StatusOr<DataSet> Load(const v1::DataSpec& spec, uint64_t split_seed, const std::string& path,
                             const std::stop_token& stop, const std::string& cache_folder) {
  if (spec.side() < 1 || spec.side() > kMaxSide) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.side: found ", spec.side(), "; allowed: 1 to ", kMaxSide));
  }
  ASSIGN_OR_RETURN(const Source source, Open(spec, path, cache_folder));
  FieldErrors errors;
  const auto classes = static_cast<int64_t>(source.class_names.size());
  const std::string shown = path.empty() ? spec.set() : absl::StrCat(spec.set(), " in ", path);
  if (spec.classes() != classes) {
    errors.Add("data.classes", absl::StrCat(spec.classes()),
               absl::StrCat(classes, " (of ", shown, ")"));
  }
  if (spec.side() != source.side) {
    errors.Add("data.side", absl::StrCat(spec.side()),
               absl::StrCat(source.side, " (of ", shown, ")"));
  }
  RETURN_IF_ERROR(errors.ToStatus());
  ASSIGN_OR_RETURN(const Split split, DrawSplit(spec, source.train->labels(), source.test->labels(),
                                                classes, split_seed));

  const auto images =
      static_cast<int64_t>(split.train.size() + split.validation.size() + split.test.size());
  // No overflow: at most 2 x 10^7 images of 3 x 4096^2 bytes.
  const int64_t bytes = images * source.side * source.side * 3;
  if (bytes > kMaxPixelBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("data: found ", images, " images in use, ", bytes,
                     " bytes decoded; allowed: at most ", kMaxPixelBytes,
                     " bytes (set data.train_images, data.validation_images, data.test_images)"));
  }

  DataSet data;
  data.name = spec.set();
  data.side = source.side;
  data.classes = classes;
  data.class_names = source.class_names;
  data.synthetic = source.synthetic;
  RETURN_IF_ERROR(ReadImages(*source.train, split.train, source.side, stop, data.train));
  RETURN_IF_ERROR(ReadImages(*source.train, split.validation, source.side, stop, data.validation));
  RETURN_IF_ERROR(ReadImages(*source.test, split.test, source.side, stop, data.test));
  const Normalization normalization =
      PublishedNormalization(spec.set()).value_or(MeasureNormalization(data.train.pixels));
  data.mean = normalization.mean;
  data.deviation = normalization.deviation;
  data.data_hash = DataHash(data, split);
  data.split_hash = SplitHash(split);
  return data;
}

}  // namespace

absl::StatusOr<DataSet> LoadDataSet(const v1::DataSpec& spec, uint64_t split_seed,
                                    const std::string& path, std::stop_token stop,
                                    const std::string& cache_folder) {
  try {
    return Load(spec, split_seed, path, stop, cache_folder);
  } catch (const std::bad_alloc&) {
    return absl::UnavailableError(absl::StrCat("not enough memory for the data set ", spec.set()));
  }
}

}  // namespace reluscape

#include "worker/data/decode.h"

#include <png.h>
#include <turbojpeg.h>

#include <memory>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

absl::Status Broken(const std::string& name, const std::string& what) {
  return absl::DataLossError(absl::StrCat(name, ": ", what));
}

absl::Status WrongSize(const std::string& name, int64_t width, int64_t height, int64_t side) {
  return Broken(name, absl::StrCat("the image is ", width, " x ", height,
                                   " pixels; allowed: data.side x data.side = ", side, " x ", side,
                                   " (images are not resized)"));
}

absl::Status DecodeJpeg(const std::string& name, std::string_view bytes, int64_t side,
                        std::span<uint8_t> pixels) {
  struct Destroy {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  const std::unique_ptr<void, Destroy> decoder(tjInitDecompress());
  if (decoder == nullptr) {
    return absl::UnavailableError(absl::StrCat(name, ": no memory for the JPEG decoder"));
  }
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colorspace = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling,
                          &colorspace) != 0) {
    return Broken(name, absl::StrCat("broken JPEG: ", tjGetErrorStr2(decoder.get())));
  }
  if (width <= 0 || height <= 0) {  // accepted by the decoder where the file ends before its frame
    return Broken(name, "broken JPEG: the file ends within its header");
  }
  if (width != side || height != side) return WrongSize(name, width, height, side);
  if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK) {
    return Broken(name, "a CMYK JPEG; allowed: grey or RGB");
  }
  // STOPONWARNING: a truncated file would otherwise decode with the missing part grey. ACCURATEDCT
  // is the same on every machine; the fast one differs between processors.
  if (tjDecompress2(decoder.get(), data, bytes.size(), pixels.data(), width, /*pitch=*/0, height,
                    TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_ACCURATEDCT) != 0) {
    return Broken(name, absl::StrCat("broken JPEG: ", tjGetErrorStr2(decoder.get())));
  }
  return absl::OkStatus();
}

absl::Status DecodePng(const std::string& name, std::string_view bytes, int64_t side,
                       std::span<uint8_t> pixels) {
  struct Image : png_image {
    Image() : png_image() { version = PNG_IMAGE_VERSION; }
    ~Image() { png_image_free(this); }
  } image;
  const auto failed = [&] { return Broken(name, absl::StrCat("broken PNG: ", image.message)); };
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) return failed();
  if (image.width != static_cast<uint64_t>(side) || image.height != static_cast<uint64_t>(side)) {
    return WrongSize(name, image.width, image.height, side);
  }
  image.format = PNG_FORMAT_RGB;
  const png_color black = {0, 0, 0};
  if (png_image_finish_read(&image, &black, pixels.data(), /*row_stride=*/0,
                            /*colormap=*/nullptr) == 0) {
    return failed();
  }
  if (PNG_IMAGE_FAILED(image)) return failed();
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodeImage(const std::string& name, std::string_view bytes, int64_t side,
                         std::span<uint8_t> pixels) {
  if (side <= 0 || pixels.size() != static_cast<size_t>(side * side * 3)) {
    return absl::InternalError(absl::StrCat(name, ": no room for ", side, " x ", side, " pixels"));
  }
  if (bytes.empty()) return Broken(name, "the file is empty; allowed: a JPEG or PNG image");
  if (bytes.starts_with("\xff\xd8\xff")) return DecodeJpeg(name, bytes, side, pixels);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return DecodePng(name, bytes, side, pixels);
  return Broken(name, "neither JPEG nor PNG by its first bytes; allowed: a JPEG or PNG image");
}

}  // namespace reluscape

#include "client/format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace reluscape {

std::string WithSeparators(int64_t value) {
  const std::string digits = absl::StrCat(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Percent(double fraction, int decimals) {
  return absl::StrFormat("%.*f", decimals, 100 * fraction);
}

std::string HypervolumeText(double hypervolume) {
  return hypervolume == 0 ? "0" : absl::StrFormat("%.4f", hypervolume);
}

std::string Seconds(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  int decimals = 0;
  double size = std::abs(seconds);
  while (decimals < 6 && size < 100) {
    ++decimals;
    size *= 10;
  }
  return absl::StrFormat("%.*f", decimals, seconds);
}

std::string Duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "?";
  const int64_t whole = std::llround(seconds);
  const int64_t hours = whole / 3600;
  const int64_t minutes = whole / 60 % 60;
  return hours > 0 ? absl::StrFormat("%d:%02d:%02d", hours, minutes, whole % 60)
                   : absl::StrFormat("%d:%02d", minutes, whole % 60);
}

std::string BytesText(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  double size = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (size < 999.95) break;
    size /= 1000;
    unit = next;
  }
  return absl::StrFormat("%.1f %s", size, unit);
}

std::string LocalTime(int64_t unix_ms) {
  if (unix_ms == 0) return "-";
  const std::time_t whole = unix_ms / 1000;
  std::tm parts{};
  if (localtime_r(&whole, &parts) == nullptr) return "?";
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text.data(), size);
}

std::string ExactNumber(double value) {
  if (!std::isfinite(value)) return "";
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::string(text.data(), end) : "";
}

std::string Printable(const std::string& text) {
  std::string result = text;
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

namespace {

bool StartsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

int64_t DisplayWidth(const std::string& text) {
  int64_t width = 0;
  for (const char c : text) width += StartsCodePoint(c) ? 1 : 0;
  return width;
}

std::string Shortened(const std::string& text, int64_t width) {
  if (DisplayWidth(text) <= width) return text;
  int64_t seen = 0;
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if (StartsCodePoint(text[end]) && ++seen >= width) break;
  }
  return width < 1 ? "" : absl::StrCat(text.substr(0, end), "…");
}

}  // namespace reluscape

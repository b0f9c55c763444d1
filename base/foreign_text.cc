#include "base/foreign_text.h"

namespace reluscape {

std::string QuotedForeign(const std::string& text, size_t most) {
  std::string result = "'";
  for (const char c : text.substr(0, most)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > most ? "...'" : "'");
}

size_t Utf8Length(const std::string& text, size_t at) {
  const auto byte = [&](size_t k) {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U;
  };
  const auto continues = [&](size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  if (at >= text.size()) return 0;
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU && continues(at + 1)) return 2;
  if (first >= 0xE0U && first <= 0xEFU && continues(at + 1) && continues(at + 2)) {
    const bool overlong = first == 0xE0U && byte(at + 1) < 0xA0U;
    const bool surrogate = first == 0xEDU && byte(at + 1) >= 0xA0U;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0U && first <= 0xF4U && continues(at + 1) && continues(at + 2) &&
      continues(at + 3)) {
    const bool overlong = first == 0xF0U && byte(at + 1) < 0x90U;
    const bool too_large = first == 0xF4U && byte(at + 1) >= 0x90U;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

std::string ValidUtf8(const std::string& text) {
  constexpr size_t kLongest = 8'000;
  std::string valid;
  for (size_t i = 0; i < text.size() && valid.size() < kLongest;) {
    const size_t length = Utf8Length(text, i);
    if (length == 0) {
      valid += '?';
      ++i;
    } else {
      valid += text.substr(i, length);
      i += length;
    }
  }
  return valid;
}

std::string CutUtf8(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U;
       ++i) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace reluscape

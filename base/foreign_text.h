#pragma once

// Text that came from outside, made fit for messages, logs and rows. Thread-safe.

#include <cstddef>
#include <string>

namespace reluscape {

// In single quotes; what is not printable ASCII becomes '?', what is behind the first `most` bytes
// "...".
std::string QuotedForeign(const std::string& text, size_t most = 60);

// The bytes of the UTF-8 character that starts at `text[at]`; 0 where none does (RFC 3629: no
// overlong forms, no surrogates, at most U+10FFFF).
size_t Utf8Length(const std::string& text, size_t at);

// `text` as protobuf takes it, which refuses a message with other bytes as a whole: '?' for every
// byte that is no UTF-8, and nothing behind the first 8,000 bytes (up to three more where a
// character ends there).
std::string ValidUtf8(const std::string& text);

// The first `most` bytes of UTF-8 text, and up to three fewer where a character would be cut.
std::string CutUtf8(const std::string& text, size_t most);

}  // namespace reluscape

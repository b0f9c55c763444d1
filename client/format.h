#pragma once

// Numbers and times as people read them: in tables and progress lines only. CSV and JSON carry the
// plain numbers. Thread-safe.

#include <cstdint>
#include <string>

namespace reluscape {

// 24576 -> "24,576".
std::string WithSeparators(int64_t value);

// A fraction as per cent with `decimals` digits: 0.8125 -> "81.2" (no sign of its own).
std::string Percent(double fraction, int decimals = 1);

// A part of the box of a hypervolume, to four decimals; "0" for 0.
std::string HypervolumeText(double hypervolume);

// Three significant digits at least, no exponent: 0.0123, 1.23, 12.3, 123.
std::string Seconds(double seconds);

// "0:07", "2:31", "1:02:31"; negative and non-finite values as "?".
std::string Duration(double seconds);

// Local time, "2026-11-20 23:31:02"; "-" for 0.
std::string LocalTime(int64_t unix_ms);

// "1.2 GB"; "512 bytes" below 1000.
std::string BytesText(int64_t bytes);

// The shortest text that reads back as the same double; "" where it is not finite.
std::string ExactNumber(double value);

// Control characters as "?": text from a job file must not steer the terminal.
std::string Printable(const std::string& text);

// The number of code points of UTF-8 text: its width in a table.
int64_t DisplayWidth(const std::string& text);

// At most `width` code points of `text`, the last one "…" where something was cut.
std::string Shortened(const std::string& text, int64_t width);

}  // namespace reluscape

#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace millpool::app {

/// A time span: "90", "1.5", "250ms", "10s", "1.5h", "1d12h30m". A bare number is seconds.
/// \return the span, or why the text is none.
[[nodiscard]] std::expected<std::chrono::nanoseconds, std::string> parse_duration(
    std::string_view text);

/// A number of bytes, as GNU parallel reads it: K M G T P are powers of 1024, k m g t p of 1000.
[[nodiscard]] std::expected<std::uint64_t, std::string> parse_size(std::string_view text);

/// A finite decimal number >= 0 that is the whole text: no sign, no exponent, no hex.
[[nodiscard]] std::expected<double, std::string> parse_decimal(std::string_view text);

/// A decimal integer that is the whole text.
[[nodiscard]] std::expected<std::uint64_t, std::string> parse_count(std::string_view text);

/// For a person: "8s", "3m05s", "2h07m", "4d11h".
[[nodiscard]] std::string show_duration(std::chrono::nanoseconds span);

/// For a person, in powers of 1000: "950 B", "1.2 kB", "340 MB", "2.0 GB".
[[nodiscard]] std::string show_bytes(std::uint64_t bytes);

}  // namespace millpool::app

#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millpool::logs {

/// A decimal number that is the whole text: "42", "-1.5", "2e3". Not "0x10", "inf" or "nan".
[[nodiscard]] inline std::optional<double> parse_number(std::string_view text) noexcept {
  // Whole numbers of up to 15 digits, which doubles hold exactly, are most of what logs have.
  if (!text.empty() && text.size() <= 15) {
    std::uint64_t whole = 0;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
      const auto digit = static_cast<unsigned>(static_cast<unsigned char>(text[at])) - '0';
      if (digit > 9) break;
      whole = whole * 10 + digit;
    }
    if (at == text.size()) return static_cast<double>(whole);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value - value == 0)) return std::nullopt;  // from_chars reads "inf" and "nan"
  return value;
}

}  // namespace millpool::logs

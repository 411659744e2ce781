#include "apps/support/units.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

namespace millpool::app {
namespace {

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Splits "12.5ms" into "12.5" and "ms".
[[nodiscard]] std::string_view take_number(std::string_view& text) {
  const auto end =
      std::find_if_not(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  const std::string_view number = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(number.size());
  return number;
}

[[nodiscard]] std::string_view take_unit(std::string_view& text) {
  const auto end =
      std::find_if(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  const std::string_view unit = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(unit.size());
  return unit;
}

[[nodiscard]] std::optional<double> seconds_of(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1.0;
  if (unit == "ms") return 0.001;
  if (unit == "m") return 60.0;
  if (unit == "h") return 3600.0;
  if (unit == "d") return 86400.0;
  return std::nullopt;
}

[[nodiscard]] std::optional<double> bytes_of(std::string_view unit) {
  if (unit.empty()) return 1.0;
  if (unit.size() != 1) return std::nullopt;
  constexpr std::string_view binary = "KMGTP";
  constexpr std::string_view decimal = "kmgtp";
  double scale = 1.0;
  for (std::size_t i = 0; i < binary.size(); ++i) {
    scale *= 1024.0;
    if (unit[0] == binary[i]) return scale;
  }
  scale = 1.0;
  for (std::size_t i = 0; i < decimal.size(); ++i) {
    scale *= 1000.0;
    if (unit[0] == decimal[i]) return scale;
  }
  return std::nullopt;
}

[[nodiscard]] std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace

std::expected<double, std::string> parse_decimal(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || error != std::errc{} || end != text.data() + text.size()) {
    return std::unexpected(quoted(text) + " is not a number");
  }
  return value;
}

std::expected<std::uint64_t, std::string> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::unexpected(quoted(text) + " is not a whole number");
  }
  return value;
}

std::expected<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text) {
  constexpr double most = 1e9;  // seconds, 31 years: fits nanoseconds in 64 bits
  const std::string_view whole = text;
  double seconds = 0;
  do {
    const auto number = parse_decimal(take_number(text));
    const auto unit = seconds_of(take_unit(text));
    if (!number || !unit) {
      return std::unexpected(quoted(whole) +
                             " is not a time: expected such as 10, 1.5, 250ms, 90s, 5m, 1h30m");
    }
    seconds += *number * *unit;
  } while (!text.empty());
  if (seconds > most) return std::unexpected(quoted(whole) + " is longer than any run");
  return std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
}

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
  constexpr double most = 9.2e18;
  const std::string_view whole = text;
  const auto number = parse_decimal(take_number(text));
  const auto unit = bytes_of(take_unit(text));
  if (!number || !unit || !text.empty()) {
    return std::unexpected(quoted(whole) + " is not a size: expected such as 4096, 512K, 1.5G");
  }
  if (*number * *unit > most)
    return std::unexpected(quoted(whole) + " is more than any machine has");
  return static_cast<std::uint64_t>(*number * *unit);
}

std::string show_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  auto amount = static_cast<double>(bytes);
  const char* prefix = "kMGTPE";
  for (amount /= 1000; amount >= 999.5 && prefix[1] != '\0'; ++prefix) amount /= 1000;
  char text[48];
  std::snprintf(text, sizeof text, amount < 9.95 ? "%.1f %cB" : "%.0f %cB", amount, *prefix);
  return text;
}

std::string show_duration(std::chrono::nanoseconds span) {
  const long long s = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  char text[48];
  if (s < 60) {
    std::snprintf(text, sizeof text, "%llds", s);
  } else if (s < 3600) {
    std::snprintf(text, sizeof text, "%lldm%02llds", s / 60, s % 60);
  } else if (s < 86400) {
    std::snprintf(text, sizeof text, "%lldh%02lldm", s / 3600, s / 60 % 60);
  } else {
    std::snprintf(text, sizeof text, "%lldd%02lldh", s / 86400, s / 3600 % 24);
  }
  return text;
}

}  // namespace millpool::app

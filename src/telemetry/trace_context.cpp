#include "millpool/telemetry/trace_context.hpp"

#include "millpool/base/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <span>

namespace millpool {
namespace {

// Upper case is not allowed there. \return 16: none.
unsigned digit_of(char text) noexcept {
  if (text >= '0' && text <= '9') return static_cast<unsigned>(text - '0');
  if (text >= 'a' && text <= 'f') return static_cast<unsigned>(text - 'a' + 10);
  return 16;
}

// \return false: it is no hexadecimal number. REQUIRES: twice as long as the bytes.
bool read_hex(std::string_view text, std::span<std::uint8_t> into) noexcept {
  for (std::size_t i = 0; i < into.size(); ++i) {
    const unsigned high = digit_of(text[2 * i]);
    const unsigned low = digit_of(text[2 * i + 1]);
    if (high > 15 || low > 15) return false;
    into[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return true;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t each : bytes) {
    out += digits[each >> 4U];
    out += digits[each & 15U];
  }
  return out;
}

bool is_zero(std::span<const std::uint8_t> bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::uint8_t each) { return each == 0; });
}

std::array<std::uint8_t, 8> random_bytes() noexcept {
  std::uint64_t bits = 0;
  while (bits == 0) bits = random_bits();
  return std::bit_cast<std::array<std::uint8_t, 8>>(bits);
}

}  // namespace

std::optional<trace_context> trace_context::parse(std::string_view traceparent,
                                                  std::string_view tracestate) {
  // version "-" trace-id "-" parent-id "-" flags
  constexpr std::size_t trace_at = 3;
  constexpr std::size_t span_at = 36;
  constexpr std::size_t flags_at = 53;
  constexpr std::size_t size = 55;
  const auto is_dash = [&](std::size_t at) { return traceparent[at] == '-'; };
  if (traceparent.size() < size || !is_dash(trace_at - 1) || !is_dash(span_at - 1) ||
      !is_dash(flags_at - 1)) {
    return std::nullopt;
  }
  trace_context out;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  if (!read_hex(traceparent.substr(0, 2), version) ||
      !read_hex(traceparent.substr(trace_at, 32), out.trace_id) ||
      !read_hex(traceparent.substr(span_at, 16), out.span_id) ||
      !read_hex(traceparent.substr(flags_at, 2), flags)) {
    return std::nullopt;
  }
  if (version[0] == 0xFF || is_zero(out.trace_id) || is_zero(out.span_id)) return std::nullopt;
  if (traceparent.size() > size && (version[0] == 0 || !is_dash(size))) return std::nullopt;
  out.flags = flags[0] & 3U;
  constexpr std::size_t longest = 512;
  const auto is_control = [](char each) { return static_cast<unsigned char>(each) < 0x20; };
  if (!tracestate.empty() && tracestate.size() <= longest &&
      std::ranges::none_of(tracestate, is_control)) {
    out.tracestate = std::make_shared<const std::string>(tracestate);
  }
  return out;
}

trace_context trace_context::start(double ratio) noexcept {
  trace_context out;
  const auto first = random_bytes();
  const auto second = random_bytes();
  std::ranges::copy(first, out.trace_id.begin());
  std::ranges::copy(second, out.trace_id.begin() + 8);
  out.span_id = random_bytes();
  // OpenTelemetry's rule: the last seven bytes are a number, the highest byte first, and so many of
  // all numbers are at least as high as the threshold.
  std::uint64_t number = 0;
  for (std::size_t i = 9; i < out.trace_id.size(); ++i) number = number << 8U | out.trace_id[i];
  const bool sampled = static_cast<double>(number) >= std::ldexp(1.0 - ratio, 56);
  out.flags = static_cast<std::uint8_t>(2U | (sampled ? 1U : 0U));
  return out;
}

trace_context trace_context::child() const noexcept {
  trace_context out = *this;
  out.span_id = random_bytes();
  return out;
}

std::string trace_context::traceparent() const {
  return "00-" + trace_id_text() + "-" + span_id_text() + "-" + hex({&flags, 1});
}
std::string trace_context::trace_id_text() const { return hex(trace_id); }
std::string trace_context::span_id_text() const { return hex(span_id); }

}  // namespace millpool

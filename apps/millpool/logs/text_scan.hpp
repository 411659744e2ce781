#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millpool::logs {

/// Bytes that must be readable behind whatever is scanned or parsed here: what lies in them does
/// not matter. A block's buffer has them once, at its end.
inline constexpr std::size_t scan_padding = 64;

[[nodiscard]] inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The first `wanted` in [at, end), else `end`. For what is near: a field's end, not a line's.
/// Reads up to 16 bytes past `end`.
[[nodiscard]] inline const char* find_byte(const char* at, const char* end, char wanted) noexcept {
#if defined(__SSE2__)
  const __m128i all_wanted = _mm_set1_epi8(wanted);
  for (; at < end; at += 16) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the intrinsic's own type.
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all_wanted)));
    if (found != 0) {
      at += __builtin_ctz(found);
      return at < end ? at : end;
    }
  }
  return end;
#else
  if (at >= end) return end;
  const void* const found = std::memchr(at, wanted, static_cast<std::size_t>(end - at));
  return found != nullptr ? static_cast<const char*>(found) : end;
#endif
}

/// The first '\n' in [at, end), else `end`. For what is far.
[[nodiscard]] inline const char* find_line_end(const char* at, const char* end) noexcept {
  if (at >= end) return end;
  const void* const found = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
  return found != nullptr ? static_cast<const char*>(found) : end;
}

/// A piece of text, as a view.
[[nodiscard]] inline std::string_view between(const char* from, const char* to) noexcept {
  return {from, static_cast<std::size_t>(to - from)};
}

/// Two bytes of a literal, and where in it they are.
struct byte_pair {
  std::size_t first_at = 0;
  std::size_t second_at = 0;
  char first = 0;
  char second = 0;
};

/// Finds one literal in many texts: the two bytes of it that logs hold least often are compared at
/// 64 places a turn, and the rest where both are there.
///
/// Thread safety  const members may be called concurrently.
class literal_finder {
 public:
  /// The widest instructions that may be used, where the processor has them.
  enum class simd : std::uint8_t { sse2, avx2 };
  /// \param  literal  outlives the finder.
  explicit literal_finder(std::string_view literal, simd widest = simd::avx2);

  /// The first place in [at, end) where the literal begins, else `end`. Reads up to scan_padding
  /// bytes past `end`. An empty literal is everywhere.
  [[nodiscard]] const char* find(const char* at, const char* end) const noexcept;
  /// Whether the literal is in `text`, behind which nothing is read.
  [[nodiscard]] bool is_in(std::string_view text) const noexcept;

 private:
  using skipper = const char* (*)(const char* at, const char* last, const byte_pair& wanted,
                                  std::uint64_t& found);
  std::string_view literal_;
  byte_pair rare_;
  skipper skip_ = nullptr;
};

}  // namespace millpool::logs

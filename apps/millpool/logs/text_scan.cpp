#include "apps/millpool/logs/text_scan.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace millpool::logs {
namespace {

// How common a byte is in log lines, roughly: what is not listed is rare.
[[nodiscard]] std::size_t commonness(char byte) noexcept {
  constexpr std::string_view most_common_first = " 0etao1i2n/s.r5-p34l6c:d7\"mu89hgbfkwy+=_;,(";
  const std::size_t at = most_common_first.find(byte);
  return at == std::string_view::npos ? 0 : most_common_first.size() - at;
}

[[nodiscard]] std::size_t rarest_in(std::string_view literal, std::size_t but) noexcept {
  std::size_t best = literal.size();
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (i == but) continue;
    if (best == literal.size() || commonness(literal[i]) < commonness(literal[best])) best = i;
  }
  return best;
}

#if defined(__SSE2__)
constexpr std::ptrdiff_t places_a_turn = 64;

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the intrinsics' own types.
[[nodiscard]] std::uint64_t equal_16(const char* at, __m128i wanted) noexcept {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)));
}

// Goes on to the first 64 places among which there are some where both bytes are: these are set in
// `found`. \return the first of the 64, or one behind `last`.
const char* skip_sse2(const char* at, const char* last, const byte_pair& wanted,
                      std::uint64_t& found) noexcept {
  const __m128i first = _mm_set1_epi8(wanted.first);
  const __m128i second = _mm_set1_epi8(wanted.second);
  for (; at < last; at += places_a_turn) {
    for (int i = 0; i < places_a_turn; i += 16) {
      found |=
          (equal_16(at + i + wanted.first_at, first) & equal_16(at + i + wanted.second_at, second))
          << i;
    }
    if (found != 0) break;
  }
  return at;
}

[[gnu::target("avx2")]] const char* skip_avx2(const char* at, const char* last,
                                              const byte_pair& wanted,
                                              std::uint64_t& found) noexcept {
  const __m256i first = _mm256_set1_epi8(wanted.first);
  const __m256i second = _mm256_set1_epi8(wanted.second);
  for (; at < last; at += places_a_turn) {
    const auto* const firsts = reinterpret_cast<const __m256i*>(at + wanted.first_at);
    const auto* const seconds = reinterpret_cast<const __m256i*>(at + wanted.second_at);
    const __m256i low = _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_loadu_si256(firsts), first),
                                         _mm256_cmpeq_epi8(_mm256_loadu_si256(seconds), second));
    const __m256i high =
        _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_loadu_si256(firsts + 1), first),
                         _mm256_cmpeq_epi8(_mm256_loadu_si256(seconds + 1), second));
    if (_mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-1))) continue;
    found = static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
            std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(high))} << 32;
    break;
  }
  return at;
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
#endif

}  // namespace

literal_finder::literal_finder(std::string_view literal, [[maybe_unused]] simd widest)
    : literal_{literal} {
  if (literal.empty()) return;
  const std::size_t rarest = rarest_in(literal, literal.size());
  const std::size_t second = literal.size() > 1 ? rarest_in(literal, rarest) : rarest;
  rare_ = {rarest, second, literal[rarest], literal[second]};
#if defined(__SSE2__)
  skip_ = widest == simd::avx2 && __builtin_cpu_supports("avx2") ? skip_avx2 : skip_sse2;
#endif
}

const char* literal_finder::find(const char* at, const char* end) const noexcept {
  if (literal_.empty()) return at;
  if (at >= end || static_cast<std::size_t>(end - at) < literal_.size()) return end;
#if defined(__SSE2__)
  const char* const last = end - literal_.size() + 1;  // where it can begin: before this
  for (;; at += places_a_turn) {
    // A turn begins below `last`, so its loads end less than 64 bytes past `end`.
    std::uint64_t found = 0;
    at = skip_(at, last, rare_, found);
    for (; found != 0; found &= found - 1) {
      const char* const here = at + __builtin_ctzll(found);
      if (here >= last) return end;
      if (std::memcmp(here, literal_.data(), literal_.size()) == 0) return here;
    }
    if (at >= last) return end;
  }
#else
  const void* const found =
      ::memmem(at, static_cast<std::size_t>(end - at), literal_.data(), literal_.size());
  return found != nullptr ? static_cast<const char*>(found) : end;
#endif
}

bool literal_finder::is_in(std::string_view text) const noexcept {
  if (literal_.empty()) return true;
  if (text.size() < literal_.size()) return false;
  const char* at = text.data() + rare_.first_at;
  const char* const last = at + (text.size() - literal_.size()) + 1;  // it is before this
  for (; at < last; ++at) {
    const void* const found = std::memchr(at, rare_.first, static_cast<std::size_t>(last - at));
    if (found == nullptr) return false;
    at = static_cast<const char*>(found);
    if (std::memcmp(at - rare_.first_at, literal_.data(), literal_.size()) == 0) return true;
  }
  return false;
}

}  // namespace millpool::logs

#pragma once

#include <cstdint>
#include <string_view>
#include <xxhash.h>  // XXH_INLINE_ALL is defined for this library: no call for a few bytes

namespace millpool::logs {

/// XXH3, whose bits are good enough for a sketch to count on.
[[nodiscard]] inline std::uint64_t hash_of(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace millpool::logs

// Layer 0 · base: where a character of UTF-8 ends.
#pragma once

#include <cstddef>
#include <string_view>

namespace millpool {

/// How many bytes the character takes that `text` begins with; 0: it begins with none, since it is
/// cut off, longer than it needs to be, half of a surrogate pair, or beyond U+10FFFF.
/// REQUIRES: text is not empty.
[[nodiscard]] std::size_t utf8_character(std::string_view text) noexcept;

}  // namespace millpool

#pragma once

#include "apps/millpool/thumbs/decoder.hpp"

#include <string>

namespace millpool::thumbs {

/// The file's content as 16 hexadecimal digits: enough to see that a photo was edited, no defence
/// against somebody who makes another one with the same digits.
/// \return unreadable, or interrupted.
///
/// Source  FNV-1a over the file's words of 8 bytes, 64 bits.
[[nodiscard]] or_failure<std::string> content_hash(const std::string& path,
                                                   const stop_request& stop);

}  // namespace millpool::thumbs

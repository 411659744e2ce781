#pragma once

#include "apps/millpool/thumbs/failure.hpp"
#include "apps/millpool/thumbs/image.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millpool::thumbs {

enum class output_format : std::uint8_t { jpeg, png, webp };

struct encoding {
  output_format format = output_format::jpeg;
  int quality = 80;    ///< 1 to 100; PNG loses nothing and does not look at it
  bool gray = false;   ///< the three colours are equal
  bool alpha = false;  ///< the fourth byte is one; never with JPEG
  std::string icc;     ///< embedded unless empty
};

/// The file's bytes, without any metadata but the profile.
[[nodiscard]] or_failure<std::vector<std::uint8_t>> encode(const image& picture,
                                                           const encoding& how);

}  // namespace millpool::thumbs

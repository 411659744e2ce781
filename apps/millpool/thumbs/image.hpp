#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millpool::thumbs {

/// A small image in memory: four bytes a pixel, row by row from the top.
struct image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;  ///< width x height x 4 bytes

  [[nodiscard]] std::size_t stride() const noexcept { return std::size_t{width} * 4; }
};

/// The image as EXIF's orientation, 1 to 8, says that it is to be seen.
[[nodiscard]] image turned(image stored, unsigned orientation);

/// Whether that exchanges width and height.
[[nodiscard]] constexpr bool swaps_sides(unsigned orientation) noexcept { return orientation >= 5; }

/// Puts an RGBA image on white.
void flatten(image& picture) noexcept;

}  // namespace millpool::thumbs

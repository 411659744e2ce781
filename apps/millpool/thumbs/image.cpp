#include "apps/millpool/thumbs/image.hpp"

#include <cstring>
#include <utility>

namespace millpool::thumbs {
namespace {

// Where the pixel that is to be seen at (x, y) is stored, in an image of width x height as stored.
struct pixel_place {
  std::size_t x;
  std::size_t y;
};
[[nodiscard]] pixel_place stored_at(unsigned orientation, std::size_t x, std::size_t y,
                                    std::size_t width, std::size_t height) {
  switch (orientation) {
    case 2:
      return {width - 1 - x, y};
    case 3:
      return {width - 1 - x, height - 1 - y};
    case 4:
      return {x, height - 1 - y};
    case 5:
      return {y, x};
    case 6:
      return {y, height - 1 - x};
    case 7:
      return {width - 1 - y, height - 1 - x};
    case 8:
      return {width - 1 - y, x};
    default:
      return {x, y};
  }
}

}  // namespace

image turned(image stored, unsigned orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  image seen{.width = stored.width, .height = stored.height, .pixels = {}};
  if (swaps_sides(orientation)) std::swap(seen.width, seen.height);
  seen.pixels.resize(stored.pixels.size());
  std::uint8_t* out = seen.pixels.data();
  for (std::size_t y = 0; y < seen.height; ++y) {
    for (std::size_t x = 0; x < seen.width; ++x, out += 4) {
      const pixel_place from = stored_at(orientation, x, y, stored.width, stored.height);
      std::memcpy(out, stored.pixels.data() + from.y * stored.stride() + from.x * 4, 4);
    }
  }
  return seen;
}

void flatten(image& picture) noexcept {
  for (std::size_t i = 0; i < picture.pixels.size(); i += 4) {
    std::uint8_t* const pixel = picture.pixels.data() + i;
    const unsigned alpha = pixel[3];
    for (std::size_t c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>((pixel[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    pixel[3] = 255;
  }
}

}  // namespace millpool::thumbs

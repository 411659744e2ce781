#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::thumbs {

enum class fit_mode : std::uint8_t {
  contain,  ///< all of the image, inside the box
  cover,    ///< the box is filled, what stands over is cut off on both sides
};

/// The box that a thumbnail fits into, in pixels.
struct box {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  friend bool operator==(const box&, const box&) = default;
};

inline constexpr std::uint32_t largest_side = 16'383;  // WebP has no more

/// "256" (a square box), "640x480", and several with commas between: "256,1024x768".
/// \return at least one box, none twice; or what is wrong with the text.
[[nodiscard]] std::expected<std::vector<box>, std::string> parse_sizes(std::string_view text);

/// "256" or "640x480": as it was given.
[[nodiscard]] std::string to_string(const box& size);

/// What is taken of the stored image, and the size to which it is brought, before it is turned.
struct placement {
  double x = 0;  ///< left edge of what is taken, in pixels of the stored image
  double y = 0;
  double width = 0;
  double height = 0;
  std::uint32_t out_width = 0;  ///< in pixels, as stored
  std::uint32_t out_height = 0;

  /// Of both directions the larger: how much of the stored resolution is needed, at most 1.
  [[nodiscard]] double scale() const noexcept;
};

/// Never enlarges: an image that is smaller than the box stays as it is, and with `cover` keeps the
/// largest part with the box's proportions.
/// \param  orientation  EXIF's: the box is meant for the image as it is seen.
[[nodiscard]] placement place(std::uint32_t width, std::uint32_t height, unsigned orientation,
                              const box& size, fit_mode fit) noexcept;

}  // namespace millpool::thumbs

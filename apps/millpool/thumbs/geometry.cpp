#include "apps/millpool/thumbs/geometry.hpp"

#include "apps/millpool/thumbs/image.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace millpool::thumbs {
namespace {

[[nodiscard]] std::optional<std::uint32_t> parse_side(std::string_view text) {
  const auto pixels = app::parse_count(text);
  if (!pixels || *pixels == 0 || *pixels > largest_side) return std::nullopt;
  return static_cast<std::uint32_t>(*pixels);
}

[[nodiscard]] std::optional<box> parse_box(std::string_view text) {
  const std::size_t by = text.find('x');
  const auto width = parse_side(text.substr(0, by));
  const auto height = by == std::string_view::npos ? width : parse_side(text.substr(by + 1));
  if (!width || !height) return std::nullopt;
  return box{*width, *height};
}

[[nodiscard]] std::uint32_t rounded(double pixels) {
  return std::max(1U, static_cast<std::uint32_t>(std::lround(pixels)));
}

}  // namespace

std::expected<std::vector<box>, std::string> parse_sizes(std::string_view text) {
  std::vector<box> sizes;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    const auto one = parse_box(rest.substr(0, comma));
    if (!one) {
      return std::unexpected("'" + std::string(text) +
                             "' is no size: expected such as 256, 640x480, 256,1024 (1 to " +
                             std::to_string(largest_side) + " pixels a side)");
    }
    if (std::find(sizes.begin(), sizes.end(), *one) == sizes.end()) sizes.push_back(*one);
    if (comma == std::string_view::npos) return sizes;
    rest.remove_prefix(comma + 1);
  }
}

std::string to_string(const box& size) {
  const std::string width = std::to_string(size.width);
  return size.width == size.height ? width : width + "x" + std::to_string(size.height);
}

double placement::scale() const noexcept {
  return std::min(1.0, std::max(out_width / width, out_height / height));
}

placement place(std::uint32_t width, std::uint32_t height, unsigned orientation, const box& size,
                fit_mode fit) noexcept {
  const bool swapped = swaps_sides(orientation);
  const double box_width = swapped ? size.height : size.width;
  const double box_height = swapped ? size.width : size.height;
  placement out{
      .x = 0, .y = 0, .width = static_cast<double>(width), .height = static_cast<double>(height)};
  if (fit == fit_mode::cover) {
    const double scale = std::max(box_width / out.width, box_height / out.height);
    out.width = std::min(out.width, box_width / scale);
    out.height = std::min(out.height, box_height / scale);
    out.x = (width - out.width) / 2;
    out.y = (height - out.height) / 2;
  }
  const double scale = std::min({1.0, box_width / out.width, box_height / out.height});
  out.out_width = rounded(out.width * scale);
  out.out_height = rounded(out.height * scale);
  return out;
}

}  // namespace millpool::thumbs

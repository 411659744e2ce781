#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace millpool::thumbs {
namespace {

// A TIFF block: numbers in the byte order that it declares, none beyond its end.
class tiff_block {
 public:
  tiff_block(std::span<const std::uint8_t> bytes, bool big_endian) noexcept
      : bytes_{bytes}, big_endian_{big_endian} {}

  [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | bytes_[at + (big_endian_ ? i : size - 1 - i)];
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

}  // namespace

unsigned exif_orientation(std::span<const std::uint8_t> exif) noexcept {
  constexpr std::array<std::uint8_t, 6> prefix{'E', 'x', 'i', 'f', 0, 0};
  if (exif.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), exif.begin()))
    exif = exif.subspan(prefix.size());
  if (exif.size() < 8 || exif[0] != exif[1] || (exif[0] != 'I' && exif[0] != 'M')) return 1;

  const tiff_block block{exif, exif[0] == 'M'};
  if (block.number(2, 2) != 42U) return 1;
  const std::size_t directory = block.number(4, 4).value_or(0);
  const std::uint32_t entries = block.number(directory, 2).value_or(0);
  constexpr std::size_t entry_size = 12;
  constexpr std::uint32_t orientation_tag = 0x0112;
  constexpr std::uint32_t short_type = 3;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * entry_size;
    const auto tag = block.number(at, 2);
    if (!tag) return 1;
    if (*tag != orientation_tag || block.number(at + 2, 2) != short_type) continue;
    const std::uint32_t value = block.number(at + 8, 2).value_or(1);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

}  // namespace millpool::thumbs

#pragma once

#include <cstdint>
#include <span>

namespace millpool::thumbs {

/// The orientation, 1 to 8, in a block of EXIF data that begins with its TIFF header; "Exif\0\0" in
/// front is skipped. 1 where there is none, or where the block makes no sense: a photo is not
/// refused because of its metadata.
[[nodiscard]] unsigned exif_orientation(std::span<const std::uint8_t> exif) noexcept;

}  // namespace millpool::thumbs

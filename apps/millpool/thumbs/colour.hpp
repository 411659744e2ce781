#pragma once

#include "apps/millpool/thumbs/decoder.hpp"
#include "apps/millpool/thumbs/image.hpp"

#include <string>

namespace millpool::thumbs {

/// Brings an image to sRGB, by its ICC profile if that fits its pixels, else by what is customary.
/// CMYK becomes RGBX; an alpha stays as it is. A profile that makes no sense is passed over: the
/// image is all there.
void convert_to_srgb(image& picture, pixel_kind pixels, const std::string& icc);

/// Whether the profile describes red, green and blue (or gray, for a gray image): then it may be
/// embedded in the thumbnail.
[[nodiscard]] bool fits_pixels(const std::string& icc, const image_info& info);

}  // namespace millpool::thumbs

#pragma once

#include "apps/millpool/thumbs/decoder.hpp"

#include <memory>

namespace millpool::thumbs {

// One file each. What they are given has the format's first bytes.
[[nodiscard]] std::unique_ptr<decoder> jpeg_decoder_for(byte_source file);
[[nodiscard]] std::unique_ptr<decoder> png_decoder_for(byte_source file);
[[nodiscard]] std::unique_ptr<decoder> webp_decoder_for(byte_source file);
[[nodiscard]] std::unique_ptr<decoder> gif_decoder_for(byte_source file);
[[nodiscard]] std::unique_ptr<decoder> tiff_decoder_for(byte_source file);
// Null where libheif's headers were absent at the build.
[[nodiscard]] std::unique_ptr<decoder> heif_decoder_for(byte_source file);

}  // namespace millpool::thumbs

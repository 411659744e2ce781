#pragma once

#include "apps/millpool/thumbs/decoder.hpp"
#include "apps/millpool/thumbs/encoder.hpp"
#include "apps/millpool/thumbs/geometry.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::thumbs {

/// What a thumbnail is to be like.
struct thumbnail_settings {
  std::vector<box> sizes{{256, 256}};
  fit_mode fit = fit_mode::contain;
  std::optional<output_format> format = output_format::jpeg;  ///< nothing: the source's own
  int quality = 80;
  bool keep_profile = false;  ///< the ICC profile is embedded, the colours stay as they are
};

/// As one text: two runs with the same one make the same thumbnails.
[[nodiscard]] std::string to_string(const thumbnail_settings& settings);

/// What the thumbnail of such an image is written as. Formats that are not written have a likeness:
/// PNG for GIF and TIFF, JPEG for HEIF.
[[nodiscard]] output_format format_for(image_format source, const thumbnail_settings& settings);

/// The thumbnail's name: the source's, whole, and behind it the format's ending unless it has it.
[[nodiscard]] std::string output_name(std::string_view source, output_format format);

/// Whether the name is that of an image, by its ending.
[[nodiscard]] bool is_image_name(std::string_view name);

}  // namespace millpool::thumbs

#pragma once

#include "apps/millpool/thumbs/byte_source.hpp"

#include <string>

namespace millpool::thumbs {

/// What of a JPEG file's metadata is used.
struct jpeg_metadata {
  unsigned orientation = 1;  ///< EXIF's
  std::string icc;           ///< the profile, or empty
};

/// Looks at the segments in front of the first scan. No other ones are read than those that are
/// asked for: a file may have megabytes of depth maps and previews there.
[[nodiscard]] jpeg_metadata read_jpeg_metadata(byte_source& file);

}  // namespace millpool::thumbs

#pragma once

#include "apps/millpool/thumbs/manifest.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace millpool::thumbs {

/// A page that shows every thumbnail of the manifest, by folder: one file, without scripts and
/// without anything from elsewhere. The smallest size is shown and leads to the largest.
/// \param  add  takes the page, piece by piece.
void write_gallery(const manifest& log, const std::function<void(std::string_view)>& add);

/// Text for HTML, between tags and in quotes. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string html_text(std::string_view bytes);

/// A path as a relative URL: what is not plain is written as %XX, byte by byte.
[[nodiscard]] std::string url_path(std::string_view path);

}  // namespace millpool::thumbs

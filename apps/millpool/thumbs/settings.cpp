#include "apps/millpool/thumbs/settings.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace millpool::thumbs {
namespace {

constexpr std::string_view jpeg_endings[] = {"jpg", "jpeg", "jpe", "jfif"};
constexpr std::string_view png_endings[] = {"png"};
constexpr std::string_view webp_endings[] = {"webp"};
constexpr std::string_view other_endings[] = {"gif", "tif", "tiff", "heic", "heif", "avif"};

[[nodiscard]] std::span<const std::string_view> endings(output_format format) {
  if (format == output_format::png) return png_endings;
  if (format == output_format::webp) return webp_endings;
  return jpeg_endings;
}

[[nodiscard]] std::string_view name_of(output_format format) {
  if (format == output_format::png) return "png";
  return format == output_format::webp ? "webp" : "jpeg";
}

// In lower case, without the dot; nothing for ".jpg", whose name that is.
[[nodiscard]] std::string ending_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  std::string ending{name.substr(dot + 1)};
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending;
}

[[nodiscard]] bool has(std::span<const std::string_view> list, std::string_view ending) {
  return std::find(list.begin(), list.end(), ending) != list.end();
}

}  // namespace

std::string to_string(const thumbnail_settings& settings) {
  std::string text;
  for (const box& each : settings.sizes) text += (text.empty() ? "" : ",") + to_string(each);
  text += settings.fit == fit_mode::cover ? " cover " : " contain ";
  text += settings.format ? name_of(*settings.format) : "same";
  text += " q" + std::to_string(settings.quality);
  return text + (settings.keep_profile ? " keep" : " srgb");
}

output_format format_for(image_format source, const thumbnail_settings& settings) {
  if (settings.format) return *settings.format;
  switch (source) {
    case image_format::png:
    case image_format::gif:
    case image_format::tiff:
      return output_format::png;
    case image_format::webp:
      return output_format::webp;
    case image_format::jpeg:
    case image_format::heif:
      break;
  }
  return output_format::jpeg;
}

std::string output_name(std::string_view source, output_format format) {
  std::string name{source};
  const auto known = endings(format);
  if (!has(known, ending_of(name))) name.append(".").append(known.front());
  return name;
}

bool is_image_name(std::string_view name) {
  const std::string ending = ending_of(name);
  return has(jpeg_endings, ending) || has(png_endings, ending) || has(webp_endings, ending) ||
         has(other_endings, ending);
}

}  // namespace millpool::thumbs

// Texts that millpool thumbs reads and writes: sizes, lines of a manifest, names on a page.
#include "apps/millpool/thumbs/gallery.hpp"
#include "apps/millpool/thumbs/geometry.hpp"
#include "apps/millpool/thumbs/manifest.hpp"
#include "apps/millpool/thumbs/settings.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millpool::thumbs;
  const std::string text(data, data + size);
  if (const auto sizes = parse_sizes(text)) {
    for (const box& each : *sizes) {
      if (each.width == 0 || each.width > largest_side || each.height == 0) std::abort();
    }
  } else if (sizes.error().empty()) {
    std::abort();
  }
  // Any name comes back from a line as it was; any line is read or refused.
  const manifest_entry named{.source = text};
  const auto read = parse_line(to_line(named));
  if (!read || read->source != text) std::abort();
  if (const auto entry = parse_line(text)) {
    if (!parse_line(to_line(*entry))) std::abort();
  }
  if (html_text(text).find_first_of("<>\"'\n") != std::string::npos) std::abort();
  if (url_path(text).find_first_of(" <>\"'?#:&\n") != std::string::npos) std::abort();
  static_cast<void>(output_name(text, output_format::png));
  return 0;
}

#include "apps/millpool/thumbs/decoder.hpp"

#include "apps/millpool/thumbs/codecs.hpp"

#include <array>
#include <iterator>
#include <string_view>
#include <utility>

namespace millpool::thumbs {
namespace {

using namespace std::string_view_literals;

[[nodiscard]] bool is_heif(std::string_view head) {
  if (head.substr(4, 4) != "ftyp") return false;
  constexpr std::string_view brands[] = {"heic", "heix", "heim", "heis", "hevc",
                                         "hevx", "mif1", "msf1", "avif", "avis"};
  for (const std::string_view brand : brands) {
    if (head.substr(8, 4) == brand) return true;
  }
  return false;
}

[[nodiscard]] or_failure<std::unique_ptr<decoder>> decoder_for(std::string_view head,
                                                               byte_source file) {
  if (head.starts_with("\xff\xd8\xff"sv)) return jpeg_decoder_for(std::move(file));
  if (head.starts_with("\x89PNG\r\n\x1a\n"sv)) return png_decoder_for(std::move(file));
  if (head.starts_with("RIFF") && head.substr(8, 4) == "WEBP")
    return webp_decoder_for(std::move(file));
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a"))
    return gif_decoder_for(std::move(file));
  // The last two are BigTIFF.
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (head.starts_with(magic)) return tiff_decoder_for(std::move(file));
  }
  if (is_heif(head)) {
    if (auto made = heif_decoder_for(std::move(file))) return made;
    return fail(failure_kind::unsupported,
                "it is a HEIF image, and this program was built without libheif");
  }
  return fail(failure_kind::unsupported,
              "its first bytes are not those of JPEG, PNG, WebP, GIF, TIFF or HEIF");
}

}  // namespace

std::string_view to_string(image_format format) noexcept {
  constexpr std::string_view names[] = {"jpeg", "png", "webp", "gif", "tiff", "heif"};
  return names[static_cast<std::size_t>(format)];
}

or_failure<void> decoder::open() {
  constexpr std::uint64_t largest_header = std::uint64_t{64} << 20;
  constexpr std::size_t largest_profile = std::size_t{8} << 20;
  file_.limit_reads(largest_header);
  auto read = read_header();
  header_bytes_ = file_.counted();
  file_.limit_reads(UINT64_MAX);
  if (info_.icc.size() > largest_profile) info_.icc = {};
  return read;
}

or_failure<std::unique_ptr<decoder>> open_image(const std::string& path) {
  auto file = byte_source::open(path);
  if (!file) return std::unexpected{file.error()};
  std::array<std::uint8_t, 16> bytes{};
  const std::size_t got = file->read_at(bytes, 0);
  if (file->error() != 0) return std::unexpected{file->short_read()};
  if (got == 0) return fail(failure_kind::truncated, "the file is empty");
  auto made =
      decoder_for({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, std::move(*file));
  if (!made) return made;
  if (const auto read = (*made)->open(); !read) return std::unexpected{read.error()};
  return made;
}

}  // namespace millpool::thumbs

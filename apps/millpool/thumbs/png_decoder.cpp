#include "apps/millpool/thumbs/codecs.hpp"
#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <algorithm>
#include <cstring>
#include <spng.h>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

constexpr std::size_t read_size = std::size_t{64} * 1024;
constexpr std::size_t largest_metadata = std::size_t{16} << 20;  // bytes, of all chunks but pixels

struct free_context {
  void operator()(spng_ctx* context) const noexcept { spng_ctx_free(context); }
};

class png_decoder final : public decoder {
 public:
  explicit png_decoder(byte_source file)
      : decoder{std::move(file)}, chunk_(read_size), png_{spng_ctx_new(0)} {}

  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  int read(void* to, std::size_t length) noexcept;
  void pass_over_texts();
  [[nodiscard]] or_failure<void> decode_rows(row_sink& out, const stop_request& stop);
  [[nodiscard]] or_failure<void> decode_passes(row_sink& out, const stop_request& stop);
  [[nodiscard]] std::unexpected<failure> why(int error) const;

  std::vector<std::uint8_t> chunk_;
  std::size_t chunk_used_ = 0;
  std::size_t chunk_filled_ = 0;
  std::uint64_t offset_ = 0;
  std::unique_ptr<spng_ctx, free_context> png_;
  std::uint64_t text_bytes_ = 0;
  bool hit_end_ = false;
  bool interlaced_ = false;
};

int png_decoder::read(void* to, std::size_t length) noexcept {
  auto* out = static_cast<std::uint8_t*>(to);
  while (length > 0) {
    if (chunk_used_ == chunk_filled_) {
      chunk_filled_ = file_.read_at(chunk_, offset_);
      chunk_used_ = 0;
      offset_ += chunk_filled_;
      hit_end_ = chunk_filled_ == 0;
      if (hit_end_) return file_.error() != 0 ? SPNG_IO_ERROR : SPNG_IO_EOF;
    }
    const std::size_t part = std::min(length, chunk_filled_ - chunk_used_);
    std::memcpy(out, chunk_.data() + chunk_used_, part);
    chunk_used_ += part;
    out += part;
    length -= part;
  }
  return 0;
}

or_failure<void> png_decoder::read_header() {
  if (png_ == nullptr) return fail(failure_kind::too_big, "no memory for a PNG decoder");
  spng_set_crc_action(png_.get(), SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
  spng_set_chunk_limits(png_.get(), largest_metadata, largest_metadata);
  const auto read_some = [](spng_ctx*, void* self, void* to, std::size_t length) {
    return static_cast<png_decoder*>(self)->read(to, length);
  };
  if (const int error = spng_set_png_stream(png_.get(), read_some, this)) return why(error);
  spng_ihdr header{};
  if (const int error = spng_get_ihdr(png_.get(), &header)) return why(error);
  info_.format = image_format::png;
  set_size(header.width, header.height);
  interlaced_ = header.interlace_method != 0;
  info_.gray = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
               header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
  // Those in front of the pixels; what is asked for below is then there or not.
  if (const int error = spng_decode_chunks(png_.get())) return why(error);
  spng_trns transparency{};
  const bool alpha = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                     header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
                     spng_get_trns(png_.get(), &transparency) == 0;
  if (alpha) info_.pixels = pixel_kind::rgba;
  spng_iccp profile{};
  if (spng_get_iccp(png_.get(), &profile) == 0)
    info_.icc.assign(profile.profile, profile.profile_len);
  spng_exif exif{};
  if (spng_get_exif(png_.get(), &exif) == 0) {
    info_.orientation =
        exif_orientation({reinterpret_cast<const std::uint8_t*>(exif.data), exif.length});
  }
  pass_over_texts();
  return {};
}

// What has been read stays, unpacked. libspng passes over the rest where it is given some to write.
void png_decoder::pass_over_texts() {
  std::uint32_t count = 0;
  if (spng_get_text(png_.get(), nullptr, &count) == 0) {
    std::vector<spng_text> texts(count);
    spng_get_text(png_.get(), texts.data(), &count);
    for (const spng_text& each : texts) text_bytes_ += each.length;
  }
  char nothing[] = "-";
  spng_text other{};
  other.type = SPNG_TEXT;
  other.keyword[0] = '-';
  other.text = nothing;
  other.length = 1;
  static_cast<void>(spng_set_text(png_.get(), &other, 1));
}

std::uint64_t png_decoder::memory() const {
  // zlib's window, and a few rows of at most 8 bytes a pixel.
  const std::uint64_t fixed = 3 * read_size + std::uint64_t{info_.width} * 32 + text_bytes_;
  return interlaced_ ? fixed + std::uint64_t{info_.width} * info_.height * 4 : fixed;
}

or_failure<void> png_decoder::decode(row_sink& out, const stop_request& stop) {
  const int flags = SPNG_DECODE_PROGRESSIVE | SPNG_DECODE_TRNS;
  if (const int error = spng_decode_image(png_.get(), nullptr, 0, SPNG_FMT_RGBA8, flags))
    return why(error);
  if (const auto done = interlaced_ ? decode_passes(out, stop) : decode_rows(out, stop); !done)
    return done;
  // Up to the IEND chunk: without one the file was cut.
  const int error = spng_decode_chunks(png_.get());
  if (error != 0 || hit_end_) return why(error != 0 ? error : SPNG_IO_EOF);
  return {};
}

or_failure<void> png_decoder::decode_rows(row_sink& out, const stop_request& stop) {
  std::vector<std::uint8_t> row(std::size_t{info_.width} * 4);
  for (std::uint32_t y = 0; y < info_.height; ++y) {
    if (y % 16 == 0 && stop()) return stopped();
    const int error = spng_decode_row(png_.get(), row.data(), row.size());
    if (error != 0 && error != SPNG_EOI) return why(error);
    if (error == SPNG_EOI && y + 1 < info_.height) return why(SPNG_EIDAT_TOO_SHORT);
    out.row(row.data());
  }
  return {};
}

or_failure<void> png_decoder::decode_passes(row_sink& out, const stop_request& stop) {
  const std::size_t stride = std::size_t{info_.width} * 4;
  std::vector<std::uint8_t> all(stride * info_.height);
  for (int error = 0; error != SPNG_EOI;) {
    spng_row_info row{};
    error = spng_get_row_info(png_.get(), &row);
    if (error != 0) return why(error);
    if (row.scanline_idx % 16 == 0 && stop()) return stopped();
    error = spng_decode_row(png_.get(), all.data() + row.row_num * stride, stride);
    if (error != 0 && error != SPNG_EOI) return why(error);
  }
  for (std::uint32_t y = 0; y < info_.height; ++y) out.row(all.data() + y * stride);
  return {};
}

std::unexpected<failure> png_decoder::why(int error) const {
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  if (error == SPNG_IO_EOF || error == SPNG_EOF || error == SPNG_EIDAT_TOO_SHORT)
    return fail(failure_kind::truncated, "the PNG file ends too early");
  const std::string sentence = std::string("PNG: ") + spng_strerror(error);
  const bool memory = error == SPNG_EMEM || error == SPNG_EOVERFLOW || error == SPNG_ECHUNK_LIMITS;
  return fail(memory ? failure_kind::too_big : failure_kind::damaged, sentence);
}

}  // namespace

std::unique_ptr<decoder> png_decoder_for(byte_source file) {
  return std::make_unique<png_decoder>(std::move(file));
}

}  // namespace millpool::thumbs

#include "apps/millpool/thumbs/codecs.hpp"
#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>
#include <webp/decode.h>
#include <webp/demux.h>

namespace millpool::thumbs {
namespace {

constexpr std::size_t piece_size = std::size_t{64} * 1024;
constexpr std::uint64_t largest_chunk = std::uint64_t{16} << 20;

struct delete_demuxer {
  void operator()(WebPDemuxer* demuxer) const noexcept { WebPDemuxDelete(demuxer); }
};
struct delete_decoder {
  void operator()(WebPIDecoder* decoder) const noexcept { WebPIDelete(decoder); }
};
using demuxer_ptr = std::unique_ptr<WebPDemuxer, delete_demuxer>;

struct release_frame {
  WebPIterator frame{};
  release_frame() = default;
  release_frame(const release_frame&) = delete;
  release_frame& operator=(const release_frame&) = delete;
  ~release_frame() { WebPDemuxReleaseIterator(&frame); }
};

// Frames, metadata and what libwebp needs to decode lie in the bytes of the file, so all of it is
// held; the pixels are not, as long as libwebp itself can make them fewer.
class webp_decoder final : public decoder {
 public:
  explicit webp_decoder(byte_source file) : decoder{std::move(file)} {}

  void shrink_to(double scale) override;
  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  [[nodiscard]] std::string chunk(std::string_view name);
  [[nodiscard]] or_failure<void> decode_frame(const WebPIterator& frame, const stop_request& stop);

  std::vector<std::uint8_t> pixels_;  // of the whole canvas, at the decoded size
  bool lossless_ = false;
  bool alpha_ = false;
  bool animated_ = false;
};

[[nodiscard]] std::unexpected<failure> why(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return fail(failure_kind::truncated, "the WebP file ends too early");
    case VP8_STATUS_OUT_OF_MEMORY:
      return fail(failure_kind::too_big, "no memory for the WebP image");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return fail(failure_kind::unsupported, "WebP: a feature that libwebp does not know");
    default:
      return fail(failure_kind::damaged, "WebP: its data is damaged");
  }
}

or_failure<void> webp_decoder::read_header() {
  // All that is to be known of an image stands in the first bytes, but for its metadata.
  std::vector<std::uint8_t> head(std::min<std::uint64_t>(file_.size(), 4096));
  head.resize(file_.read_at(head, 0));
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  WebPBitstreamFeatures features{};
  const VP8StatusCode status = WebPGetFeatures(head.data(), head.size(), &features);
  // A large profile lies in front of what it would look at. The canvas is known by then.
  if (status != VP8_STATUS_OK && status != VP8_STATUS_NOT_ENOUGH_DATA) return why(status);
  if (features.width <= 0 || features.height <= 0) return why(VP8_STATUS_NOT_ENOUGH_DATA);
  info_.format = image_format::webp;
  set_size(static_cast<std::uint32_t>(features.width), static_cast<std::uint32_t>(features.height));
  alpha_ = features.has_alpha != 0;
  animated_ = features.has_animation != 0;
  lossless_ = features.format != 1 || status != VP8_STATUS_OK;  // the dearer one, if unknown
  if (alpha_ || animated_) info_.pixels = pixel_kind::rgba;
  info_.icc = chunk("ICCP");
  const std::string exif = chunk("EXIF");
  info_.orientation =
      exif_orientation({reinterpret_cast<const std::uint8_t*>(exif.data()), exif.size()});
  return {};
}

void webp_decoder::shrink_to(double scale) {
  // A frame of an animation may cover a part of the canvas only.
  if (animated_ || scale > 0.25) return;
  const double keep = 2.5 * scale;  // Lanczos does the rest: libwebp only averages
  decoded_width_ = std::max(1U, static_cast<std::uint32_t>(std::ceil(info_.width * keep)));
  decoded_height_ = std::max(1U, static_cast<std::uint32_t>(std::ceil(info_.height * keep)));
}

std::uint64_t webp_decoder::memory() const {
  const std::uint64_t canvas = std::uint64_t{info_.width} * info_.height;
  const std::uint64_t out = std::uint64_t{decoded_width_} * decoded_height_ * 4;
  // A lossless image is decoded to all of its pixels; an alpha is a lossless image, too.
  const std::uint64_t inside = lossless_ ? canvas * 4 : alpha_ ? canvas * 2 : 0;
  return file_.size() + out + inside + std::uint64_t{info_.width} * 256;
}

// The content of the first chunk of that name, or nothing. Metadata mostly lies behind the pixels,
// so chunks are walked over and not read.
std::string webp_decoder::chunk(std::string_view name) {
  std::uint64_t at = 12;
  for (int walked = 0; walked < 4096 && at + 8 <= file_.size(); ++walked) {
    std::array<std::uint8_t, 8> head{};
    if (file_.read_at(head, at) < head.size()) break;
    const std::uint64_t size = std::uint64_t{head[4]} | std::uint64_t{head[5]} << 8 |
                               std::uint64_t{head[6]} << 16 | std::uint64_t{head[7]} << 24;
    at += head.size();
    if (std::string_view{reinterpret_cast<const char*>(head.data()), 4} == name) {
      std::string content(std::min(size, largest_chunk), '\0');
      content.resize(
          file_.read_at({reinterpret_cast<std::uint8_t*>(content.data()), content.size()}, at));
      return content;
    }
    at += size + size % 2;
  }
  return {};
}

or_failure<void> webp_decoder::decode(row_sink& out, const stop_request& stop) {
  const auto bytes = file_.read_all();
  if (!bytes) return std::unexpected{bytes.error()};
  const WebPData data{bytes->data(), bytes->size()};
  WebPDemuxState state{};
  const demuxer_ptr demuxer{WebPDemuxPartial(&data, &state)};
  if (demuxer == nullptr || state == WEBP_DEMUX_PARSE_ERROR) return why(VP8_STATUS_BITSTREAM_ERROR);
  if (state != WEBP_DEMUX_DONE) return why(VP8_STATUS_NOT_ENOUGH_DATA);

  release_frame first;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &first.frame) == 0)
    return why(VP8_STATUS_NOT_ENOUGH_DATA);
  const std::size_t stride = std::size_t{decoded_width_} * 4;
  pixels_.resize(stride * decoded_height_);
  if (const auto done = decode_frame(first.frame, stop); !done) return done;
  for (std::uint32_t y = 0; y < decoded_height_; ++y) out.row(pixels_.data() + y * stride);
  return {};
}

or_failure<void> webp_decoder::decode_frame(const WebPIterator& frame, const stop_request& stop) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    return fail(failure_kind::unsupported, "libwebp is another than was built with");
  const std::size_t stride = std::size_t{decoded_width_} * 4;
  std::size_t at = 0;  // where in the canvas the frame begins
  if (animated_) {
    const auto left = static_cast<std::uint32_t>(frame.x_offset);
    const auto top = static_cast<std::uint32_t>(frame.y_offset);
    if (left + static_cast<std::uint32_t>(frame.width) > decoded_width_ ||
        top + static_cast<std::uint32_t>(frame.height) > decoded_height_) {
      return why(VP8_STATUS_BITSTREAM_ERROR);
    }
    at = top * stride + std::size_t{left} * 4;
  } else {
    config.options.use_scaling = decoded_width_ != info_.width ? 1 : 0;
    config.options.scaled_width = static_cast<int>(decoded_width_);
    config.options.scaled_height = static_cast<int>(decoded_height_);
  }
  config.options.use_threads = 0;
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels_.data() + at;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = pixels_.size() - at;

  const std::unique_ptr<WebPIDecoder, delete_decoder> parts{WebPIDecode(nullptr, 0, &config)};
  if (parts == nullptr) return why(VP8_STATUS_OUT_OF_MEMORY);
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
  for (std::size_t given = 0; status == VP8_STATUS_SUSPENDED && given < frame.fragment.size;) {
    if (stop()) return stopped();
    given = std::min(given + piece_size, frame.fragment.size);
    status = WebPIUpdate(parts.get(), frame.fragment.bytes, given);
  }
  if (status != VP8_STATUS_OK) return why(status);
  return {};
}

}  // namespace

std::unique_ptr<decoder> webp_decoder_for(byte_source file) {
  return std::make_unique<webp_decoder>(std::move(file));
}

}  // namespace millpool::thumbs

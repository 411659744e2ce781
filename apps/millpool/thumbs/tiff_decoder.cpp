#include "apps/millpool/thumbs/codecs.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <limits>
#include <tiffio.h>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 58;  // sums of a few do not overflow

struct close_tiff {
  void operator()(TIFF* tiff) const noexcept { TIFFClose(tiff); }
};
struct free_options {
  void operator()(TIFFOpenOptions* options) const noexcept { TIFFOpenOptionsFree(options); }
};

// libtiff's error handler: the first error is the cause of the others.
[[gnu::format(printf, 4, 0)]] int note_first(TIFF* /*tiff*/, void* complaint,
                                             const char* /*module*/, const char* format,
                                             va_list words) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, words);
  auto& first = *static_cast<std::string*>(complaint);
  if (first.empty()) first = text;
  return 1;
}

// The first directory of the file. libtiff turns what it finds there into RGBA, band by band; only
// plain CMYK is read as it is, for its profile's sake.
class tiff_decoder final : public decoder {
 public:
  explicit tiff_decoder(byte_source file) : decoder{std::move(file)} {}

  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  [[nodiscard]] bool open();
  void look_at_pixels();
  [[nodiscard]] or_failure<void> decode_bands(row_sink& out, const stop_request& stop);
  [[nodiscard]] or_failure<void> decode_cmyk(row_sink& out, const stop_request& stop);
  [[nodiscard]] std::unexpected<failure> why() const;
  template <class Number>
  [[nodiscard]] Number tag(std::uint32_t which, Number otherwise) const {
    Number value{};
    return TIFFGetFieldDefaulted(tiff_.get(), which, &value) == 1 ? value : otherwise;
  }

  std::uint64_t offset_ = 0;
  bool hit_end_ = false;
  std::string complaint_;
  std::unique_ptr<TIFF, close_tiff> tiff_;
  std::uint32_t band_rows_ = 0;
  std::uint64_t band_bytes_ = 0;    // of a band, unpacked
  std::uint64_t packed_bytes_ = 0;  // of a strip or tile as it is stored
};

bool tiff_decoder::open() {
  const std::unique_ptr<TIFFOpenOptions, free_options> options{TIFFOpenOptionsAlloc()};
  if (options == nullptr) return false;
  const auto be_silent = [](TIFF*, void*, const char*, const char*, va_list) { return 1; };
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), note_first, &complaint_);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), be_silent, nullptr);

  const auto read = [](thandle_t handle, void* to, tmsize_t size) -> tmsize_t {
    auto& self = *static_cast<tiff_decoder*>(handle);
    const auto wanted = static_cast<std::size_t>(size);
    const std::size_t got =
        self.file_.read_at({static_cast<std::uint8_t*>(to), wanted}, self.offset_);
    self.offset_ += got;
    self.hit_end_ = self.hit_end_ || got < wanted;
    return static_cast<tmsize_t>(got);
  };
  const auto write = [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; };
  const auto seek = [](thandle_t handle, toff_t offset, int whence) -> toff_t {
    auto& self = *static_cast<tiff_decoder*>(handle);
    if (whence == SEEK_CUR) offset += self.offset_;
    if (whence == SEEK_END) offset += self.file_.size();
    if (offset > self.file_.size()) self.hit_end_ = true;
    return self.offset_ = offset;
  };
  const auto close = [](thandle_t) { return 0; };
  const auto size = [](thandle_t handle) -> toff_t {
    return static_cast<tiff_decoder*>(handle)->file_.size();
  };
  // m: not mapped; a file that shrinks meanwhile would end us.
  tiff_.reset(TIFFClientOpenExt("TIFF", "rm", this, read, write, seek, close, size, nullptr,
                                nullptr, options.get()));
  return tiff_ != nullptr;
}

or_failure<void> tiff_decoder::read_header() {
  if (!open()) return why();
  const auto width = tag<std::uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
  const auto height = tag<std::uint32_t>(TIFFTAG_IMAGELENGTH, 0);
  if (width == 0 || height == 0) return fail(failure_kind::damaged, "TIFF: the image has no size");
  set_size(width, height);
  info_.format = image_format::tiff;
  const unsigned orientation = tag<std::uint16_t>(TIFFTAG_ORIENTATION, 1);
  info_.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  std::uint32_t size = 0;
  const void* profile = nullptr;
  if (TIFFGetField(tiff_.get(), TIFFTAG_ICCPROFILE, &size, &profile) == 1)
    info_.icc.assign(static_cast<const char*>(profile), size);
  look_at_pixels();
  return {};
}

void tiff_decoder::look_at_pixels() {
  const auto photometric = tag<std::uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  const auto samples = tag<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
  const auto bits = tag<std::uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
  const bool together =
      tag<std::uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_CONTIG;
  const bool tiled = TIFFIsTiled(tiff_.get()) != 0;
  std::uint16_t extra = 0;
  const std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds);

  info_.gray = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
  if (photometric == PHOTOMETRIC_SEPARATED) {
    const bool plain = samples == 4 && bits == 8 && together && !tiled;
    if (plain) info_.pixels = pixel_kind::cmyk;
  } else if (extra > 0) {
    info_.pixels = pixel_kind::rgba;
  }
  if (tiled) {
    band_rows_ = tag<std::uint32_t>(TIFFTAG_TILELENGTH, info_.height);
    band_bytes_ = TIFFTileSize64(tiff_.get()) * (together ? 1U : samples);
  } else {
    band_rows_ = tag<std::uint32_t>(TIFFTAG_ROWSPERSTRIP, info_.height);
    band_bytes_ = TIFFStripSize64(tiff_.get()) * (together ? 1U : samples);
  }
  band_rows_ = std::clamp(band_rows_, 1U, info_.height);
  const std::uint32_t bands =
      tiled ? TIFFNumberOfTiles(tiff_.get()) : TIFFNumberOfStrips(tiff_.get());
  for (std::uint32_t i = 0; i < bands; ++i)
    packed_bytes_ = std::max(packed_bytes_, TIFFGetStrileByteCount(tiff_.get(), i));
  // libtiff believes no more than this, beyond a MiB.
  packed_bytes_ =
      std::min({packed_bytes_, file_.size(),
                std::max(std::uint64_t{1} << 20, std::min(band_bytes_, most_bytes) * 10 + 4096)});
}

std::uint64_t tiff_decoder::memory() const {
  const std::uint64_t pixels = std::uint64_t{info_.width} * band_rows_ * 4;
  return 256 * 1024 + pixels + packed_bytes_ + std::min(band_bytes_, most_bytes);
}

or_failure<void> tiff_decoder::decode(row_sink& out, const stop_request& stop) {
  return info_.pixels == pixel_kind::cmyk ? decode_cmyk(out, stop) : decode_bands(out, stop);
}

or_failure<void> tiff_decoder::decode_bands(row_sink& out, const stop_request& stop) {
  char text[1024] = "";
  if (TIFFRGBAImageOK(tiff_.get(), text) == 0)
    return fail(failure_kind::unsupported, std::string("TIFF: ") + text);
  TIFFRGBAImage reader{};
  if (TIFFRGBAImageBegin(&reader, tiff_.get(), 1, text) == 0) {
    return fail(failure_kind::unsupported, std::string("TIFF: ") + text);
  }
  struct end_reader {
    TIFFRGBAImage* reader;
    ~end_reader() { TIFFRGBAImageEnd(reader); }
  } const at_end{&reader};
  // Rows as they are stored: the thumbnail is turned, not the image.
  reader.orientation = reader.req_orientation = ORIENTATION_TOPLEFT;

  std::vector<std::uint32_t> band(std::size_t{info_.width} * band_rows_);
  std::vector<std::uint8_t> row(std::size_t{info_.width} * 4);
  for (std::uint32_t y = 0; y < info_.height; y += band_rows_) {
    if (stop()) return stopped();
    const std::uint32_t rows = std::min(band_rows_, info_.height - y);
    reader.row_offset = static_cast<int>(y);
    reader.col_offset = 0;
    if (TIFFRGBAImageGet(&reader, band.data(), info_.width, rows) == 0) return why();
    for (std::uint32_t i = 0; i < rows; ++i) {
      for (std::size_t x = 0; x < info_.width; ++x) {
        const std::uint32_t pixel = band[std::size_t{i} * info_.width + x];
        // libtiff premultiplies; everybody else here does not.
        const unsigned alpha = TIFFGetA(pixel);
        const auto colour = [alpha](unsigned value) {
          return alpha == 0 || alpha == 255
                     ? static_cast<std::uint8_t>(value)
                     : static_cast<std::uint8_t>(std::min(255U, (value * 255 + alpha / 2) / alpha));
        };
        row[x * 4] = colour(TIFFGetR(pixel));
        row[x * 4 + 1] = colour(TIFFGetG(pixel));
        row[x * 4 + 2] = colour(TIFFGetB(pixel));
        row[x * 4 + 3] = static_cast<std::uint8_t>(alpha);
      }
      out.row(row.data());
    }
  }
  return {};
}

or_failure<void> tiff_decoder::decode_cmyk(row_sink& out, const stop_request& stop) {
  std::vector<std::uint8_t> row(std::max<std::size_t>(
      static_cast<std::size_t>(TIFFScanlineSize64(tiff_.get())), std::size_t{info_.width} * 4));
  for (std::uint32_t y = 0; y < info_.height; ++y) {
    if (y % 16 == 0 && stop()) return stopped();
    if (TIFFReadScanline(tiff_.get(), row.data(), y, 0) != 1) return why();
    out.row(row.data());
  }
  return {};
}

std::unexpected<failure> tiff_decoder::why() const {
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  if (hit_end_) return fail(failure_kind::truncated, "the TIFF file ends too early");
  const std::string text = complaint_.empty() ? "its data is damaged" : complaint_;
  const bool unknown = text.find("not configured") != std::string::npos ||
                       text.find("not support") != std::string::npos;
  return fail(unknown ? failure_kind::unsupported : failure_kind::damaged, "TIFF: " + text);
}

}  // namespace

std::unique_ptr<decoder> tiff_decoder_for(byte_source file) {
  return std::make_unique<tiff_decoder>(std::move(file));
}

}  // namespace millpool::thumbs

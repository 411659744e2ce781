#include "apps/millpool/thumbs/codecs.hpp"
#include "apps/millpool/thumbs/jpeg_dc_arrays.hpp"
#include "apps/millpool/thumbs/jpeg_errors.hpp"
#include "apps/millpool/thumbs/jpeg_metadata.hpp"
#include "apps/millpool/thumbs/jpeg_scans.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

constexpr std::size_t chunk_size = std::size_t{64} * 1024;

// libjpeg decodes to 1/8, 2/8, 4/8 and 8/8 in vector code. What it leaves must be so many times
// larger than what is needed. Measured on 202 photos, the SSIM to a full decode is then 0.993 at
// least; with 1.2 it is 0.978, for 0.6 of the processor time.
constexpr double headroom = 1.7;

class jpeg_decoder final : public decoder {
 public:
  explicit jpeg_decoder(byte_source file) : decoder{std::move(file)}, chunk_(chunk_size) {
    jpeg_.err = errors_.manager();
  }
  ~jpeg_decoder() override { jpeg_destroy_decompress(&jpeg_); }

  void shrink_to(double scale) override;
  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  [[nodiscard]] static jpeg_decoder& of(j_common_ptr jpeg) noexcept {
    return *static_cast<jpeg_decoder*>(jpeg->client_data);
  }
  [[nodiscard]] static jpeg_decoder& of(j_decompress_ptr jpeg) noexcept {
    return *static_cast<jpeg_decoder*>(jpeg->client_data);
  }
  void read_from_file() noexcept;
  void fill() noexcept;
  void skip(long count) noexcept;
  void look_at_header();
  [[nodiscard]] bool dc_is_enough() const { return eighths_ == 1 && progressive_; }
  [[nodiscard]] or_failure<void> read_dc_only();
  void set_output() noexcept;
  void give(row_sink& out, std::uint8_t* row) const;
  [[nodiscard]] std::unexpected<failure> why() const;

  std::vector<std::uint8_t> chunk_;
  std::uint64_t offset_ = 0;  // in the file, of what comes after the chunk
  std::vector<std::uint8_t> dc_scans_;
  jpeg_errors errors_;
  jpeg_decompress_struct jpeg_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  const stop_request* stop_ = nullptr;
  unsigned eighths_ = 8;
  bool progressive_ = false;
  bool inverted_ = false;           // CMYK as Adobe writes it
  std::uint64_t all_blocks_ = 0;    // of all components
  std::uint64_t coefficients_ = 0;  // bytes, where libjpeg keeps them all
  std::uint64_t row_buffers_ = 0;   // bytes, in any case
};

// ---- where libjpeg reads from

void jpeg_decoder::read_from_file() noexcept {
  source_.init_source = [](j_decompress_ptr) {};
  source_.term_source = [](j_decompress_ptr) {};
  source_.resync_to_restart = jpeg_resync_to_restart;
  source_.fill_input_buffer = [](j_decompress_ptr jpeg) -> boolean {
    of(jpeg).fill();
    return TRUE;
  };
  source_.skip_input_data = [](j_decompress_ptr jpeg, long count) { of(jpeg).skip(count); };
  jpeg_.src = &source_;
}

void jpeg_decoder::fill() noexcept {
  const std::size_t got = file_.read_at(chunk_, offset_);
  if (got == 0) errors_.leave(failure_kind::truncated, "the JPEG file ends too early");
  offset_ += got;
  source_.next_input_byte = chunk_.data();
  source_.bytes_in_buffer = got;
}

// Large segments of metadata are not even read.
void jpeg_decoder::skip(long count) noexcept {
  if (count <= 0) return;
  const std::size_t here = std::min(static_cast<std::size_t>(count), source_.bytes_in_buffer);
  source_.next_input_byte += here;
  source_.bytes_in_buffer -= here;
  offset_ += static_cast<std::size_t>(count) - here;
}

// ---- the header

or_failure<void> jpeg_decoder::read_header() {
  read_from_file();
  const bool done = errors_.run([this] {
    jpeg_create_decompress(&jpeg_);
    jpeg_.client_data = this;
    jpeg_.src = &source_;
    jpeg_read_header(&jpeg_, TRUE);
  });
  if (!done) return why();
  look_at_header();
  return {};
}

void jpeg_decoder::look_at_header() {
  set_size(jpeg_.image_width, jpeg_.image_height);
  info_.format = image_format::jpeg;
  info_.gray = jpeg_.num_components == 1;
  if (jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK) {
    info_.pixels = pixel_kind::cmyk;
    inverted_ = jpeg_.saw_Adobe_marker != FALSE;
  }
  jpeg_metadata metadata = read_jpeg_metadata(file_);
  info_.orientation = metadata.orientation;
  info_.icc = std::move(metadata.icc);

  progressive_ = jpeg_.progressive_mode != FALSE;
  const std::span components{jpeg_.comp_info, static_cast<std::size_t>(jpeg_.num_components)};
  for (const jpeg_component_info& each : components) {
    all_blocks_ += std::uint64_t{each.width_in_blocks} * each.height_in_blocks;
    row_buffers_ += std::uint64_t{each.width_in_blocks} * 8 * 8 *
                    static_cast<std::uint64_t>(each.v_samp_factor) * 5;
  }
  if (jpeg_has_multiple_scans(&jpeg_) != FALSE) coefficients_ = all_blocks_ * sizeof(JBLOCK);
}

void jpeg_decoder::shrink_to(double scale) {
  for (eighths_ = 1; eighths_ < 8 && eighths_ < 8 * headroom * scale; eighths_ *= 2) {
  }
  const auto eighth = [this](std::uint32_t size) {
    return static_cast<std::uint32_t>((std::uint64_t{size} * eighths_ + 7) / 8);
  };
  decoded_width_ = eighth(info_.width);
  decoded_height_ = eighth(info_.height);
}

std::uint64_t jpeg_decoder::memory() const {
  const std::uint64_t fixed = 2 * chunk_size + row_buffers_ + std::uint64_t{decoded_width_} * 64;
  if (dc_is_enough()) return fixed + file_.size() + all_blocks_ * sizeof(JCOEF) + row_buffers_ * 2;
  return fixed + coefficients_;
}

// ---- the rows

void jpeg_decoder::set_output() noexcept {
  jpeg_.scale_num = eighths_;
  jpeg_.scale_denom = 8;
  jpeg_.out_color_space = info_.pixels == pixel_kind::cmyk ? JCS_CMYK : JCS_EXT_RGBX;
  // What it smooths is averaged away again.
  if (eighths_ < 8) jpeg_.do_fancy_upsampling = FALSE;
  jpeg_.do_block_smoothing = FALSE;
  progress_.progress_monitor = [](j_common_ptr jpeg) {
    jpeg_decoder& self = of(jpeg);
    if ((*self.stop_)()) self.errors_.leave(failure_kind::interrupted, "");
  };
  jpeg_.progress = &progress_;
}

// An eighth of the size is the DC coefficients alone, and they come in scans of their own: so the
// most of a progressive file need not be decoded, nor its coefficients be kept.
or_failure<void> jpeg_decoder::read_dc_only() {
  auto all = file_.read_all();
  if (!all) return std::unexpected{all.error()};
  dc_scans_ = std::move(*all);
  if (const auto cut = keep_dc_scans(dc_scans_); !cut) return cut;
  const bool done = errors_.run([this] {
    jpeg_abort_decompress(&jpeg_);
    jpeg_.src = nullptr;  // jpeg_mem_src() would reuse ours
    jpeg_mem_src(&jpeg_, dc_scans_.data(), dc_scans_.size());
    jpeg_read_header(&jpeg_, TRUE);
  });
  if (!done) return why();
  if (jpeg_.image_width != info_.width || jpeg_.image_height != info_.height)
    return fail(failure_kind::damaged, "the JPEG file changed while it was read");
  keep_dc_only(jpeg_);
  return {};
}

or_failure<void> jpeg_decoder::decode(row_sink& out, const stop_request& stop) {
  stop_ = &stop;
  if (dc_is_enough()) {
    if (const auto ready = read_dc_only(); !ready) return ready;
  }
  set_output();
  if (!errors_.run([this] { jpeg_start_decompress(&jpeg_); })) return why();
  if (jpeg_.output_width != decoded_width_ || jpeg_.output_height != decoded_height_)
    return fail(failure_kind::damaged, "libjpeg decodes to another size than was asked for");

  constexpr JDIMENSION rows_at_once = 16;
  const std::size_t stride = std::size_t{decoded_width_} * 4;
  std::vector<std::uint8_t> buffer(rows_at_once * stride);
  JSAMPROW rows[rows_at_once];
  for (JDIMENSION i = 0; i < rows_at_once; ++i) rows[i] = buffer.data() + i * stride;
  while (jpeg_.output_scanline < jpeg_.output_height) {
    JDIMENSION got = 0;
    if (!errors_.run([&] { got = jpeg_read_scanlines(&jpeg_, rows, rows_at_once); })) return why();
    for (JDIMENSION i = 0; i < got; ++i) give(out, rows[i]);
  }
  // Reads up to the end-of-image marker: without one the file was cut.
  if (!errors_.run([this] { jpeg_finish_decompress(&jpeg_); })) return why();
  return {};
}

void jpeg_decoder::give(row_sink& out, std::uint8_t* row) const {
  if (inverted_) {
    for (std::size_t i = 0; i < std::size_t{decoded_width_} * 4; ++i)
      row[i] = static_cast<std::uint8_t>(255 - row[i]);
  }
  out.row(row);
}

std::unexpected<failure> jpeg_decoder::why() const {
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  return std::unexpected{errors_.why()};
}

}  // namespace

std::unique_ptr<decoder> jpeg_decoder_for(byte_source file) {
  return std::make_unique<jpeg_decoder>(std::move(file));
}

}  // namespace millpool::thumbs

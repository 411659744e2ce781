#include "apps/millpool/thumbs/codecs.hpp"

#include <algorithm>
#include <gif_lib.h>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

struct close_gif {
  void operator()(GifFileType* gif) const noexcept { DGifCloseFile(gif, nullptr); }
};

// The first frame, on a canvas that is transparent where the frame does not reach.
class gif_decoder final : public decoder {
 public:
  explicit gif_decoder(byte_source file) : decoder{std::move(file)} {}

  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  [[nodiscard]] or_failure<void> find_frame();
  [[nodiscard]] or_failure<void> read_extension();
  [[nodiscard]] or_failure<void> read_frame(const stop_request& stop);
  void give(row_sink& out) const;
  [[nodiscard]] std::unexpected<failure> why(int error) const;

  std::uint64_t offset_ = 0;
  bool hit_end_ = false;
  std::unique_ptr<GifFileType, close_gif> gif_;
  std::optional<GifByteType> transparent_;
  std::vector<GifPixelType> frame_;  // indices into the colour map, frame by frame size
};

or_failure<void> gif_decoder::read_header() {
  const auto read = [](GifFileType* gif, GifByteType* to, int count) {
    auto& self = *static_cast<gif_decoder*>(gif->UserData);
    const auto wanted = static_cast<std::size_t>(count);
    const std::size_t got = self.file_.read_at({to, wanted}, self.offset_);
    self.offset_ += got;
    self.hit_end_ = self.hit_end_ || got < wanted;
    return static_cast<int>(got);
  };
  int error = 0;
  gif_.reset(DGifOpen(this, read, &error));
  if (gif_ == nullptr) return why(error);
  info_.format = image_format::gif;
  info_.pixels = pixel_kind::rgba;
  if (const auto found = find_frame(); !found) return found;
  // A frame may reach beyond what the first header says: the image is then as large as that.
  const GifImageDesc& frame = gif_->Image;
  set_size(static_cast<std::uint32_t>(std::max(gif_->SWidth, frame.Left + frame.Width)),
           static_cast<std::uint32_t>(std::max(gif_->SHeight, frame.Top + frame.Height)));
  return {};
}

std::uint64_t gif_decoder::memory() const {
  return std::uint64_t{info_.width} * info_.height + std::uint64_t{info_.width} * 4 + 128 * 1024;
}

or_failure<void> gif_decoder::decode(row_sink& out, const stop_request& stop) {
  if (const auto done = read_frame(stop); !done) return done;
  give(out);
  return {};
}

// Reads up to the first image's description.
or_failure<void> gif_decoder::find_frame() {
  for (;;) {
    GifRecordType type{};
    if (DGifGetRecordType(gif_.get(), &type) != GIF_OK) return why(gif_->Error);
    if (type == TERMINATE_RECORD_TYPE) return fail(failure_kind::damaged, "GIF: it has no image");
    if (type == EXTENSION_RECORD_TYPE) {
      if (const auto read = read_extension(); !read) return read;
    }
    if (type == IMAGE_DESC_RECORD_TYPE) break;
  }
  if (DGifGetImageDesc(gif_.get()) != GIF_OK) return why(gif_->Error);
  const GifImageDesc& frame = gif_->Image;
  if (frame.Left < 0 || frame.Top < 0 || frame.Width <= 0 || frame.Height <= 0)
    return fail(failure_kind::damaged, "GIF: the first frame has no size");
  if (frame.ColorMap == nullptr && gif_->SColorMap == nullptr)
    return fail(failure_kind::damaged, "GIF: it has no colours");
  return {};
}

or_failure<void> gif_decoder::read_extension() {
  int code = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif_.get(), &code, &block) != GIF_OK) return why(gif_->Error);
  while (block != nullptr) {
    GraphicsControlBlock control{};
    if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) &&
        control.TransparentColor != NO_TRANSPARENT_COLOR) {
      transparent_ = static_cast<GifByteType>(control.TransparentColor);
    }
    if (DGifGetExtensionNext(gif_.get(), &block) != GIF_OK) return why(gif_->Error);
  }
  return {};
}

or_failure<void> gif_decoder::read_frame(const stop_request& stop) {
  const GifImageDesc& frame = gif_->Image;
  const auto width = static_cast<std::size_t>(frame.Width);
  frame_.resize(width * static_cast<std::size_t>(frame.Height));
  const auto line = [&](int y) -> or_failure<void> {
    if (y % 16 == 0 && stop()) return stopped();
    if (DGifGetLine(gif_.get(), frame_.data() + static_cast<std::size_t>(y) * width, frame.Width) !=
        GIF_OK) {
      return why(gif_->Error);
    }
    return {};
  };
  struct pass {
    int first;
    int step;
  };
  constexpr pass interlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  constexpr pass plain[] = {{0, 1}};
  const std::span<const pass> passes =
      frame.Interlace ? std::span<const pass>{interlaced} : std::span<const pass>{plain};
  for (const pass& each : passes) {
    for (int y = each.first; y < frame.Height; y += each.step) {
      if (const auto done = line(y); !done) return done;
    }
  }
  return {};
}

void gif_decoder::give(row_sink& out) const {
  const GifImageDesc& frame = gif_->Image;
  const ColorMapObject& map = frame.ColorMap != nullptr ? *frame.ColorMap : *gif_->SColorMap;
  const std::span colours{map.Colors, static_cast<std::size_t>(map.ColorCount)};
  std::vector<std::uint8_t> row(std::size_t{info_.width} * 4);
  for (int y = 0; y < static_cast<int>(info_.height); ++y) {
    std::fill(row.begin(), row.end(), std::uint8_t{0});
    const int line = y - frame.Top;
    for (int x = 0; line >= 0 && line < frame.Height && x < frame.Width; ++x) {
      const GifPixelType index =
          frame_[static_cast<std::size_t>(line) * static_cast<std::size_t>(frame.Width) +
                 static_cast<std::size_t>(x)];
      if (index == transparent_ || index >= colours.size()) continue;
      std::uint8_t* const pixel = row.data() + static_cast<std::size_t>(frame.Left + x) * 4;
      pixel[0] = colours[index].Red;
      pixel[1] = colours[index].Green;
      pixel[2] = colours[index].Blue;
      pixel[3] = 255;
    }
    out.row(row.data());
  }
}

std::unexpected<failure> gif_decoder::why(int error) const {
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  if (hit_end_) return fail(failure_kind::truncated, "the GIF file ends too early");
  const char* const text = GifErrorString(error);
  return fail(failure_kind::damaged, std::string("GIF: ") + (text == nullptr ? "damaged" : text));
}

}  // namespace

std::unique_ptr<decoder> gif_decoder_for(byte_source file) {
  return std::make_unique<gif_decoder>(std::move(file));
}

}  // namespace millpool::thumbs

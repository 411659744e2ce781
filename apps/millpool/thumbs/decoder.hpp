#pragma once

#include "apps/millpool/thumbs/byte_source.hpp"
#include "apps/millpool/thumbs/failure.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millpool::thumbs {

enum class image_format : std::uint8_t { jpeg, png, webp, gif, tiff, heif };

[[nodiscard]] std::string_view to_string(image_format format) noexcept;

/// What a pixel's four bytes are.
enum class pixel_kind : std::uint8_t {
  rgbx,  ///< the fourth is to be ignored
  rgba,  ///< not premultiplied
  cmyk,  ///< 0: no ink
};

/// What the header says.
struct image_info {
  image_format format = image_format::jpeg;
  std::uint32_t width = 0;   ///< in pixels, as stored
  std::uint32_t height = 0;  ///< as stored
  unsigned orientation = 1;  ///< EXIF's, 1 to 8: how the stored image is to be turned
  pixel_kind pixels = pixel_kind::rgbx;
  bool gray = false;  ///< the three colours are equal
  std::string icc;    ///< the profile's bytes, or empty
};

/// Takes an image's rows, from the top, four bytes a pixel.
class row_sink {
 public:
  virtual ~row_sink() = default;
  virtual void row(const std::uint8_t* pixels) = 0;
};

/// Asked between pieces of work: whether to give up.
using stop_request = std::function<bool()>;

/// One image, from its header to its rows. A file format each.
///
/// Thread safety  none, but one thread may open it and another decode.
class decoder {
 public:
  explicit decoder(byte_source file) : file_{std::move(file)} {}
  decoder(const decoder&) = delete;
  decoder& operator=(const decoder&) = delete;
  virtual ~decoder() = default;

  /// Reads the header, before all else. It is refused as too_big where it is larger than anybody's.
  [[nodiscard]] or_failure<void> open();

  [[nodiscard]] const image_info& info() const noexcept { return info_; }

  /// Bytes that open() read at most, and that may be held.
  [[nodiscard]] std::uint64_t header_bytes() const noexcept { return header_bytes_; }

  /// Before decode(): at least `scale` of the stored size is needed, 0 < scale <= 1. A format that
  /// can decode to less than the full size for less than the full price then does so.
  virtual void shrink_to(double /*scale*/) {}

  /// What decode() will give, in pixels.
  [[nodiscard]] std::uint32_t decoded_width() const noexcept { return decoded_width_; }
  [[nodiscard]] std::uint32_t decoded_height() const noexcept { return decoded_height_; }

  /// The most bytes that decode() will hold, by the header, and beside it.
  [[nodiscard]] virtual std::uint64_t memory() const = 0;

  /// Gives the rows, once. May have given some where it then fails.
  /// \param  stop  asked often: if it says so, decode() fails as interrupted.
  [[nodiscard]] virtual or_failure<void> decode(row_sink& out, const stop_request& stop) = 0;

 protected:
  [[nodiscard]] virtual or_failure<void> read_header() = 0;

  // Full size.
  void set_size(std::uint32_t width, std::uint32_t height) {
    info_.width = decoded_width_ = width;
    info_.height = decoded_height_ = height;
  }

  byte_source file_;
  image_info info_;
  std::uint32_t decoded_width_ = 0;
  std::uint32_t decoded_height_ = 0;

 private:
  std::uint64_t header_bytes_ = 0;
};

/// Reads the header of a file, whatever its name says it is.
[[nodiscard]] or_failure<std::unique_ptr<decoder>> open_image(const std::string& path);

}  // namespace millpool::thumbs

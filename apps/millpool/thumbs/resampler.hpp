#pragma once

#include "apps/millpool/thumbs/decoder.hpp"
#include "apps/millpool/thumbs/image.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millpool::thumbs {

/// The part of the decoded image that becomes a thumbnail, in its pixels.
struct region {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// Which pixels one pixel of the result is made of, along one direction, and how much of each:
/// Lanczos with three lobes, as wide as the result's pixels are.
class kernel {
 public:
  struct span {
    std::uint32_t begin;
    std::uint32_t end;  ///< one behind the last
  };

  /// \param  from, length  what of `in_size` pixels becomes `out_size` pixels.
  kernel(std::uint32_t in_size, double from, double length, std::uint32_t out_size) noexcept;

  [[nodiscard]] span operator[](std::uint32_t out) const noexcept;
  /// Pixels that a span has at most.
  [[nodiscard]] std::size_t most() const noexcept;
  /// To be divided by the sum of the span's weights.
  [[nodiscard]] float weight(std::uint32_t out, std::uint32_t in) const noexcept;

 private:
  [[nodiscard]] double centre_of(std::uint32_t out) const noexcept {
    return from_ + (out + 0.5) * ratio_;
  }

  double from_;
  double ratio_;
  double stretch_;
  double in_size_;
};

/// A kernel as a table, for each row is filtered with it. Down the image each weight is used once.
class filter {
 public:
  struct span {
    std::uint32_t first;
    std::uint32_t count;
    const float* weights;  ///< 1 together
  };

  filter(const kernel& weigh, std::uint32_t out_size);

  [[nodiscard]] span operator[](std::uint32_t out) const noexcept {
    const pixel& each = pixels_[out];
    return {each.first, each.count, weights_.data() + each.weights};
  }

 private:
  struct pixel {
    std::uint32_t first;
    std::uint32_t count;
    std::size_t weights;  // where they begin
  };
  std::vector<pixel> pixels_;
  std::vector<float> weights_;
};

/// Makes a smaller image of rows as they come. It keeps the rows of the result that are not
/// finished, some six, and none of the image: so several sizes can be made in one decode.
///
/// Source  the separable filter of Pillow's and zimg's resize, turned inside out for the rows.
class resampler {
 public:
  /// \param  in_width, in_height  of the rows to come, in pixels.
  /// \param  alpha                the fourth byte is an alpha: colours are weighted by it.
  resampler(std::uint32_t in_width, std::uint32_t in_height, const region& taken,
            std::uint32_t out_width, std::uint32_t out_height, bool alpha);

  /// The next row, in_width x 4 bytes.
  void row(const std::uint8_t* pixels);

  /// After the last row.
  [[nodiscard]] image take() { return std::move(out_); }

  /// The most bytes that it holds.
  [[nodiscard]] static std::uint64_t memory(std::uint32_t in_width, std::uint32_t out_width,
                                            std::uint32_t out_height) noexcept;

 private:
  void load(const std::uint8_t* pixels) noexcept;
  void filter_row() noexcept;
  void add_to(std::uint32_t out_row, float weight) noexcept;
  void finish(std::uint32_t out_row) noexcept;
  [[nodiscard]] float* sum_of(std::uint32_t out_row) noexcept;

  filter across_;
  kernel down_;
  bool alpha_;
  std::uint32_t next_in_ = 0;       // row
  std::uint32_t next_out_ = 0;      // the first row of the result that is not finished
  std::size_t rings_;               // unfinished rows, at most
  std::vector<float> loaded_;       // a row as it came, as numbers
  std::vector<float> narrow_;       // the same, as wide as the result
  std::vector<float> sums_;         // rings_ rows of the result
  std::vector<float> sum_weights_;  // of each of them, so far
  image out_;
};

}  // namespace millpool::thumbs

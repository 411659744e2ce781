#include "apps/millpool/thumbs/resampler.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>

namespace millpool::thumbs {
namespace {

using pixel = std::array<std::uint8_t, 4>;

// f(x, y) gives the pixel.
template <class F>
[[nodiscard]] image resample(std::uint32_t width, std::uint32_t height, const region& taken,
                             std::uint32_t out_width, std::uint32_t out_height, bool alpha, F f) {
  resampler out{width, height, taken, out_width, out_height, alpha};
  std::vector<std::uint8_t> row(std::size_t{width} * 4);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const pixel value = f(x, y);
      std::copy(value.begin(), value.end(), row.begin() + x * 4);
    }
    out.row(row.data());
  }
  return out.take();
}

[[nodiscard]] pixel at(const image& picture, std::uint32_t x, std::uint32_t y) {
  pixel out{};
  std::copy_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>(y * picture.stride() + x * 4), 4,
              out.begin());
  return out;
}

[[nodiscard]] region all_of(double width, double height) {
  return {.x = 0, .y = 0, .width = width, .height = height};
}

// The definition: every pixel of the result is the weighted sum of all pixels, in both directions.
[[nodiscard]] double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= 3) return 0;
  const double angle = std::numbers::pi * x;
  return 3 * std::sin(angle) * std::sin(angle / 3) / (angle * angle);
}
template <class F>
[[nodiscard]] double by_definition(std::uint32_t width, std::uint32_t height, const region& taken,
                                   std::uint32_t out_width, std::uint32_t out_height,
                                   std::uint32_t out_x, std::uint32_t out_y, F f) {
  const double across = taken.width / out_width;
  const double down = taken.height / out_height;
  double sum = 0;
  double weights = 0;
  for (std::uint32_t y = 0; y < height; ++y) {
    const double wy = lanczos((y + 0.5 - taken.y - (out_y + 0.5) * down) / std::max(1.0, down));
    for (std::uint32_t x = 0; x < width; ++x) {
      const double w =
          wy * lanczos((x + 0.5 - taken.x - (out_x + 0.5) * across) / std::max(1.0, across));
      sum += w * f(x, y);
      weights += w;
    }
  }
  return std::clamp(sum / weights, 0.0, 255.0);
}

[[nodiscard]] std::uint8_t pattern(std::uint32_t x, std::uint32_t y) {
  return static_cast<std::uint8_t>((x * 37 + y * 101 + x * y * 7) % 251);
}

TEST(Resampler, IsWhatTheDefinitionSays) {
  struct size {
    std::uint32_t width, height, out_width, out_height;
    region taken;
  };
  for (const size& each : {size{64, 48, 16, 12, all_of(64, 48)}, size{33, 7, 10, 7, all_of(33, 7)},
                           size{50, 50, 9, 13, {.x = 5.5, .y = 3, .width = 40, .height = 31.25}},
                           size{5, 100, 1, 3, all_of(5, 100)}, size{1, 1, 1, 1, all_of(1, 1)}}) {
    const image out = resample(each.width, each.height, each.taken, each.out_width, each.out_height,
                               false, [](std::uint32_t x, std::uint32_t y) {
                                 return pixel{pattern(x, y), 7, 9, 255};
                               });
    for (std::uint32_t y = 0; y < each.out_height; ++y) {
      for (std::uint32_t x = 0; x < each.out_width; ++x) {
        const double wanted = by_definition(each.width, each.height, each.taken, each.out_width,
                                            each.out_height, x, y, pattern);
        ASSERT_NEAR(at(out, x, y)[0], wanted, 0.51) << each.width << " " << x << " " << y;
        ASSERT_EQ(at(out, x, y)[1], 7);
      }
    }
  }
}

TEST(Resampler, TheSameSizeIsTheSameImage) {
  const image out =
      resample(20, 10, all_of(20, 10), 20, 10, false, [](std::uint32_t x, std::uint32_t y) {
        return pixel{pattern(x, y), pattern(y, x), 3, 255};
      });
  for (std::uint32_t y = 0; y < 10; ++y) {
    for (std::uint32_t x = 0; x < 20; ++x) ASSERT_EQ(at(out, x, y)[0], pattern(x, y));
  }
}

TEST(Resampler, WhatIsTransparentGivesNoColour) {
  // Green that nobody sees on the left, red on the right.
  const image out = resample(64, 8, all_of(64, 8), 8, 1, true, [](std::uint32_t x, std::uint32_t) {
    return x < 32 ? pixel{0, 255, 0, 0} : pixel{200, 0, 0, 255};
  });
  EXPECT_EQ(at(out, 0, 0)[3], 0);
  EXPECT_EQ(at(out, 7, 0)[3], 255);
  for (std::uint32_t x = 0; x < 8; ++x) EXPECT_EQ(at(out, x, 0)[1], 0) << x;
  EXPECT_NEAR(at(out, 4, 0)[0], 200, 1);
}

TEST(Resampler, RowsOutsideOfWhatIsTakenDoNotShow) {
  const image out = resample(100, 100, {.x = 40, .y = 40, .width = 20, .height = 20}, 2, 2, false,
                             [](std::uint32_t x, std::uint32_t y) {
                               const bool near = x >= 8 && x < 92 && y >= 8 && y < 92;
                               return near ? pixel{50, 50, 50, 255} : pixel{255, 255, 255, 255};
                             });
  EXPECT_EQ(at(out, 0, 0)[0], 50);
  EXPECT_EQ(at(out, 1, 1)[0], 50);
}

}  // namespace
}  // namespace millpool::thumbs

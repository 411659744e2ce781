#include "apps/millpool/thumbs/image.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millpool::thumbs {
namespace {

// Three pixels wide, two high: abc above def.
[[nodiscard]] image letters() {
  image out{.width = 3, .height = 2, .pixels = {}};
  for (const char each : std::string("abcdef"))
    out.pixels.insert(out.pixels.end(), 4, static_cast<std::uint8_t>(each));
  return out;
}

[[nodiscard]] std::string text(const image& picture) {
  std::string out;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 4) {
    if (i != 0 && i / 4 % picture.width == 0) out += '/';
    out += static_cast<char>(picture.pixels[i]);
  }
  return out;
}

// As EXIF's standard says where the stored first row and first column are to be seen.
TEST(Turned, IsTheImageAsItIsToBeSeen) {
  EXPECT_EQ(text(turned(letters(), 1)), "abc/def");
  EXPECT_EQ(text(turned(letters(), 2)), "cba/fed");
  EXPECT_EQ(text(turned(letters(), 3)), "fed/cba");
  EXPECT_EQ(text(turned(letters(), 4)), "def/abc");
  EXPECT_EQ(text(turned(letters(), 5)), "ad/be/cf");
  EXPECT_EQ(text(turned(letters(), 6)), "da/eb/fc");
  EXPECT_EQ(text(turned(letters(), 7)), "fc/eb/da");
  EXPECT_EQ(text(turned(letters(), 8)), "cf/be/ad");
}

TEST(Turned, AnOrientationThatThereIsNotChangesNothing) {
  EXPECT_EQ(text(turned(letters(), 0)), "abc/def");
  EXPECT_EQ(text(turned(letters(), 9)), "abc/def");
}

TEST(Flatten, PutsTheImageOnWhite) {
  image pixel{.width = 3, .height = 1, .pixels = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 51}};
  flatten(pixel);
  EXPECT_EQ(pixel.pixels,
            (std::vector<std::uint8_t>{10, 20, 30, 255, 255, 255, 255, 255, 204, 224, 244, 255}));
}

}  // namespace
}  // namespace millpool::thumbs

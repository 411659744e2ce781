#include "apps/millpool/thumbs/settings.hpp"

#include <gtest/gtest.h>

namespace millpool::thumbs {
namespace {

TEST(OutputName, KeepsTheNameAndAddsTheEndingWhereItIsAnother) {
  EXPECT_EQ(output_name("a/b.jpg", output_format::jpeg), "a/b.jpg");
  EXPECT_EQ(output_name("a/b.JPEG", output_format::jpeg), "a/b.JPEG");
  EXPECT_EQ(output_name("a/b.png", output_format::jpeg), "a/b.png.jpg");
  EXPECT_EQ(output_name("a/b.jpg", output_format::webp), "a/b.jpg.webp");
  EXPECT_EQ(output_name("a/b.PNG", output_format::png), "a/b.PNG");
  EXPECT_EQ(output_name("a.png/b", output_format::png), "a.png/b.png");
  EXPECT_EQ(output_name("a/.png", output_format::png), "a/.png.png");
}

TEST(FormatFor, IsTheSourcesOwnOnlyIfThatWasAskedFor) {
  thumbnail_settings settings;
  EXPECT_EQ(format_for(image_format::png, settings), output_format::jpeg);
  settings.format.reset();
  EXPECT_EQ(format_for(image_format::jpeg, settings), output_format::jpeg);
  EXPECT_EQ(format_for(image_format::png, settings), output_format::png);
  EXPECT_EQ(format_for(image_format::webp, settings), output_format::webp);
  EXPECT_EQ(format_for(image_format::gif, settings), output_format::png);
  EXPECT_EQ(format_for(image_format::tiff, settings), output_format::png);
  EXPECT_EQ(format_for(image_format::heif, settings), output_format::jpeg);
}

TEST(IsImageName, GoesByTheEnding) {
  for (const char* name : {"a.jpg", "a.JPG", "a.jpeg", "a.png", "a.webp", "a.gif", "a.tif",
                           "a.TIFF", "a.heic", "a.avif", "a.b.jfif", ".hidden.jpg"})
    EXPECT_TRUE(is_image_name(name)) << name;
  for (const char* name : {"a", "a.txt", "jpg", ".jpg", "a.jpg.txt", "a.", "a.jpgx", ""})
    EXPECT_FALSE(is_image_name(name)) << name;
}

}  // namespace
}  // namespace millpool::thumbs

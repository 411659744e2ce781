#include "apps/millpool/thumbs/jpeg_metadata.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millpool::thumbs {
namespace {

using namespace std::string_literals;

[[nodiscard]] std::string segment(char code, const std::string& content) {
  const std::size_t length = content.size() + 2;
  return "\xff"s + code + static_cast<char>(length >> 8) + static_cast<char>(length & 0xff) +
         content;
}

[[nodiscard]] std::string profile_part(char number, char count, const std::string& part) {
  return segment('\xe2', "ICC_PROFILE\0"s + number + count + part);
}

[[nodiscard]] jpeg_metadata read(const std::string& segments) {
  const test::scratch folder;
  folder.write("file", "\xff\xd8" + segments + segment('\xda', std::string(50, '\0')));
  auto file = byte_source::open(folder.path("file")).value();
  return read_jpeg_metadata(file);
}

TEST(JpegMetadata, JoinsTheProfileInTheOrderOfItsNumbers) {
  EXPECT_EQ(
      read(profile_part(2, 3, "bb") + profile_part(1, 3, "a") + profile_part(3, 3, "ccc")).icc,
      "abbccc");
  EXPECT_EQ(read(profile_part(1, 2, "a")).icc, "") << "a part is missing";
  EXPECT_EQ(read(segment('\xe2', "MPF\0 and more of it"s)).icc, "");
}

TEST(JpegMetadata, FindsTheOrientationBehindPaddingAndOtherSegments) {
  const std::string exif = segment('\xe1',
                                   "Exif\0\0MM\0*\0\0\0\x08\0\x01"
                                   "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"s);
  EXPECT_EQ(read(exif).orientation, 6U);
  const std::string other = segment('\xe0', "JFIF") + segment('\xe1', std::string(65533, 'x'));
  EXPECT_EQ(read(other + "\xff\xff" + exif).orientation, 6U);
  EXPECT_EQ(read("").orientation, 1U);
}

}  // namespace
}  // namespace millpool::thumbs

#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::thumbs {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

[[nodiscard]] unsigned orientation_in(std::string_view bytes) {
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());  // its end is watched
  return exif_orientation(copy);
}

constexpr auto little = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"sv;
constexpr auto big = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0"sv;

TEST(ExifOrientation, IsReadInBothByteOrders) {
  EXPECT_EQ(orientation_in(little), 6U);
  EXPECT_EQ(orientation_in(big), 8U);
}

TEST(ExifOrientation, TheMarkersPrefixIsSkipped) {
  EXPECT_EQ(orientation_in("Exif\0\0"s + std::string(little)), 6U);
}

TEST(ExifOrientation, OtherEntriesArePassedOver) {
  auto two = std::string("II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x01\0\0\0ABC\0"sv);
  two += std::string(little.substr(10));
  EXPECT_EQ(orientation_in(two), 6U);
}

TEST(ExifOrientation, WhatMakesNoSenseIsUpright) {
  EXPECT_EQ(orientation_in(""), 1U);
  EXPECT_EQ(orientation_in("IM*\0\x08\0\0\0"sv), 1U);
  EXPECT_EQ(orientation_in("II+\0\x08\0\0\0"sv), 1U);
  EXPECT_EQ(orientation_in("II*\0\xff\xff\xff\xff"sv), 1U);
  auto nine = std::string(little);
  nine[18] = 9;
  EXPECT_EQ(orientation_in(nine), 1U);
  nine[18] = 0;
  EXPECT_EQ(orientation_in(nine), 1U);
  auto no_short = std::string(little);
  no_short[12] = 4;
  EXPECT_EQ(orientation_in(no_short), 1U);
}

TEST(ExifOrientation, ABlockThatIsCutAnywhereIsUpright) {
  for (std::size_t size = 0; size < 20; ++size)
    EXPECT_EQ(orientation_in(little.substr(0, size)), 1U) << size;
}

}  // namespace
}  // namespace millpool::thumbs

#include "apps/millpool/thumbs/geometry.hpp"

#include <gtest/gtest.h>

namespace millpool::thumbs {
namespace {

TEST(ParseSizes, ReadsSquaresBoxesAndLists) {
  EXPECT_EQ(parse_sizes("256").value(), (std::vector<box>{{256, 256}}));
  EXPECT_EQ(parse_sizes("640x480,1").value(), (std::vector<box>{{640, 480}, {1, 1}}));
  EXPECT_EQ(parse_sizes("9,9x9,8").value(), (std::vector<box>{{9, 9}, {8, 8}}));
  EXPECT_EQ(parse_sizes("16383").value().front().width, 16383U);
}

TEST(ParseSizes, RefusesAllElseWithASentence) {
  for (const char* bad : {"", "0", "0x5", "5x0", "x", "5x", "x5", "5x5x5", "-5", "+5", "5,", ",5",
                          "5,,5", "16384", "4294967297", "99999999999999999999", "5 ", "5.5"}) {
    const auto parsed = parse_sizes(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_NE(parsed.error().find("'" + std::string(bad) + "'"), std::string::npos);
  }
}

TEST(Box, IsWrittenAsItIsRead) {
  EXPECT_EQ(to_string(box{256, 256}), "256");
  EXPECT_EQ(to_string(box{640, 480}), "640x480");
}

TEST(Place, ContainKeepsAllOfItInTheBox) {
  const placement p = place(4000, 3000, 1, {256, 256}, fit_mode::contain);
  EXPECT_EQ(p.out_width, 256U);
  EXPECT_EQ(p.out_height, 192U);
  EXPECT_EQ(p.width, 4000);
  EXPECT_EQ(p.height, 3000);
  EXPECT_DOUBLE_EQ(p.scale(), 0.064);
}

TEST(Place, CoverFillsTheBoxFromTheMiddle) {
  const placement p = place(4000, 3000, 1, {200, 200}, fit_mode::cover);
  EXPECT_EQ(p.out_width, 200U);
  EXPECT_EQ(p.out_height, 200U);
  EXPECT_DOUBLE_EQ(p.x, 500);
  EXPECT_DOUBLE_EQ(p.width, 3000);
  EXPECT_DOUBLE_EQ(p.y, 0);
}

TEST(Place, TheBoxIsMeantForTheImageAsItIsSeen) {
  const placement p = place(4000, 3000, 6, {300, 9999}, fit_mode::contain);
  EXPECT_EQ(p.out_width, 400U);  // stored, so 300 x 400 when it is turned
  EXPECT_EQ(p.out_height, 300U);
}

TEST(Place, NothingIsEnlarged) {
  const placement all = place(100, 50, 1, {256, 256}, fit_mode::contain);
  EXPECT_EQ(all.out_width, 100U);
  EXPECT_EQ(all.out_height, 50U);
  const placement part = place(100, 50, 1, {256, 256}, fit_mode::cover);
  EXPECT_EQ(part.out_width, 50U);
  EXPECT_EQ(part.out_height, 50U);
  EXPECT_LE(part.scale(), 1.0);
}

TEST(Place, AThinImageKeepsAPixel) {
  const placement p = place(60000, 1, 1, {16, 16}, fit_mode::contain);
  EXPECT_EQ(p.out_width, 16U);
  EXPECT_EQ(p.out_height, 1U);
}

}  // namespace
}  // namespace millpool::thumbs

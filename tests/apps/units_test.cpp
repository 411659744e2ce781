#include "apps/support/units.hpp"

#include <gtest/gtest.h>

namespace millpool::app {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("90"), 90s);
  EXPECT_EQ(parse_duration(".5"), 500ms);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("1d2h3m4s"), 26h + 3min + 4s);
}

TEST(Units, RefusesWhatIsNoDuration) {
  for (const char* text :
       {"", "s", "-1", "1x", "1e3", "inf", "0x10", "1..5", "1 s", "99999999999"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, ReadsSizesAsGnuParallelDoes) {
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("1K"), 1024u);
  EXPECT_EQ(parse_size("1k"), 1000u);
  EXPECT_EQ(parse_size("1.5G"), 1610612736u);
  for (const char* text : {"", "K", "1KK", "1KB", "-1", "9999999P"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, ShowsDurationsInTwoUnitsAtMost) {
  EXPECT_EQ(show_duration(8s), "8s");
  EXPECT_EQ(show_duration(185s), "3m05s");
  EXPECT_EQ(show_duration(2h + 7min), "2h07m");
  EXPECT_EQ(show_duration(107h), "4d11h");
}

}  // namespace
}  // namespace millpool::app

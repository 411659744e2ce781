#include "apps/millpool/logs/timestamp.hpp"

#include <gtest/gtest.h>

namespace millpool::logs {
namespace {

constexpr unix_ms noon = 1431864303000;  // 2015-05-17 12:05:03 UTC, as date(1) says

TEST(Timestamp, ReadsTheTimesOfAccessLogs) {
  EXPECT_EQ(parse_time("17/May/2015:12:05:03 +0000", 1970), noon);
  EXPECT_EQ(parse_time("17/May/2015:14:05:03 +0200", 1970), noon);
  EXPECT_EQ(parse_time("17/May/2015:06:35:03 -0530", 1970), noon);
  EXPECT_EQ(parse_time("29/Feb/2016:00:00:00 +0000", 1970), 1456704000000);
}

TEST(Timestamp, ReadsIsoTimes) {
  for (const char* text :
       {"2015-05-17T12:05:03Z", "2015-05-17 12:05:03", "2015-05-17T12:05:03+00:00",
        "2015-05-17T14:05:03+0200", "2015-05-17 12:05:03 Z", "2015-05-17T12:05:03.000000Z"}) {
    EXPECT_EQ(parse_time(text, 1970), noon) << text;
  }
  EXPECT_EQ(parse_time("2015-05-17T12:05:03.25Z", 1970), noon + 250);
  EXPECT_EQ(parse_time("2015-05-17T12:05:03,2567Z", 1970), noon + 256);
  EXPECT_EQ(parse_time("2015-05-17T12:05", 1970), noon - 3000);
  EXPECT_EQ(parse_time("2015-05-17", 1970), 1431820800000);
}

TEST(Timestamp, ReadsSyslogTimesInTheYearThatItIsTold) {
  EXPECT_EQ(parse_time("May 17 12:05:03", 2015), noon);
  EXPECT_EQ(parse_time("Mar  1 00:00:00", 2016), 1456790400000);
  EXPECT_EQ(parse_time("Feb 29 00:00:00", 2015), std::nullopt);
}

TEST(Timestamp, ReadsSecondsSince1970AndFinerUnits) {
  EXPECT_EQ(parse_time("1431864303", 1970), noon);
  EXPECT_EQ(parse_time("1431864303.25", 1970), noon + 250);
  EXPECT_EQ(parse_time("1431864303000", 1970), noon);
  EXPECT_EQ(parse_time("1431864303000000", 1970), noon);
  EXPECT_EQ(parse_time("1431864303000000000", 1970), noon);
  EXPECT_EQ(parse_time("0", 1970), 0);
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "x", "17/May/2015:12:05:03", "17/Mai/2015:12:05:03 +0000", "31/Apr/2015:12:05:03 +0000",
        "17/May/2015:24:05:03 +0000", "17/May/2015:12:60:03 +0000", "17/May/2015:12:05:61 +0000",
        "2015-13-17", "2015-05-17T", "2015-05-17T12", "2015-05-17T12:05:03+",
        "2015-05-17T12:05:03.", "2015-05-17T12:05:03Zx", "May 17", "Mayor 17 12:05:03", "-5",
        "1e300", "aMayx"}) {
    EXPECT_EQ(parse_time(text, 1970), std::nullopt) << text;
  }
}

TEST(Timestamp, TheReaderSaysWhatParseTimeSays) {
  time_reader reader{2015};
  for (const char* text :
       {"17/May/2015:12:05:03 +0000", "17/May/2015:12:05:59 +0000", "17/May/2015:12:05:59 +0100",
        "17/May/2015:12:05:6x +0000", "17/May/2015:12:05:x0 +0000", "17/May/2015:12:05:60 +0000",
        "17/May/2015:12:05:00 +0000", "17/May/2015:12:06:00 +0000", "17/Xay/2015:12:06:00 +0000",
        "17/Xay/2015:12:06:01 +0000", "17/May/2016:12:06:00 +0000", "2015-05-17T12:05:03.00000Z",
        "17/May/2015:12:05:61 +0000", "17/May/2015:12:05:03 +0000"}) {
    EXPECT_EQ(reader.read(text), parse_time(text, 2015)) << text;
  }
}

TEST(Timestamp, ShowsNoMoreThanABucketTells) {
  EXPECT_EQ(show_time(noon, 1000), "2015-05-17 12:05:03");
  EXPECT_EQ(show_time(noon, 60'000), "2015-05-17 12:05");
  EXPECT_EQ(show_time(noon, 86'400'000), "2015-05-17");
  EXPECT_EQ(show_time(-1000, 1000), "1969-12-31 23:59:59");
}

}  // namespace
}  // namespace millpool::logs

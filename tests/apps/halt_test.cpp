#include "apps/millpool/run/halt.hpp"

#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using enum halt_policy::when;

halt_monitor monitor(std::string_view policy) { return halt_monitor{parse_halt(policy).value()}; }

TEST(Halt, ReadsEveryForm) {
  EXPECT_EQ(parse_halt("never")->stop, never);
  EXPECT_EQ(parse_halt("soon,fail=3")->count, 3u);
  EXPECT_EQ(parse_halt("now,success=1")->counted, halt_policy::event::success);
  EXPECT_DOUBLE_EQ(parse_halt("now,done=12.5%")->percent, 12.5);
  EXPECT_EQ(parse_halt("2")->stop, now);
}

TEST(Halt, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "now", "now,fail", "now,fail=0", "later,fail=1", "now,fail=101%",
                           "now,fail=-1", "now,fail=0%", "fail=1,now", "now,crash=1", "3"}) {
    EXPECT_FALSE(parse_halt(text)) << text;
  }
}

TEST(Halt, CountsFailuresOnly) {
  auto halt = monitor("now,fail=2");
  EXPECT_EQ(halt.count(true, {}), never);
  EXPECT_EQ(halt.count(false, {}), never);
  EXPECT_EQ(halt.count(true, {}), never);
  EXPECT_EQ(halt.count(false, {}), now);
  EXPECT_EQ(halt.count(false, {}), never) << "it halts once";
  EXPECT_EQ(halt.failed(), 3u);
}

TEST(Halt, CountsSuccessesOrAllJobs) {
  auto success = monitor("soon,success=1");
  EXPECT_EQ(success.count(false, {}), never);
  EXPECT_EQ(success.count(true, {}), soon);
  auto done = monitor("soon,done=2");
  EXPECT_EQ(done.count(false, {}), never);
  EXPECT_EQ(done.count(true, {}), soon);
}

TEST(Halt, TakesAPercentageOfAllJobsWhereTheirNumberIsKnown) {
  auto halt = monitor("now,fail=20%");
  EXPECT_EQ(halt.count(false, 10), never);
  EXPECT_EQ(halt.count(false, 10), now);
}

TEST(Halt, TakesAPercentageOfEndedJobsElseFromTheThirdOn) {
  auto halt = monitor("now,fail=50%");
  EXPECT_EQ(halt.count(false, {}), never);
  EXPECT_EQ(halt.count(false, {}), never);
  EXPECT_EQ(halt.count(true, {}), never) << "a success is no reason to halt for failures";
  EXPECT_EQ(halt.count(false, {}), now);
}

}  // namespace
}  // namespace millpool::run

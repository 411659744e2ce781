#include "millpool/policy/codel.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

struct codel_fixture {
  manual_clock time;
  codel overload{{.time = &time}};

  // Tasks that have waited so long, one a millisecond. \return how many were shed.
  int serve(int times, milliseconds waited) {
    int shed = 0;
    for (int i = 0; i < times; ++i) {
      shed += overload.should_shed(waited);
      time.advance(milliseconds{1});
    }
    return shed;
  }
};

TEST(Codel, ShedsNothingWhileWaitsAreShort) {
  codel_fixture f;
  EXPECT_EQ(f.serve(1000, milliseconds{5}), 0);
  EXPECT_FALSE(f.overload.is_overloaded());
}

TEST(Codel, ShedsNothingOfABurstThatDrainsWithinTheInterval) {
  codel_fixture f;
  int shed = 0;
  for (int i = 0; i < 50; ++i) {
    shed += f.serve(90, milliseconds{500});
    shed += f.serve(10, milliseconds{1});
  }
  EXPECT_EQ(shed, 0);
}

TEST(Codel, ShedsAStandingQueueFromTheSecondIntervalOn) {
  codel_fixture f;
  EXPECT_EQ(f.serve(100, milliseconds{50}), 0);
  EXPECT_EQ(f.serve(100, milliseconds{50}), 99);  // the first one ends the interval
  EXPECT_TRUE(f.overload.is_overloaded());
  EXPECT_EQ(f.serve(100, milliseconds{10}), 0);  // twice the target is not beyond it
}

TEST(Codel, EndsWithTheFirstIntervalThatHasAShortWait) {
  codel_fixture f;
  (void)f.serve(200, milliseconds{50});
  (void)f.serve(99, milliseconds{50});
  EXPECT_FALSE(f.overload.should_shed(milliseconds{1}));
  f.time.advance(milliseconds{1});
  EXPECT_EQ(f.serve(100, milliseconds{50}), 0);
}

TEST(Codel, ARestIsNoOverload) {
  codel_fixture f;
  (void)f.serve(200, milliseconds{50});
  f.time.advance(hours{1});
  EXPECT_EQ(f.overload.pressure(), 0.0);
  EXPECT_EQ(f.serve(100, milliseconds{50}), 0);
}

TEST(Codel, TellsThePressure) {
  codel_fixture f;
  (void)f.serve(10, milliseconds{5});
  EXPECT_EQ(f.overload.pressure(), 0.5);
  (void)f.serve(10, milliseconds{2});
  EXPECT_EQ(f.overload.pressure(), 0.2);
}

TEST(Codel, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW((codel{{.target = {}}}), std::invalid_argument);
  EXPECT_THROW((codel{{.target = milliseconds{5}, .interval = milliseconds{4}}}),
               std::invalid_argument);
  EXPECT_THROW((codel{{.time = nullptr}}), std::invalid_argument);
}

TEST(Codel, Stress_OneOfAnIntervalIsAlwaysServed) {
  manual_clock time;
  codel overload{{.time = &time}};
  for (int round = 0; round < test::scaled(200); ++round) {
    std::atomic<int> served{0};
    test::run_together(4, [&](int) { served += !overload.should_shed(milliseconds{50}); });
    ASSERT_GE(served.load(), 1);
    time.advance(milliseconds{100});
  }
}

}  // namespace
}  // namespace millpool

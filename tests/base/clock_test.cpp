// Clocks: deadlines do not overflow, and a test's clock moves only when it is told.
#include "millpool/base/clock.hpp"

#include "millpool/base/manual_clock.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace millpool {
namespace {

using namespace std::chrono_literals;

constexpr time_point noon{12h};

TEST(DeadlineAfter, AddsTheWait) { EXPECT_EQ(deadline_after(noon, 5ns), noon + 5ns); }

TEST(DeadlineAfter, TakesANegativeWaitForNone) {
  EXPECT_EQ(deadline_after(noon, -1h), noon);
  EXPECT_EQ(deadline_after(noon, duration::min()), noon);
  EXPECT_EQ(deadline_after(noon, 0ns), noon);
}

TEST(DeadlineAfter, IsNoDeadlineWhereTheSumWouldOverflow) {
  EXPECT_EQ(deadline_after(noon, duration::max()), no_deadline);
  EXPECT_EQ(deadline_after(noon, no_deadline - noon), no_deadline);
  EXPECT_EQ(deadline_after(noon, no_deadline - noon - 1ns), no_deadline - 1ns);
  EXPECT_EQ(deadline_after(no_deadline, 1h), no_deadline);
}

TEST(SteadyClock, NeverGoesBackAndIsOneObject) {
  const time_point first = steady().now();
  EXPECT_LE(first, steady().now());
  EXPECT_EQ(&steady(), &steady());
}

TEST(SteadyClock, LetsAWaiterSleepUntilItsDeadline) {
  EXPECT_EQ(steady().look_again(noon), noon);
  EXPECT_EQ(steady().look_again(no_deadline), no_deadline);
}

TEST(ManualClock, StandsStillUntilItIsAdvanced) {
  manual_clock clock{noon};
  EXPECT_EQ(clock.now(), noon);
  clock.advance(1h);
  EXPECT_EQ(clock.now(), noon + 1h);
  clock.advance(0ns);
  EXPECT_EQ(clock.now(), noon + 1h);
}

TEST(ManualClock, LetsAWaiterWithoutADeadlineSleepForEver) {
  EXPECT_EQ(manual_clock{}.look_again(no_deadline), no_deadline);
}

TEST(ManualClock, ShowsWhatWasDoneBeforeItWasAdvanced) {
  manual_clock clock{noon};
  int value = 0;
  std::jthread mover{[&] {
    value = 1;
    clock.advance(1h);
  }};
  while (clock.now() == noon) std::this_thread::yield();
  EXPECT_EQ(value, 1);
}

}  // namespace
}  // namespace millpool

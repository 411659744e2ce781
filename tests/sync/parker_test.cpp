// parker: a token wakes its owner, now or later. The interleavings: tests/model/parker_model.cpp.
#include "millpool/sync/parker.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/watched_clock.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace millpool {
namespace {

using namespace std::chrono_literals;

TEST(Parker, TakesATokenThatCameBefore) {
  parker bed;
  bed.unpark();
  bed.park();
}

TEST(Parker, TakesTwoTokensForOne) {
  manual_clock time;
  parker bed;
  bed.unpark();
  bed.unpark();
  bed.park();
  EXPECT_FALSE(bed.park_until(time, time.now()));
}

TEST(Parker, WakesWhenATokenComesWhileItSleeps) {
  const test::watched_clock time;
  parker bed;
  std::jthread waker{[&] {
    time.await_waits(1);
    bed.unpark();
  }};
  EXPECT_TRUE(bed.park_until(time, test::watched_clock::never()));
}

TEST(Parker, GivesUpAtItsDeadlineAndNotBefore) {
  manual_clock time;
  parker bed;
  const time_point until = time.now() + 1h;
  std::jthread mover{[&] {
    time.advance(59min);
    time.advance(1min);
  }};
  EXPECT_FALSE(bed.park_until(time, until));
  EXPECT_GE(time.now(), until);
}

TEST(Parker, TakesATokenEvenAfterItsDeadline) {
  manual_clock time;
  parker bed;
  bed.unpark();
  EXPECT_TRUE(bed.park_until(time, time.now() - 1h));
  EXPECT_FALSE(bed.park_until(time, time.now() - 1h));
}

TEST(Parker, ParksAgainAfterItGaveUp) {
  manual_clock time;
  parker bed;
  EXPECT_FALSE(bed.park_until(time, time.now()));
  std::jthread waker{[&] { bed.unpark(); }};
  bed.park();
}

TEST(Parker, Stress_TwoThreadsWakeEachOtherAndSeeWhatTheOtherDid) {
  const int rounds = test::scaled(20'000);
  parker here;
  parker there;
  int ball = 0;  // plain on purpose: the token alone orders it
  std::jthread other{[&] {
    for (int i = 0; i < rounds; ++i) {
      there.park();
      ++ball;
      here.unpark();
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    ++ball;
    there.unpark();
    here.park();
    ASSERT_EQ(ball, 2 * (i + 1));
  }
}

}  // namespace
}  // namespace millpool

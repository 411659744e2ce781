// wait_until: what is true is told as true, however late; a deadline is one of the injected clock.
#include "millpool/base/manual_clock.hpp"
#include "millpool/sync/mutex.hpp"
#include "tests/support/watched_clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

namespace millpool {
namespace {

using namespace std::chrono_literals;

struct WaitUntil : testing::Test {
  mutex guard;
  condition_variable changed;
  manual_clock time;
  bool fact = false;
};

TEST_F(WaitUntil, DoesNotWaitForWhatIsTrueAlready) {
  fact = true;
  unique_lock lock{guard};
  EXPECT_TRUE(wait_until(changed, lock, time, time.now() - 1h, [&] { return fact; }));
}

TEST_F(WaitUntil, DoesNotWaitWhenTheDeadlineHasPassed) {
  unique_lock lock{guard};
  EXPECT_FALSE(wait_until(changed, lock, time, time.now(), [&] { return fact; }));
  EXPECT_TRUE(lock.owns_lock());
}

TEST_F(WaitUntil, GivesUpWhenTheClockReachesTheDeadline) {
  const time_point until = time.now() + 1h;
  std::jthread mover{[&] { time.advance(1h); }};
  unique_lock lock{guard};
  EXPECT_FALSE(wait_until(changed, lock, time, until, [&] { return fact; }));
  EXPECT_GE(time.now(), until);
}

TEST_F(WaitUntil, WakesAtANotifyThatMadeItTrue) {
  const test::watched_clock still;
  std::jthread other{[&] {
    still.await_waits(1);
    const lock_guard lock{guard};
    fact = true;
    changed.notify_one();
  }};
  unique_lock lock{guard};
  EXPECT_TRUE(wait_until(changed, lock, still, test::watched_clock::never(), [&] { return fact; }));
}

TEST_F(WaitUntil, WithoutADeadlineReadsNoClock) {
  struct no_clock final : clock {
    [[nodiscard]] time_point now() const noexcept override { std::abort(); }
    [[nodiscard]] time_point look_again(time_point) const noexcept override { std::abort(); }
  } const never_read;
  std::jthread other{[&] {
    const lock_guard lock{guard};
    fact = true;
    changed.notify_one();
  }};
  unique_lock lock{guard};
  EXPECT_TRUE(wait_until(changed, lock, never_read, no_deadline, [&] { return fact; }));
}

}  // namespace
}  // namespace millpool

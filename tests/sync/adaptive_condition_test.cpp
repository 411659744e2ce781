// adaptive_condition: a notify wakes whoever waits, and costs nothing where nobody does. The
// interleavings: tests/model/mutex_model.cpp.
#include "millpool/sync/adaptive_condition.hpp"

#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/without_system_calls.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using lock_of = std::unique_lock<adaptive_mutex>;

time_point now() { return std::chrono::steady_clock::now(); }

struct AdaptiveCondition : testing::Test {
  adaptive_mutex guard;
  adaptive_condition changed;
};

TEST_F(AdaptiveCondition, CallsTheSystemForNothingWhereNobodyWaits) {
  test::expect_no_system_call([&] {
    const std::lock_guard lock{guard};
    changed.notify_one();
    changed.notify_all();
  });
}

TEST_F(AdaptiveCondition, CallsTheSystemForNothingAfterThoseWhoWaitedHaveLeft) {
  lock_of lock{guard};
  for (int i = 0; i < 3; ++i) changed.wait_until(lock, now() + 1ms);
  lock.unlock();
  test::expect_no_system_call([&] {
    const std::lock_guard again{guard};
    changed.notify_one();
    changed.notify_all();
  });
}

// Two waiters, one notify each, and the second comes before the first waiter has got the mutex:
// the first is not counted twice.
TEST_F(AdaptiveCondition, WakesAsManyAsItWasNotified) {
  int waiting = 0;
  int tokens = 0;
  std::atomic<int> through{0};
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 2; ++i) {
    waiters.emplace_back([&] {
      lock_of lock{guard};
      ++waiting;
      changed.wait(lock, [&] { return tokens > 0; });
      --tokens;
      ++through;
    });
  }
  for (bool both = false; !both; std::this_thread::yield()) {
    const std::lock_guard lock{guard};
    both = waiting == 2;
  }
  {
    const std::lock_guard lock{guard};
    tokens = 2;
    changed.notify_one();
    changed.notify_one();
  }
  waiters.clear();
  EXPECT_EQ(through, 2);
}

TEST_F(AdaptiveCondition, WakesAllAtNotifyAll) {
  bool fact = false;
  int waiting = 0;
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 8; ++i) {
      waiters.emplace_back([&] {
        lock_of lock{guard};
        ++waiting;
        changed.wait(lock, [&] { return fact; });
      });
    }
    for (bool all = false; !all; std::this_thread::yield()) {
      const std::lock_guard lock{guard};
      all = waiting == 8;
    }
    const std::lock_guard lock{guard};
    fact = true;
    changed.notify_all();
  }
  EXPECT_TRUE(fact);
}

TEST_F(AdaptiveCondition, WaitsNoShorterThanItsLimitUnlessItIsWokenAndHoldsTheMutexAfter) {
  lock_of lock{guard};
  const time_point until = now() + 5ms;
  while (now() < until) changed.wait_until(lock, until);
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_FALSE(guard.try_lock());
}

TEST_F(AdaptiveCondition, ReturnsAtOnceWhenItsLimitHasPassed) {
  lock_of lock{guard};
  changed.wait_until(lock, now() - 1h);
  changed.wait_until(lock, time_point::min());
  EXPECT_TRUE(lock.owns_lock());
}

// Half of the consumers have a limit that is always about to pass: a wake that comes then is not
// lost on them while another sleeps on without one.
TEST_F(AdaptiveCondition, Stress_NoWakeIsLostOnAWaiterThatGivesUp) {
  const int items = test::scaled(20'000);
  int ready = 0;
  int taken = 0;
  test::run_together(5, [&](int thread) {
    if (thread == 0) {
      for (int i = 0; i < items; ++i) {
        const std::lock_guard lock{guard};
        ++ready;
        changed.notify_one();
      }
      return;
    }
    lock_of lock{guard};
    while (taken < items) {
      if (ready > 0) {
        --ready;
        if (++taken == items) changed.notify_all();
      } else if (thread % 2 == 0) {
        changed.wait(lock, [&] { return ready > 0 || taken == items; });
      } else {
        changed.wait_until(lock, now() + 20us);
      }
    }
  });
  EXPECT_EQ(taken, items);
  EXPECT_EQ(ready, 0);
}

TEST_F(AdaptiveCondition, Stress_TwoThreadsHandABallToEachOther) {
  const int rounds = test::scaled(10'000);
  int ball = 0;
  test::run_together(2, [&](int side) {
    for (int i = 0; i < rounds; ++i) {
      lock_of lock{guard};
      changed.wait(lock, [&] { return ball % 2 == side; });
      ++ball;
      changed.notify_one();
    }
  });
  EXPECT_EQ(ball, 2 * rounds);
}

}  // namespace
}  // namespace millpool

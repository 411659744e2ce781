// futex: a sleep ends in time on every kernel, also on one that does not know futex(2).
#include "millpool/sync/futex.hpp"

#include "millpool/sync/parker.hpp"
#include "tests/support/injected_calls.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <linux/futex.h>
#include <thread>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::injected_calls;

constexpr system_calls no_futex{test::refused_futex<ENOSYS>, test::refused_membarrier<ENOSYS>};
constexpr system_calls filtered{test::refused_futex<EPERM>, test::refused_membarrier<EPERM>};

// The kernel's futex, but a signal comes first at every second sleep. A wake is never interrupted.
std::atomic<unsigned> interrupted_calls{0};
long often_interrupted(const void* word, int operation, std::uint32_t value,
                       const timespec* until) noexcept {
  const bool sleeps = operation == FUTEX_WAIT_BITSET_PRIVATE;
  if (sleeps && interrupted_calls.fetch_add(1) % 2 == 0) return -EINTR;
  return kernel_calls.futex(word, operation, value, until);
}
constexpr system_calls interrupted{often_interrupted, test::refused_membarrier<ENOSYS>};

std::atomic<int> counted_calls{0};
long counted_refusal(const void*, int, std::uint32_t, const timespec*) noexcept {
  counted_calls.fetch_add(1);
  return -ENOSYS;
}
constexpr system_calls counted{counted_refusal, test::refused_membarrier<ENOSYS>};

TEST(Futex, ReturnsAtOnceIfTheWordDiffers) {
  atomic<std::uint32_t> word{1};
  futex_wait(word, 0);
}

TEST(Futex, ReturnsAtOnceIfTheWordDiffersAndTheKernelHasNoFutex) {
  const injected_calls broken{no_futex};
  atomic<std::uint32_t> word{1};
  futex_wait(word, 0);
}

TEST(Futex, WakesNobodyAndHarmsNobodyWithoutAKernelThatWakes) {
  const injected_calls broken{no_futex};
  atomic<std::uint32_t> word{0};
  futex_wake(word, 1);
}

void expect_sleeps_until(time_point until) {
  atomic<std::uint32_t> word{0};
  while (steady().now() < until) futex_wait_until(word, 0, until);
}

TEST(Futex, SleepsUntilItsDeadline) { expect_sleeps_until(steady().now() + 2ms); }

TEST(Futex, ReturnsAtOnceAfterItsDeadline) {
  atomic<std::uint32_t> word{0};
  futex_wait_until(word, 0, steady().now() - 1h);
  const injected_calls broken{no_futex};
  futex_wait_until(word, 0, steady().now() - 1h);
}

TEST(Futex, LooksAgainNoOftenerThanTheNapsAllowWithoutAKernelThatSleeps) {
  const injected_calls broken{counted};
  counted_calls = 0;
  const time_point begin = steady().now();
  expect_sleeps_until(begin + 20ms);
  // A nap may be longer than 0.5 ms, never shorter: a busy machine makes the count smaller. The
  // last one is cut off by the deadline, and may leave some nanoseconds for one more.
  EXPECT_LE(counted_calls.load(), (steady().now() - begin) / 500us + 3);
}

/// Two threads wake each other in turn: each must come out of every sleep.
void expect_no_wake_is_lost(int rounds) {
  parker here;
  parker there;
  std::jthread other{[&] {
    for (int i = 0; i < rounds; ++i) {
      there.park();
      here.unpark();
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    there.unpark();
    here.park();
  }
}

TEST(Futex, LosesNoWakeOnAKernelThatHasIt) { expect_no_wake_is_lost(test::scaled(5'000)); }
TEST(Futex, LosesNoWakeOnAKernelThatLacksIt) {
  const injected_calls broken{no_futex};
  expect_no_wake_is_lost(test::scaled(200));
}
TEST(Futex, LosesNoWakeUnderAFilterThatRefusesIt) {
  const injected_calls broken{filtered};
  expect_no_wake_is_lost(test::scaled(200));
}
TEST(Futex, LosesNoWakeAmongSignals) {
  const injected_calls broken{interrupted};
  expect_no_wake_is_lost(test::scaled(5'000));
}

}  // namespace
}  // namespace millpool

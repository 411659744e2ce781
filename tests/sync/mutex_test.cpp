// adaptive_mutex, asymmetric_mutex: one owner at a time, no system call unless somebody sleeps.
// The interleavings: tests/model/mutex_model.cpp.
#include "millpool/sync/adaptive_mutex.hpp"
#include "millpool/sync/asymmetric_mutex.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/without_system_calls.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace millpool {
namespace {

static_assert(sizeof(adaptive_mutex) == 4);
constinit adaptive_mutex constant_initialized;

template <class Mutex>
struct MutexTest : testing::Test {};
struct names {
  template <class Mutex>
  static std::string GetName(int) {
    return std::is_same_v<Mutex, adaptive_mutex> ? "Adaptive" : "Asymmetric";
  }
};
using mutexes = testing::Types<adaptive_mutex, asymmetric_mutex>;
TYPED_TEST_SUITE(MutexTest, mutexes, names);

TEST(AdaptiveMutex, NeedsNoCodeToBeInitialized) {
  const std::lock_guard lock{constant_initialized};
}

TYPED_TEST(MutexTest, IsTakenByTryLockOnlyWhileFree) {
  TypeParam guard;
  ASSERT_TRUE(guard.try_lock());
  EXPECT_FALSE(guard.try_lock());
  std::jthread{[&] { EXPECT_FALSE(guard.try_lock()); }};
  guard.unlock();
  EXPECT_TRUE(guard.try_lock());
  guard.unlock();
}

TYPED_TEST(MutexTest, LocksWithTheStandardsGuards) {
  TypeParam one;
  TypeParam two;
  {
    const std::scoped_lock both{one, two};
    EXPECT_FALSE(one.try_lock());
    EXPECT_FALSE(two.try_lock());
  }
  const std::unique_lock first{one, std::try_to_lock};
  EXPECT_TRUE(first.owns_lock());
  const std::unique_lock second{one, std::try_to_lock};
  EXPECT_FALSE(second.owns_lock());
}

TYPED_TEST(MutexTest, CallsTheSystemForNothingWhileNobodyWaits) {
  test::expect_no_system_call([] {
    TypeParam guard;
    for (int i = 0; i < 10; ++i) {
      guard.lock();
      (void)guard.try_lock();
      guard.unlock();
    }
  });
}

// Sections long enough that some threads sleep, and short enough that some find it while they spin.
TYPED_TEST(MutexTest, Stress_HasOneOwnerAtATimeWhoSeesWhatTheOthersDid) {
  const int rounds = test::scaled(20'000);
  for (const int threads : {2, 3, 4, 8}) {
    TypeParam guard;
    long count = 0;  // plain on purpose: the lock alone orders it
    test::run_together(threads, [&](int thread) {
      for (int i = 0; i < rounds; ++i) {
        const std::lock_guard lock{guard};
        const long before = count;
        if (i % 1000 == thread) std::this_thread::yield();
        count = before + 1;
      }
    });
    ASSERT_EQ(count, long{threads} * rounds);
  }
}

TYPED_TEST(MutexTest, Stress_IsTakenByTryLockOneAtATime) {
  const int rounds = test::scaled(20'000);
  TypeParam guard;
  long count = 0;
  test::run_together(4, [&](int) {
    for (int taken = 0; taken < rounds;) {
      if (!guard.try_lock()) {
        std::this_thread::yield();
        continue;
      }
      ++count;
      ++taken;
      guard.unlock();
    }
  });
  EXPECT_EQ(count, 4L * rounds);
}

// The last owner destroys it, while the unlock of the one before may not have returned.
TEST(AdaptiveMutex, Stress_MayBeDestroyedByItsLastOwner) {
  struct shared {
    adaptive_mutex guard;
    int users = 2;
  };
  const int rounds = test::scaled(2000);
  std::vector<shared*> objects(static_cast<std::size_t>(rounds));
  for (shared*& each : objects) each = new shared;
  test::run_together(2, [&](int) {
    for (shared* each : objects) {
      bool last = false;
      {
        const std::lock_guard lock{each->guard};
        last = --each->users == 0;
      }
      if (last) delete each;
    }
  });
}

}  // namespace
}  // namespace millpool

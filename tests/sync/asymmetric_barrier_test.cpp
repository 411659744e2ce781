// asymmetric_barrier: of two threads that store and then look, one at least sees the other.
#include "millpool/sync/asymmetric_barrier.hpp"

#include "millpool/base/cache_line.hpp"
#include "tests/support/injected_calls.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <linux/membarrier.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace millpool {
namespace {

using test::injected_calls;

constexpr system_calls with(long (*membarrier)(int) noexcept) {
  return {.futex = test::refused_futex<ENOSYS>, .membarrier = membarrier};
}

/// Each test decides afresh. No other thread uses a barrier between two of them.
class AsymmetricBarrier : public ::testing::Test {
 protected:
  AsymmetricBarrier() { detail::barriers = barrier_pair::undecided; }
  ~AsymmetricBarrier() override { detail::barriers = before_; }

  static bool granted_here() {
    return kernel_calls.membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) >= 0;
  }

 private:
  const barrier_pair before_ = barriers_in_use();
};

TEST_F(AsymmetricBarrier, IsMembarrierWhereTheKernelGrantsIt) {
  if (!granted_here()) GTEST_SKIP() << "this kernel has no membarrier(2)";
  EXPECT_EQ(prepare_barriers(), barrier_pair::membarrier);
  EXPECT_EQ(barriers_in_use(), barrier_pair::membarrier);
  light_barrier();
  heavy_barrier();
}

TEST_F(AsymmetricBarrier, IsAPairOfFencesOnAKernelWithoutMembarrier) {
  const injected_calls old_kernel{with(test::refused_membarrier<ENOSYS>)};
  EXPECT_EQ(prepare_barriers(), barrier_pair::fences);
  light_barrier();
  heavy_barrier();
}

TEST_F(AsymmetricBarrier, IsAPairOfFencesUnderAFilterThatRefusesMembarrier) {
  const injected_calls filter{with(test::refused_membarrier<EPERM>)};
  EXPECT_EQ(prepare_barriers(), barrier_pair::fences);
}

long only_registration(int command) noexcept {
  return command == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED ? 0 : -EPERM;
}
TEST_F(AsymmetricBarrier, IsAPairOfFencesUnderAFilterThatOnlyLetsTheRegistrationPass) {
  const injected_calls filter{with(only_registration)};
  EXPECT_EQ(prepare_barriers(), barrier_pair::fences);
}

TEST_F(AsymmetricBarrier, StaysAPairOfFencesWhenMembarrierIsGrantedLater) {
  {
    const injected_calls filter{with(test::refused_membarrier<EPERM>)};
    heavy_barrier();
    (void)prepare_barriers();
  }
  heavy_barrier();
  EXPECT_EQ(prepare_barriers(), barrier_pair::fences);
}

std::atomic<unsigned> moody_calls{0};
long moody(int) noexcept { return moody_calls.fetch_add(1) % 3 == 0 ? -EPERM : 0; }
TEST_F(AsymmetricBarrier, IsOnePairForAllWhoDecideAtTheSameMoment) {
  const injected_calls kernel{with(moody)};
  for (int round = 0; round < test::scaled(200); ++round) {
    detail::barriers = barrier_pair::undecided;
    std::vector<barrier_pair> seen(3);
    test::run_together(3, [&](int i) { seen[static_cast<std::size_t>(i)] = prepare_barriers(); });
    EXPECT_EQ(seen, std::vector<barrier_pair>(3, barriers_in_use()));
  }
}

TEST_F(AsymmetricBarrier, WorksInAChildOfFork) {
  heavy_barrier();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    light_barrier();
    heavy_barrier();
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

#if !defined(MILLPOOL_TSAN)  // there, no half makes a system call

bool registered = false;
unsigned fences_made = 0;
long strict_kernel(int command) noexcept {
  if (command == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) return registered = true, 0;
  if (!registered) return -EPERM;
  ++fences_made;
  return 0;
}

TEST_F(AsymmetricBarrier, IsDecidedByTheFirstHeavyHalf) {
  const injected_calls kernel{with(strict_kernel)};
  registered = false;
  light_barrier();
  EXPECT_EQ(barriers_in_use(), barrier_pair::undecided);
  EXPECT_FALSE(registered);
  heavy_barrier();
  EXPECT_EQ(barriers_in_use(), barrier_pair::membarrier);
}

TEST_F(AsymmetricBarrier, IsRegisteredAgainWhereAChildOfForkDoesNotInheritIt) {
  const injected_calls kernel{with(strict_kernel)};
  heavy_barrier();
  registered = false;
  fences_made = 0;
  heavy_barrier();
  EXPECT_TRUE(registered);
  EXPECT_EQ(fences_made, 1U);
}

std::atomic<unsigned> poor_calls{0};
long poor_kernel(int) noexcept { return poor_calls.fetch_add(1) % 4 == 2 ? -ENOMEM : 0; }
TEST_F(AsymmetricBarrier, WaitsForAKernelThatIsOutOfMemory) {
  const injected_calls kernel{with(poor_kernel)};
  poor_calls = 0;
  heavy_barrier();
  EXPECT_EQ(poor_calls.load(), 4U) << "registered, tried out, refused for want of memory, granted";
}

using AsymmetricBarrierDeathTest = AsymmetricBarrier;
TEST_F(AsymmetricBarrierDeathTest, EndsTheProcessWhereMembarrierIsRefusedAfterItWasGranted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (!granted_here()) GTEST_SKIP() << "this kernel has no membarrier(2)";
  heavy_barrier();
  const injected_calls filter{with(test::refused_membarrier<EPERM>)};
  EXPECT_DEATH(heavy_barrier(), "refused after it was granted");
}

#endif

// The store-buffer litmus: each of two threads stores the number of the round into its own word,
// and then reads the other's. Without barriers both find the old number now and then, where the two
// have a core each.
void expect_somebody_sees(int rounds) {
  struct alignas(cache_line_size) word {
    std::atomic<int> stored{0};
    alignas(cache_line_size) std::atomic<int> begun{0};
    std::vector<int> seen;
  };
  word words[2];
  for (word& each : words) each.seen.resize(static_cast<std::size_t>(rounds) + 1);

  test::run_together(2, [&](int which) {
    word& mine = words[which];
    word& other = words[1 - which];
    for (int round = 1; round <= rounds; ++round) {
      // release, acquire: the round before has ended on both sides.
      mine.begun.store(round, std::memory_order_release);
      for (int looks = 0; other.begun.load(std::memory_order_acquire) < round; ++looks) {
        if (looks > 200) std::this_thread::yield();
      }
      // relaxed, both: what is tested is that the barriers alone order them.
      mine.stored.store(round, std::memory_order_relaxed);
      which == 0 ? light_barrier() : heavy_barrier();
      mine.seen[static_cast<std::size_t>(round)] = other.stored.load(std::memory_order_relaxed);
    }
  });

  int both_missed = 0;
  for (int round = 1; round <= rounds; ++round) {
    const auto i = static_cast<std::size_t>(round);
    if (words[0].seen[i] < round && words[1].seen[i] < round) ++both_missed;
  }
  EXPECT_EQ(both_missed, 0) << "of " << rounds << " rounds";
}

TEST_F(AsymmetricBarrier, Stress_LetsOneOfTwoSeeTheOtherByMembarrier) {
  if (prepare_barriers() != barrier_pair::membarrier) GTEST_SKIP() << "there is no membarrier(2)";
  expect_somebody_sees(test::scaled(100'000));
}

TEST_F(AsymmetricBarrier, Stress_LetsOneOfTwoSeeTheOtherByFences) {
  const injected_calls old_kernel{with(test::refused_membarrier<ENOSYS>)};
  expect_somebody_sees(test::scaled(300'000));
}

// The pair is decided while the other side runs: I2.
TEST_F(AsymmetricBarrier, Stress_LetsOneOfTwoSeeTheOtherWhileThePairIsDecided) {
  for (int i = 0; i < test::scaled(500); ++i) {
    detail::barriers = barrier_pair::undecided;
    expect_somebody_sees(20);
  }
}

}  // namespace
}  // namespace millpool

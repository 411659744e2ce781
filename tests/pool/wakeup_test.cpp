// Promise P6: no wake-up is lost. (A lost one shows as this program's timeout.)
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <barrier>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using P6_NoWakeUpIsLost = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P6_NoWakeUpIsLost);

TEST_P(P6_NoWakeUpIsLost, WhenTasksComeOneAtATime) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(10'000); ++i) ASSERT_EQ(pool.submit([i] { return i; }).get(), i);
}

// A task comes so long after the one before that it meets the worker at every step of its way to
// bed.
TEST_P(P6_NoWakeUpIsLost, WhenATaskComesAtWhateverMoment) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  volatile int spun = 0;
  for (int i = 0; i < test::scaled(30'000); ++i) {
    pool.post([&] { ++ran; });
    while (ran <= i) std::this_thread::yield();
    for (int j = 0; j < i % 1000; ++j) spun = j;
  }
  EXPECT_LT(spun, 1000);
}

// As many tasks as workers, each of which returns when all of them run: one worker that sleeps on
// while one of them waits, and none returns.
class meeting {
 public:
  explicit meeting(int workers) : all_here_{workers} {}
  void attend() { all_here_.arrive_and_wait(); }

 private:
  std::latch all_here_;
};

TEST_P(P6_NoWakeUpIsLost, WhenAsManyTasksComeAsThereAreWorkers) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(300); ++i) {
    meeting all{workers()};
    for (int j = 0; j < workers(); ++j) pool.post([&] { all.attend(); });
    ASSERT_TRUE(pool.wait_idle());
  }
}

TEST_P(P6_NoWakeUpIsLost, WhenTheyComeInBulk) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(300); ++i) {
    meeting all{workers()};
    std::vector<std::function<void()>> tasks(GetParam().workers, [&] { all.attend(); });
    ASSERT_EQ(pool.post_bulk(tasks), GetParam().workers);
    ASSERT_TRUE(pool.wait_idle());
  }
}

TEST_P(P6_NoWakeUpIsLost, WhenTheyComeFromATask) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(300); ++i) {
    std::atomic<int> ran{0};
    pool.post([&] {
      for (int j = 0; j < workers(); ++j) pool.post([&] { ++ran; });
    });
    ASSERT_TRUE(pool.wait_idle());
    ASSERT_EQ(ran, workers());
  }
}

TEST_P(P6_NoWakeUpIsLost, WhenAPauseEnds) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(300); ++i) {
    std::atomic<int> ran{0};
    pool.pause();
    std::jthread resumer{[&] { pool.resume(); }};
    pool.post([&] { ++ran; });
    ASSERT_TRUE(pool.wait_idle());
    ASSERT_EQ(ran, 1);
  }
}

TEST_P(P6_NoWakeUpIsLost, WhenManySubmitAtOnceAndPausesComeAndGo) {
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::jthread pauser{[&] {
    while (!over) {
      pool.pause();
      pool.resume();
    }
  }};
  std::atomic<int> ran{0};
  const int each = test::scaled(3000);
  test::run_together(3, [&](int) {
    for (int i = 0; i < each; ++i) pool.post([&] { ++ran; });
  });
  pool.wait_idle();
  over = true;
  EXPECT_EQ(ran, 3 * each);
}

TEST_P(P6_NoWakeUpIsLost, WhenWorkersComeAndGo) {
  pool_options elastic = options();
  elastic.min_workers = 0;
  elastic.keep_alive = duration::zero();  // every worker leaves as soon as it finds nothing
  worker_pool pool{elastic};
  for (int i = 0; i < test::scaled(500); ++i) {
    meeting all{workers()};
    for (int j = 0; j < workers(); ++j) pool.post([&] { all.attend(); });
    ASSERT_TRUE(pool.wait_idle());
  }
}

TEST_P(P6_NoWakeUpIsLost, WhenTheSizeChanges) {
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::jthread resizer{[&] {
    for (std::size_t i = 0; !over; ++i) pool.resize(i % 2, 1 + i % 3);
  }};
  for (int i = 0; i < test::scaled(2000); ++i) ASSERT_EQ(pool.submit([i] { return i; }).get(), i);
  over = true;
}

TEST_P(P6_NoWakeUpIsLost, WhenTheCapacityGrowsWhileSubmittersWait) {
  worker_pool pool{options()};
  std::atomic<int> accepted{0};
  {
    test::occupation busy{pool, workers()};
    while (pool.try_post([] {})) {
    }
    std::vector<std::jthread> submitters;
    for (int i = 0; i < 4; ++i) {
      submitters.emplace_back([&] { accepted += pool.post([] {}).has_value() ? 1 : 0; });
    }
    pool.set_queue_capacity(GetParam().capacity + 4);  // the workers are still busy
  }
  EXPECT_EQ(accepted, 4);
}

TEST_P(P6_NoWakeUpIsLost, WhenASubmitterWaitsForEachPlace) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  const int each = test::scaled(3000);
  test::run_together(4, [&](int) {
    for (int i = 0; i < each; ++i) pool.post([&] { ++ran; });
  });
  pool.wait_idle();
  EXPECT_EQ(ran, 4 * each);
}

}  // namespace
}  // namespace millpool

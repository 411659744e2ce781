// What a pool looks like at one moment.
#include "millpool/base/manual_clock.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <chrono>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

class Stats : public test::ShapedPoolTest {
 protected:
  pool_options in_virtual_time() {
    pool_options chosen = options();
    chosen.time = &time;
    return chosen;
  }
  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(Stats);

TEST_P(Stats, SayWhatThePoolWasGiven) {
  const worker_pool pool{in_virtual_time()};
  const auto now = pool.stats();
  EXPECT_EQ(now.name, "test");
  EXPECT_EQ(now.queue_capacity, GetParam().capacity);
  EXPECT_EQ(now.min_workers, GetParam().workers);
  EXPECT_EQ(now.max_workers, GetParam().workers);
  EXPECT_EQ(now.workers.total, GetParam().workers);
  EXPECT_FALSE(now.paused);
  EXPECT_EQ(now.oldest_waiting, 0s);
}

TEST_P(Stats, ShowTheDepthOfEachLane) {
  worker_pool pool{in_virtual_time()};
  pool.pause();
  pool.set_queue_capacity(100);
  for (unsigned lane = 0; lane < lane_count; ++lane) {
    for (unsigned i = 0; i <= lane; ++i) pool.post(task_options{.priority = lane}, [] {});
  }
  const auto now = pool.stats();
  for (std::size_t lane = 0; lane < lane_count; ++lane) EXPECT_EQ(now.depth[lane], lane + 1);
  EXPECT_EQ(now.tasks.waiting, 36U);
}

TEST_P(Stats, ShowHowLongTheOldestTaskWaits) {
  worker_pool pool{in_virtual_time()};
  pool.set_queue_capacity(4);
  pool.pause();
  pool.post(task_options{.priority = 7}, [] {});
  time.advance(3s);
  pool.post(task_options{.priority = 0}, [] {});
  time.advance(2s);
  EXPECT_EQ(pool.stats().oldest_waiting, 5s);
  pool.resume();
  pool.wait_idle();
  EXPECT_EQ(pool.stats().oldest_waiting, 0s);
}

TEST_P(Stats, ShowWhatTheWorkersDo) {
  worker_pool pool{in_virtual_time()};
  EXPECT_EQ(pool.stats().workers.idle, GetParam().workers);
  test::gate door;
  test::gate blocked;
  auto waiter = pool.submit([&] {
    const blocking_region waiting;
    blocked.open();
    door.pass();
  });
  blocked.pass();
  EXPECT_EQ(pool.stats().workers.blocked, 1U);
  {
    const test::occupation busy{pool, 1};
    EXPECT_EQ(pool.stats().workers.running, 1U) << "in the place of the one that waits, if need be";
    door.open();
  }
  waiter.get();
  test::await([&] { return pool.stats().workers.idle == pool.stats().workers.total; });
}

TEST_P(Stats, ShowAWorkerIdleThatWaitedInAContinuation) {
  worker_pool pool{in_virtual_time()};
  test::gate attached;
  auto done = pool.submit([&] { attached.pass(); }).then([] { const blocking_region waiting; });
  attached.open();
  done.get();
  pool.wait_idle();
  EXPECT_EQ(pool.stats().workers.running, 0U);
  EXPECT_EQ(pool.stats().workers.blocked, 0U);
}

TEST_P(Stats, MeasureHowLongTasksWaitedAndRan) {
  worker_pool pool{in_virtual_time()};
  pool.pause();
  pool.post([&] { time.advance(3s); });
  time.advance(7s);
  pool.resume();
  pool.wait_idle();
  const auto now = pool.stats();
  EXPECT_EQ(now.wait.count(), 1U);
  EXPECT_EQ(now.wait.max(), 7s);
  EXPECT_EQ(now.run.count(), 1U);
  EXPECT_EQ(now.run.max(), 3s);
}

TEST_P(Stats, KeepTheHistogramsOfWorkersThatHaveLeft) {
  worker_pool pool{in_virtual_time()};
  for (int i = 0; i < 10; ++i) pool.submit([] {}).get();
  pool.shutdown();
  EXPECT_EQ(pool.stats().wait.count(), 10U);
  EXPECT_EQ(pool.stats().run.count(), 10U);
}

TEST_P(Stats, CountRefusalsByReason) {
  worker_pool pool{in_virtual_time()};
  {
    const test::occupation busy{pool, workers()};
    while (pool.try_post([] {})) {
    }
    (void)pool.submit_for(0s, [] {});
  }
  pool.close();
  pool.post([] {});
  const auto refused = pool.stats().refused;
  EXPECT_EQ(refused[static_cast<std::size_t>(submit_errc::full)], 1U);
  EXPECT_EQ(refused[static_cast<std::size_t>(submit_errc::timeout)], 1U);
  EXPECT_EQ(refused[static_cast<std::size_t>(submit_errc::closed)], 1U);
}

TEST_P(Stats, ShowATaskEndedBeforeItsFutureIsReady) {
  worker_pool pool{in_virtual_time()};
  for (std::uint64_t i = 1; i <= 500; ++i) {
    pool.submit([] {}).get();
    ASSERT_EQ(pool.stats().tasks.succeeded, i);
  }
}

}  // namespace
}  // namespace millpool

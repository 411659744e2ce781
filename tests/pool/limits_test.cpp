// Promise P7: a limit is never exceeded, not by one.
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using P7_Limits = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P7_Limits);

TEST_P(P7_Limits, TheChannelTakesItsCapacityFromManyProducersAndNotOneMore) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  std::atomic<std::size_t> accepted{0};
  test::run_together(4, [&](int who) {
    for (std::size_t i = 0; i < GetParam().capacity; ++i) {
      const task_options wish{.priority = static_cast<unsigned>(who)};
      accepted += pool.try_post(wish, test::nothing).has_value() ? 1 : 0;
    }
  });
  EXPECT_EQ(accepted, GetParam().capacity) << "over all lanes";
  EXPECT_EQ(pool.stats().tasks.waiting, GetParam().capacity);
}

TEST_P(P7_Limits, ABulkFillsTheChannelExactly) {
  pool_options chosen = options();
  chosen.when_full = full_policy::reject;
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  std::vector<std::function<void()>> many(GetParam().capacity + 5, test::nothing);
  EXPECT_EQ(pool.post_bulk(many), GetParam().capacity);
  EXPECT_EQ(pool.stats().tasks.waiting, GetParam().capacity);
}

TEST_P(P7_Limits, ALargerCapacityIsFilledExactly) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  for (const std::size_t capacity : {GetParam().capacity + 1, GetParam().capacity + 70}) {
    pool.set_queue_capacity(capacity);
    EXPECT_EQ(pool.stats().queue_capacity, capacity);
    while (pool.try_post(test::nothing)) {
    }
    EXPECT_EQ(pool.stats().tasks.waiting, capacity);
  }
}

TEST_P(P7_Limits, ASmallerCapacityKeepsWhatWaitsAndTakesNothingUntilThereIsRoom) {
  worker_pool pool{options()};
  pool.pause();
  pool.set_queue_capacity(10);
  while (pool.try_post(test::nothing)) {
  }
  pool.set_queue_capacity(2);
  EXPECT_EQ(pool.stats().tasks.waiting, 10U);
  EXPECT_EQ(pool.try_post(test::nothing).error(), submit_errc::full);
  for (std::size_t i = 0; i < 7; ++i) (void)pool.purge();
  EXPECT_TRUE(pool.try_post(test::nothing));
  EXPECT_TRUE(pool.try_post(test::nothing));
  EXPECT_EQ(pool.try_post(test::nothing).error(), submit_errc::full);
  pool.resume();
}

TEST_P(P7_Limits, TheDepthStaysWithinTheCapacityInAStorm) {
  for (const full_policy policy : {full_policy::block, full_policy::caller_runs,
                                   full_policy::discard_oldest, full_policy::discard_lowest}) {
    pool_options chosen = options();
    chosen.when_full = policy;
    worker_pool pool{chosen};
    std::atomic<bool> over{false};
    std::jthread watcher{[&] {
      while (!over) ASSERT_LE(pool.stats().tasks.waiting, GetParam().capacity);
    }};
    test::run_together(3, [&](int who) {
      const task_options wish{.priority = static_cast<unsigned>(who)};
      for (int i = 0; i < test::scaled(1000); ++i) {
        pool.post(wish, [&] { pool.post(test::nothing); });
      }
    });
    pool.wait_idle();
    over = true;
  }
}

TEST_P(P7_Limits, NoMoreTasksRunThanThereAreWorkers) {
  worker_pool pool{options()};
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  for (int i = 0; i < test::scaled(5000); ++i) {
    pool.post([&] {
      const int now = ++inside;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      --inside;
    });
  }
  pool.wait_idle();
  EXPECT_LE(most, workers());
}

TEST_P(P7_Limits, AnElasticPoolGrowsToItsMaximumAndNoFurther) {
  pool_options elastic = options();
  elastic.min_workers = 0;
  worker_pool pool{elastic};
  test::occupation busy{pool, workers()};
  test::run_together(4, [&](int) {
    for (int i = 0; i < 50; ++i) (void)pool.try_post(test::nothing);
  });
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers);
  EXPECT_EQ(test::threads_named("test/").size(), GetParam().workers);
}

TEST_P(P7_Limits, AnElasticPoolGrowsToItsMaximumWhoeverSubmitsAtOnce) {
  pool_options elastic = options();
  elastic.min_workers = 0;
  elastic.queue_capacity = 100;
  for (int i = 0; i < test::scaled(200); ++i) {
    worker_pool pool{elastic};
    test::run_together(4, [&](int) {
      for (int j = 0; j < 4; ++j) pool.post(test::nothing);
      EXPECT_LE(pool.stats().workers.total, GetParam().workers);
    });
  }
}

// Workers that wait are replaced, up to max_compensation.
TEST_P(P7_Limits, NoMoreWorkersAreAddedForBlockedOnesThanMaxCompensation) {
  pool_options chosen = options();
  chosen.max_compensation = 2;
  worker_pool pool{chosen};
  test::gate door;
  std::atomic<int> blocked{0};
  const int all = workers() + 2;
  std::vector<std::jthread> submitters;  // that wait, if the channel is full
  for (int i = 0; i < all + 3; ++i) {
    submitters.emplace_back([&] {
      pool.post([&] {
        const blocking_region waiting;
        ++blocked;
        door.pass();
      });
    });
  }
  test::await([&] { return blocked == all; });
  const std::size_t limit = GetParam().workers + 2;
  EXPECT_EQ(pool.stats().workers.total, limit);
  EXPECT_EQ(pool.stats().workers.blocked, limit);
  EXPECT_EQ(blocked, all) << "the others must wait";
  door.open();
  submitters.clear();
  pool.wait_idle();
  for (int i = 0; i < 4 * all; ++i)
    pool.submit(test::nothing).get();  // the surplus leaves at its next look
  EXPECT_EQ(blocked, all + 3);
}

TEST_P(P7_Limits, AWorkerThatBlocksTwiceIsReplacedOnce) {
  worker_pool pool{options()};
  test::gate door;
  std::atomic<int> started{0};
  std::vector<std::jthread> submitters;
  for (int i = 0; i < workers() + 5; ++i) {
    submitters.emplace_back([&] {
      pool.post([&] {
        if (started++ > 0) {
          door.pass();
          return;
        }
        const blocking_region outer;
        const blocking_region inner;
        door.pass();
      });
    });
  }
  test::await([&] { return started == workers() + 1; });
  test::observe_for(std::chrono::milliseconds{20});  // for one too many to show itself
  EXPECT_EQ(started, workers() + 1);
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers + 1);
  door.open();
}

}  // namespace
}  // namespace millpool

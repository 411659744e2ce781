// pause, resume and purge.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using Pause = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Pause);

TEST_P(Pause, LetsNoTaskStartUntilResume) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  pool.pause();
  EXPECT_TRUE(pool.is_paused());
  EXPECT_TRUE(pool.stats().paused);
  for (int i = 0; i < capacity(); ++i) ASSERT_TRUE(pool.try_post([&] { ++ran; }));
  test::observe_for(std::chrono::milliseconds{20});
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(pool.stats().tasks.waiting, GetParam().capacity);
  EXPECT_FALSE(pool.wait_idle_for(duration::zero()));
  pool.resume();
  EXPECT_FALSE(pool.is_paused());
  pool.wait_idle();
  EXPECT_EQ(ran, capacity());
}

TEST_P(Pause, LetsARunningTaskGoOn) {
  worker_pool pool{options()};
  test::gate started;
  test::gate door;
  auto running = pool.submit([&] {
    started.open();
    door.pass();
    return 42;
  });
  started.pass();
  pool.pause();
  door.open();
  EXPECT_EQ(running.get(), 42);
  pool.resume();
}

TEST_P(Pause, HoldsForATaskThatWaitsForItsPoolToBeIdle) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  pool.submit([&] {
        pool.pause();
        ASSERT_TRUE(pool.try_post([&] { ++ran; }));
        EXPECT_FALSE(pool.wait_idle_for(std::chrono::milliseconds{1}));
        EXPECT_EQ(ran, 0);
      })
      .get();
  pool.resume();
  pool.wait_idle();
  EXPECT_EQ(ran, 1);
}

TEST_P(Pause, OfAPoolWithoutThreadsEndsWithAThread) {
  pool_options none = options();
  none.min_workers = 0;
  worker_pool pool{none};
  pool.pause();
  auto waiting = pool.submit([] { return 42; });
  EXPECT_EQ(pool.stats().workers.total, 0U);
  pool.resume();
  EXPECT_EQ(waiting.get(), 42);
}

TEST_P(Pause, EndsAtTheShutdown) {
  worker_pool pool{options()};
  pool.pause();
  auto waiting = pool.submit([] { return 42; });
  EXPECT_TRUE(pool.shutdown().drained);
  EXPECT_EQ(waiting.get(), 42);
}

TEST_P(Pause, EndsAtTheShutdownAlsoIfNothingWaits) {
  worker_pool pool{options()};
  pool.submit([] {}).get();
  pool.pause();
  pool.close();
  EXPECT_TRUE(pool.shutdown().drained);
}

TEST_P(Pause, HasNoEffectOnceTheEndHasBegun) {
  worker_pool pool{options()};
  for (int i = 0; i < capacity(); ++i) pool.post([&] { pool.pause(); });
  EXPECT_TRUE(pool.drain());
  pool.pause();
  EXPECT_FALSE(pool.is_paused());
  EXPECT_TRUE(pool.shutdown().drained);
}

// A closed pool whose channel is empty is not at its end as long as something was put off.
TEST_P(Pause, OfAClosedPoolLosesNothingThatWasPutOff) {
  for (int round = 0; round < test::scaled(20); ++round) {
    worker_pool pool{options()};
    struct tree {
      worker_pool& pool;
      std::atomic<int> nodes{0};
      void grow(int height) {
        ++nodes;
        if (height > 0) pool.post([this, height] { grow(height - 1); });
        if (height > 0) pool.post([this, height] { grow(height - 1); });
      }
    } all{pool};
    pool.post([&] { all.grow(6); });
    std::jthread pauser{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        pool.pause();
        pool.resume();
      }
    }};
    pool.wait_idle();
    pool.post([&] { all.grow(6); });
    pool.close();
    pauser.request_stop();
    pauser.join();
    const shutdown_report report = pool.shutdown();
    EXPECT_EQ(report.tasks.succeeded, static_cast<std::uint64_t>(all.nodes));
  }
}

using Purge = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Purge);

TEST_P(Purge, HandsOutTheTasksInTheOrderInWhichTheyWouldHaveRun) {
  worker_pool pool{options()};
  pool.pause();
  pool.set_queue_capacity(8);
  for (const unsigned priority : {5U, 0U, 7U, 0U}) {
    (void)pool.submit(task_options{.priority = priority}, [cargo = new_payload()] {});
  }
  std::vector<unsigned> order;
  auto purged = pool.purge();
  for (const auto& each : purged) order.push_back(each.priority());
  EXPECT_EQ(order, (std::vector{0U, 0U, 5U, 7U}));
  EXPECT_EQ(pool.stats().tasks.discarded, 4U);
  EXPECT_EQ(pool.stats().tasks.inside(), 0U);
  EXPECT_TRUE(pool.purge().empty());
}

TEST_P(Purge, LeavesItToTheHolderToRunATask) {
  worker_pool pool{options()};
  pool.pause();
  auto answer =
      pool.submit([cargo = new_payload()](task_context& context) { return context.attempt(); });
  auto purged = pool.purge();
  EXPECT_FALSE(answer.is_ready());
  purged.at(0)();
  EXPECT_EQ(answer.get(), 1U);
}

TEST_P(Purge, DiscardsATaskThatTheHolderDrops) {
  worker_pool pool{options()};
  pool.pause();
  auto answer = pool.submit([cargo = new_payload()] {});
  (void)pool.purge();
  ASSERT_TRUE(answer.is_ready());
  EXPECT_EQ(answer.take().state(), task_state::discarded);
}

TEST_P(Purge, GivesTheErrorToTheFutureOrToTheHolder) {
  worker_pool pool{options()};
  pool.pause();
  pool.set_queue_capacity(4);
  auto failed = pool.submit([] { throw std::runtime_error{"kept"}; });
  auto stopped = pool.submit([] { throw task_stopped{}; });
  pool.post([] { throw std::runtime_error{"thrown"}; });
  auto purged = pool.purge();
  purged.at(0)();
  EXPECT_EQ(failed.take().state(), task_state::failed);
  purged.at(1)();
  EXPECT_EQ(stopped.take().state(), task_state::cancelled) << "as on a worker";
  EXPECT_THROW(purged.at(2)(), std::runtime_error);
}

TEST_P(Purge, MakesRoomForASubmitterThatWaits) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  while (pool.try_post([] {})) {
  }
  std::jthread submitter{[&] { EXPECT_TRUE(pool.post([] {})); }};
  (void)pool.purge();
}

TEST_P(Purge, OutlivesThePool) {
  std::vector<purged_task> purged;
  future<int> answer;
  {
    worker_pool pool{options()};
    pool.pause();
    answer = pool.submit([cargo = new_payload()] { return 42; });
    purged = pool.purge();
  }
  purged.at(0)();
  EXPECT_EQ(answer.get(), 42);
}

}  // namespace
}  // namespace millpool

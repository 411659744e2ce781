// Another when_full while the pool runs: what becomes of those who wait for room, and of what
// workers keep.
#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reconfigure.hpp"

#include <atomic>
#include <chrono>
#include <expected>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::blocked_submitter;
using test::fill;
using test::reconfigure;
using test::to;

using ReconfigurePolicy = test::PoolTest;
using ReconfigureWhenFull = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(ReconfigureWhenFull);

TEST_P(ReconfigureWhenFull, ToRejectSendsWaitingSubmittersBack) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  blocked_submitter one{pool, [] {}};
  blocked_submitter another{pool, [] {}};
  EXPECT_FALSE(one.is_back());
  reconfigure(pool, to(full_policy::reject));
  EXPECT_EQ(one.answer().error(), submit_errc::full);
  EXPECT_EQ(another.answer().error(), submit_errc::full);
  EXPECT_EQ(pool.post([] {}).error(), submit_errc::full);
  EXPECT_EQ(pool.stats().refused[static_cast<std::size_t>(submit_errc::full)], 4U)
      << "with the one that ended fill()";
}

TEST_P(ReconfigureWhenFull, WithMoreRoomLetsWaitingSubmittersInBeforeTheyAskTheNewRule) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  blocked_submitter submitter{pool, [] {}};
  reconfigure(pool, [](pool_options& o) {
    o.queue_capacity += 1;
    o.when_full = full_policy::reject;
  });
  EXPECT_TRUE(submitter.answer());
  EXPECT_EQ(pool.post([] {}).error(), submit_errc::full);
}

TEST_P(ReconfigureWhenFull, ToDiscardOldestMakesRoomForWaitingSubmitters) {
  worker_pool pool{options()};
  std::atomic<bool> ran{false};
  std::vector<future<void>> waiting;
  {
    const test::occupation busy{pool, workers()};
    waiting = fill(pool);
    blocked_submitter submitter{pool, [&] { ran = true; }};
    reconfigure(pool, to(full_policy::discard_oldest));
    EXPECT_TRUE(submitter.answer());
    ASSERT_TRUE(waiting.front().is_ready());
    EXPECT_EQ(waiting.front().take().state(), task_state::discarded);
  }
  EXPECT_TRUE(ran);
  for (std::size_t i = 1; i < waiting.size(); ++i) waiting[i].get();
}

TEST_P(ReconfigureWhenFull, ToCallerRunsLetsWaitingSubmittersRunTheirOwn) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  std::atomic<bool> ran{false};
  blocked_submitter submitter{pool, [&] { ran = true; }};
  reconfigure(pool, to(full_policy::caller_runs));
  EXPECT_TRUE(submitter.answer());
  EXPECT_TRUE(ran) << "while all workers are busy";
}

TEST_P(ReconfigureWhenFull, ToBlockForEndsTheWaitInTime) {
  manual_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  blocked_submitter submitter{pool, [] {}};
  time.advance(24h);
  EXPECT_FALSE(submitter.is_back());
  reconfigure(pool, [](pool_options& o) {
    o.when_full = full_policy::block_for;
    o.block_for = 1h;
  });
  const time_point changed = time.now();
  test::await([&] {
    time.advance(1min);
    std::this_thread::yield();
    return submitter.is_back();
  });
  EXPECT_EQ(submitter.answer().error(), submit_errc::timeout);
  EXPECT_GE(time.now(), changed + 1h);
}

TEST_P(ReconfigureWhenFull, OfBlockForIsCountedFromThenOn) {
  manual_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  chosen.when_full = full_policy::block_for;
  chosen.block_for = duration::max();
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  blocked_submitter submitter{pool, [] {}};
  reconfigure(pool, [](pool_options& o) { o.block_for = 0s; });
  EXPECT_EQ(submitter.answer().error(), submit_errc::timeout);
}

TEST_P(ReconfigureWhenFull, ToAnotherRuleLeavesThoseAloneThatSaidHowLongTheyWait) {
  worker_pool pool{options()};
  std::expected<future<int>, submit_errc> late = std::unexpected{submit_errc::closed};
  std::jthread submitter;
  std::atomic<pid_t> id{0};
  {
    const test::occupation busy{pool, workers()};
    auto waiting = fill(pool);
    submitter = std::jthread{[&] {
      id = ::gettid();
      late = pool.submit_until(no_deadline, [] { return 42; });
    }};
    test::await([&] { return id != 0 && test::all_asleep({std::to_string(id)}); });
    reconfigure(pool, to(full_policy::reject));
    test::await([&] { return test::all_asleep({std::to_string(id)}); });
  }
  submitter.join();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->get(), 42);
}

// Under block a worker's submissions to its full pool stay with it, or run at once.
TEST_P(ReconfigureWhenFull, ToRejectEndsWhatWorkersKeep) {
  worker_pool pool{options()};
  const auto submit_too_many = [&] {
    int taken = 0;
    while (taken < 3 * capacity() + 10 && pool.post([] {})) ++taken;
    return taken;
  };
  EXPECT_EQ(pool.submit(submit_too_many).get(), 3 * capacity() + 10);
  pool.wait_idle();
  reconfigure(pool, to(full_policy::reject));
  {
    const test::occupation busy{pool, workers() - 1};
    EXPECT_LE(pool.submit(submit_too_many).get(), capacity());
  }
  pool.wait_idle();
  reconfigure(pool, to(full_policy::block));
  EXPECT_EQ(pool.submit(submit_too_many).get(), 3 * capacity() + 10);
}

// What a worker keeps it runs newest first; what is in the channel comes oldest first.
TEST_F(ReconfigurePolicy, BackToBlockLetsWorkersKeepTasksAgain) {
  worker_pool pool{test::sized(1)};
  const auto order = [&] {
    std::vector<int> ran;
    auto parent = pool.submit([&] {
      for (int i = 1; i <= 3; ++i) pool.post([&ran, i] { ran.push_back(i); });
    });
    parent.get();
    pool.wait_idle();
    return ran;
  };
  EXPECT_EQ(order(), (std::vector{3, 2, 1}));
  for (const full_policy other : {full_policy::reject, full_policy::discard_oldest,
                                  full_policy::discard_newest, full_policy::discard_lowest}) {
    reconfigure(pool, to(other));
    EXPECT_EQ(order(), (std::vector{1, 2, 3})) << to_string(other);
    reconfigure(pool, to(full_policy::block));
    EXPECT_EQ(order(), (std::vector{3, 2, 1})) << to_string(other);
  }
}

TEST_P(ReconfigureWhenFull, InTheMiddleOfATaskThatSubmitsIsSeenByIt) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers() - 1};
  auto refused = pool.submit([&] {
    pool.post([] {});  // is kept, if the capacity is worth that
    reconfigure(pool, to(full_policy::reject));
    int taken = 0;
    while (pool.post([] {})) ++taken;
    return taken;
  });
  EXPECT_LE(refused.get(), capacity());
}

// The oldest of all lanes is known only if the time of each is.
TEST_F(ReconfigurePolicy, ToDiscardOldestMeasuresEachTask) {
  worker_pool pool{test::sized(1)};
  for (int i = 0; i < 1000; ++i) pool.submit([] {}).get();  // they are known to be short
  reconfigure(pool, to(full_policy::discard_oldest));
  const std::uint64_t before = pool.stats().wait.count();
  for (int i = 0; i < 100; ++i) pool.submit([] {}).get();
  pool.wait_idle();
  EXPECT_EQ(pool.stats().wait.count(), before + 100);
}

}  // namespace
}  // namespace millpool

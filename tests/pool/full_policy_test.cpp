// What becomes of a submission that finds the channel full; a victim's future always completes.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/result_channel.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/reconfigure.hpp"
#include "tests/support/watched_clock.hpp"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using FullPolicy = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(FullPolicy);

pool_options with(pool_options options, full_policy policy) {
  options.when_full = policy;
  return options;
}

TEST_P(FullPolicy, BlockWaitsForRoom) {
  worker_pool pool{with(options(), full_policy::block)};
  std::jthread submitter;
  future<std::thread::id> late;
  {
    const test::occupation busy{pool, workers()};
    (void)test::fill(pool);
    submitter =
        std::jthread{[&] { late = pool.submit([] { return std::this_thread::get_id(); }); }};
  }
  submitter.join();
  EXPECT_NE(late.get(), std::this_thread::get_id());
}

TEST_P(FullPolicy, BlockForWaitsUntilItsTimeIsUp) {
  manual_clock time;
  pool_options chosen = with(options(), full_policy::block_for);
  chosen.block_for = 1min;
  chosen.time = &time;
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  (void)test::fill(pool);
  std::atomic<bool> refused{false};
  std::jthread submitter{[&] {
    EXPECT_EQ(pool.post([] {}).error(), submit_errc::timeout);
    refused = true;
  }};
  // However late the submitter began to count, this brings it to its end, and a minute does it.
  test::await([&] {
    time.advance(1s);
    std::this_thread::yield();
    return refused.load();
  });
  EXPECT_GE(time.now(), manual_clock{}.now() + 1min);
}

TEST_P(FullPolicy, RejectRefuses) {
  worker_pool pool{with(options(), full_policy::reject)};
  const test::occupation busy{pool, workers()};
  (void)test::fill(pool);
  EXPECT_EQ(pool.post([] {}).error(), submit_errc::full);
  EXPECT_EQ(pool.submit([] {}).take().state(), task_state::discarded);
}

TEST_P(FullPolicy, CallerRunsRunsTheTaskInItsSubmitterAtOnce) {
  worker_pool pool{with(options(), full_policy::caller_runs)};
  const test::occupation busy{pool, workers()};
  (void)test::fill(pool);
  EXPECT_FALSE(pool.is_own_thread());
  auto here = pool.submit([&] {
    EXPECT_TRUE(pool.is_own_thread());
    return std::this_thread::get_id();
  });
  EXPECT_FALSE(pool.is_own_thread());
  ASSERT_TRUE(here.is_ready());
  EXPECT_EQ(here.get(), std::this_thread::get_id());
}

TEST_P(FullPolicy, DiscardOldestDiscardsTheTaskThatWaitedLongest) {
  worker_pool pool{with(options(), full_policy::discard_oldest)};
  future<void> last;
  std::vector<future<void>> waiting;
  {
    const test::occupation busy{pool, workers()};
    waiting = test::fill(pool);
    last = pool.submit(task_options{.priority = 7}, [] {});
    ASSERT_TRUE(waiting.front().is_ready());
    EXPECT_EQ(waiting.front().take().state(), task_state::discarded);
  }
  for (std::size_t i = 1; i < waiting.size(); ++i) waiting[i].get();
  last.get();
}

TEST_P(FullPolicy, DiscardNewestDiscardsTheNewTaskItself) {
  worker_pool pool{with(options(), full_policy::discard_newest)};
  std::vector<future<void>> waiting;
  {
    const test::occupation busy{pool, workers()};
    waiting = test::fill(pool);
    auto last = pool.submit(task_options{.priority = 0}, [] {});
    ASSERT_TRUE(last.is_ready());
    EXPECT_EQ(last.take().state(), task_state::discarded);
    EXPECT_TRUE(pool.post([] {})) << "accepted, and discarded";
  }
  for (auto& each : waiting) each.get();
}

TEST_P(FullPolicy, DiscardLowestDiscardsTheNewestOfALowerLane) {
  worker_pool pool{with(options(), full_policy::discard_lowest)};
  std::vector<future<void>> waiting;
  future<void> urgent;
  {
    const test::occupation busy{pool, workers()};
    waiting = test::fill(pool, {.priority = 5});
    urgent = pool.submit(task_options{.priority = 1}, [] {});
    ASSERT_TRUE(waiting.back().is_ready());
    EXPECT_EQ(waiting.back().take().state(), task_state::discarded);
    waiting.pop_back();
  }
  for (auto& each : waiting) each.get();
  urgent.get();
}

TEST_P(FullPolicy, DiscardLowestDiscardsTheNewTaskIfNoLaneIsLower) {
  worker_pool pool{with(options(), full_policy::discard_lowest)};
  std::vector<future<void>> waiting;
  {
    const test::occupation busy{pool, workers()};
    waiting = test::fill(pool, {.priority = 5});
    for (const unsigned priority : {5U, 7U}) {
      auto late = pool.submit(task_options{.priority = priority}, [] {});
      ASSERT_TRUE(late.is_ready());
      EXPECT_EQ(late.take().state(), task_state::discarded);
    }
  }
  for (auto& each : waiting) each.get();
}

TEST_P(FullPolicy, AVictimInAResultChannelGivesAResult) {
  worker_pool pool{with(options(), full_policy::discard_oldest)};
  result_channel<int> results{GetParam().capacity + 1};
  {
    const test::occupation busy{pool, workers()};
    for (int i = 0; i <= capacity(); ++i) ASSERT_TRUE(results.submit(pool, [i] { return i; }));
    const auto victim = results.pop();
    EXPECT_EQ(victim->state(), task_state::discarded);
  }
  results.close();
  int sum = 0;
  for (auto& each : results) sum += std::move(each).value();
  EXPECT_EQ(sum, capacity() * (capacity() + 1) / 2);
}

TEST_P(FullPolicy, TryNeverWaitsAndDisplacesNobody) {
  for (int policy = 0; policy <= static_cast<int>(full_policy::discard_lowest); ++policy) {
    worker_pool pool{with(options(), static_cast<full_policy>(policy))};
    const test::occupation busy{pool, workers()};
    (void)test::fill(pool);
    EXPECT_EQ(pool.try_post([] {}).error(), submit_errc::full);
    EXPECT_EQ(pool.stats().tasks.waiting, GetParam().capacity);
    EXPECT_EQ(pool.stats().tasks.discarded, 0U);
  }
}

TEST_P(FullPolicy, SubmitUntilWaitsUntilItsStopTokenFires) {
  const test::watched_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  (void)test::fill(pool);
  std::jthread submitter{[&](const std::stop_token& stop) {
    const auto refused = pool.submit_until(
        test::watched_clock::never(), [] {}, stop);
    EXPECT_EQ(refused.error(), submit_errc::timeout);
  }};
  time.await_waits(1);
  submitter.request_stop();
}

TEST_P(FullPolicy, SubmitForGivesUpAtItsTimeWhateverThePolicy) {
  for (int policy = 0; policy <= static_cast<int>(full_policy::discard_lowest); ++policy) {
    worker_pool pool{with(options(), static_cast<full_policy>(policy))};
    const test::occupation busy{pool, workers()};
    (void)test::fill(pool);
    EXPECT_EQ(pool.submit_for(1ms, [] {}).error(), submit_errc::timeout);
    EXPECT_EQ(pool.submit_for(0ms, [] {}).error(), submit_errc::timeout);
  }
}

TEST(FullPolicyNames, AreWhatTheyAreCalled) {
  EXPECT_EQ(to_string(full_policy::block), "block");
  EXPECT_EQ(to_string(full_policy::discard_lowest), "discard_lowest");
}

}  // namespace
}  // namespace millpool

// Many submissions at once.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <ranges>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using Bulk = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Bulk);

TEST_P(Bulk, GivesAFutureForEachInOrder) {
  worker_pool pool{options()};
  auto squares = std::views::iota(0, 3000) |
                 std::views::transform([](int i) { return [i] { return i * i; }; });
  auto futures = pool.submit_bulk(squares);
  ASSERT_EQ(futures.size(), 3000U);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
}

TEST_P(Bulk, TakesCallablesThatOnlyMove) {
  worker_pool pool{options()};
  std::atomic<int> sum{0};
  struct mover {
    std::unique_ptr<int> value;
    std::atomic<int>* sum;
    void operator()() { *sum += *value; }
  };
  std::vector<mover> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back({std::make_unique<int>(i), &sum});
  EXPECT_EQ(pool.post_bulk(tasks), 10U);
  pool.wait_idle();
  EXPECT_EQ(sum, 45);
}

TEST_P(Bulk, WaitsForRoomUnderBlock) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  std::vector<std::function<void()>> tasks(GetParam().capacity * 3 + 1, [&] { ++ran; });
  const std::size_t all = tasks.size();
  EXPECT_EQ(pool.post_bulk(tasks), all);
  pool.wait_idle();
  EXPECT_EQ(static_cast<std::size_t>(ran), all);
}

TEST_P(Bulk, RefusesWhatDoesNotFitUnderReject) {
  pool_options chosen = options();
  chosen.when_full = full_policy::reject;
  worker_pool pool{chosen};
  std::vector<future<void>> futures;
  {
    const test::occupation busy{pool, workers()};
    std::vector<std::function<void()>> tasks(GetParam().capacity + 3, [cargo = new_payload()] {});
    futures = pool.submit_bulk(tasks);
  }
  int refused = 0;
  for (auto& each : futures) refused += each.take().has_value() ? 0 : 1;
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(pool.stats().refused[static_cast<std::size_t>(submit_errc::full)], 3U);
}

TEST_P(Bulk, GivesAllTheSameOptions) {
  worker_pool pool{options()};
  const task_class cls = pool.add_class({.name = "bulk"});
  std::vector<std::function<unsigned(task_context&)>> tasks(
      5, [](task_context& context) { return context.attempt(); });
  for (auto& each : pool.submit_bulk(tasks, {.attempt = 3, .task_class = cls})) {
    EXPECT_EQ(each.get(), 3U);
  }
  EXPECT_EQ(pool.stats().classes.at(0).ended[0], 5U);
}

TEST_P(Bulk, OfNothingIsNothing) {
  worker_pool pool{options()};
  std::vector<std::function<void()>> none;
  EXPECT_EQ(pool.post_bulk(none), 0U);
  EXPECT_TRUE(pool.submit_bulk(none).empty());
  EXPECT_EQ(pool.stats().tasks.accepted, 0U);
}

TEST_P(Bulk, FromAWorkerOfAFullPoolRuns) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  const std::size_t accepted =
      pool.submit([&] {
            std::vector<std::function<void()>> tasks(GetParam().capacity * 2, [&] { ++ran; });
            return pool.post_bulk(tasks);
          })
          .get();
  EXPECT_EQ(accepted, GetParam().capacity * 2);
  pool.wait_idle();
  EXPECT_EQ(ran, 2 * capacity());
}

}  // namespace
}  // namespace millpool

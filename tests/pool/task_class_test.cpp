// A task class: options under one name, and an account of their tasks.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/attendance.hpp"
#include "tests/support/complaint.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using TaskClass = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(TaskClass);

TEST_P(TaskClass, GivesItsTasksWhatTheyDoNotWishThemselves) {
  const manual_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  worker_pool pool{chosen};
  const task_class slow = pool.add_class({.name = "slow", .timeout = 10s, .start_by = 0s});
  const auto remaining = [](task_context& context) { return context.remaining(); };
  EXPECT_EQ(pool.submit(slow, remaining).take().state(), task_state::expired);
  EXPECT_EQ(pool.submit({.start_by = 1s, .task_class = slow}, remaining).get(), 10s);
  EXPECT_EQ(pool.submit({.timeout = 3s, .start_by = 1s, .task_class = slow}, remaining).get(), 3s);
}

TEST_P(TaskClass, GivesItsPriority) {
  const manual_clock time;
  pool_options chosen = options();
  chosen.queue_capacity = 4;
  chosen.time = &time;
  worker_pool pool{chosen};
  pool.pause();
  const task_class urgent = pool.add_class({.name = "urgent", .priority = 1});
  pool.post(urgent, [] {});
  pool.post({.priority = 6, .task_class = urgent}, [] {});
  EXPECT_EQ(pool.stats().depth[1], 1U);
  EXPECT_EQ(pool.stats().depth[6], 1U);
  pool.resume();
}

TEST_P(TaskClass, CountsItsTasksByTheirEnd) {
  pool_options chosen = options();
  chosen.on_unhandled = [](std::exception_ptr, const unhandled_info&) {};
  worker_pool pool{chosen};
  const task_class first = pool.add_class({.name = "first"});
  const task_class second = pool.add_class({.name = "second"});
  pool.post(first, [] {});
  pool.post(first, [] { throw std::runtime_error{"failed"}; });
  pool.post({.start_by = 0s, .task_class = first}, [] {});
  pool.post(second, [] {});
  pool.post([] {});
  pool.wait_idle();
  pool.pause();
  pool.post(second, [] {});
  (void)pool.purge();
  const auto classes = pool.stats().classes;
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[0].name, "first");
  EXPECT_EQ(classes[0].ended, (std::array<std::uint64_t, task_state_count>{1, 1, 0, 1, 0, 0}));
  EXPECT_EQ(classes[1].name, "second");
  EXPECT_EQ(classes[1].ended, (std::array<std::uint64_t, task_state_count>{1, 0, 0, 0, 1, 0}));
}

TEST_P(TaskClass, IsRefusedWithoutANameOrWithAPriorityThatIsNoneOrTwice) {
  worker_pool pool{options()};
  EXPECT_THROW(pool.add_class({}), std::invalid_argument);
  try {
    pool.add_class({.name = "low", .priority = 8});
    FAIL() << "no priority is 8";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "task_class 'low': priority: 0 (the highest) to 7, is 8");
  }
  pool.add_class({.name = "mail"});
  EXPECT_THROW(pool.add_class({.name = "mail"}), std::invalid_argument);
}

TEST_P(TaskClass, CanBeAddedWhileTasksOfOthersRun) {
  worker_pool pool{options()};
  for (int i = 0; i < 200; ++i) {
    const task_class each = pool.add_class({.name = "class " + std::to_string(i)});
    for (int j = 0; j < 3; ++j) pool.post(each, [] {});
  }
  pool.wait_idle();
  for (const auto& each : pool.stats().classes) EXPECT_EQ(each.ended[0], 3U) << each.name;
}

// ---- max_concurrency

using ConcurrencyOfAClass = test::PoolTest;

TEST_P(TaskClass, OfLimitedConcurrencyRunsSoManyAtOnceAndLeavesTheOtherWorkersToOthers) {
  if (capacity() < 8) GTEST_SKIP() << "what waits fills the channel";
  for (const int most : {1, 2, 7}) {
    worker_pool pool{options()};
    const task_class few =
        pool.add_class({.name = "few", .max_concurrency = static_cast<std::uint32_t>(most)});
    test::attendance seen;
    test::gate door;
    for (int i = 0; i < capacity() / 2; ++i) {
      pool.post(few, [&] { seen.during([&] { door.pass(); }); });
    }
    test::await([&] { return seen.inside() >= std::min({most, workers(), capacity() / 2}); });
    if (workers() > most) pool.submit([] {}).get();  // or for ever
    if (workers() > most) pool.submit(task_options{.priority = 7}, [] {}).get();
    door.open();
    pool.wait_idle();
    EXPECT_LE(seen.most(), most);
    EXPECT_EQ(pool.stats().classes[0].ended[0], static_cast<std::uint64_t>(capacity() / 2));
  }
}

// Several places that are free at once are all taken again.
TEST_P(TaskClass, OfLimitedConcurrencyRunsSoManyAgainWhenAllHaveEnded) {
  if (workers() < 4 || capacity() < 16) GTEST_SKIP() << "there are no three beside another";
  worker_pool pool{options()};
  const task_class few = pool.add_class({.name = "few", .max_concurrency = 3});
  test::attendance seen;
  std::array<test::gate, 4> doors;
  std::atomic<std::size_t> begun{0};
  for (std::size_t i = 0; i < 3 * doors.size(); ++i) {
    pool.post(few, [&] {
      const std::size_t round = begun++ / 3;
      seen.during([&] { doors[round].pass(); });
    });
  }
  pool.submit(task_options{.priority = 7}, [] {}).get();  // those that wait have stepped aside
  for (std::size_t round = 0; round < doors.size(); ++round) {
    test::await([&] { return begun == 3 * (round + 1); });  // or for ever
    doors[round].open();
  }
  pool.wait_idle();
  EXPECT_EQ(seen.most(), 3);
}

TEST_P(TaskClass, OfLimitedConcurrencyBeginsInOrder) {
  worker_pool pool{options()};
  const task_class one = pool.add_class({.name = "one", .max_concurrency = 1});
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) pool.post(one, [&order, i] { order.push_back(i); });
  pool.wait_idle();
  ASSERT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

// A user's keys are others than the classes', whatever their number.
TEST_P(TaskClass, OfLimitedConcurrencyHasNothingToDoWithAnother) {
  if (workers() < 2 || capacity() < 8) GTEST_SKIP() << "one of them has no worker, or no place";
  worker_pool pool{options()};
  const task_class a = pool.add_class({.name = "a", .max_concurrency = 1});
  const task_class b = pool.add_class({.name = "b", .max_concurrency = 1});
  test::gate door;
  auto first = pool.submit(a, [&] { door.pass(); });
  auto second = pool.submit(a, [] {});
  pool.submit(b, [] {}).get();  // or for ever
  pool.submit(task_options{.serial_key = 1}, [] {}).get();
  EXPECT_FALSE(second.is_ready());
  door.open();
  second.get();
}

TEST_P(TaskClass, ConcurrencyThatContradictsIsRefusedByName) {
  worker_pool pool{options()};
  EXPECT_EQ(
      test::complaint_of([&] { (void)pool.add_class({.name = "none", .max_concurrency = 0}); }),
      "task_class 'none': max_concurrency must be at least 1, is 0");
  const task_class two = pool.add_class({.name = "two", .max_concurrency = 2});
  EXPECT_EQ(test::complaint_of([&] { pool.post({.serial_key = 7, .task_class = two}, [] {}); }),
            "task_options.serial_key: task_class 'two' has a max_concurrency of its own (2)");
}

TEST_F(ConcurrencyOfAClass, WaitsForItselfAndThatIsFound) {
  pool_options options = test::sized(2);
  std::atomic<int> told{0};
  options.on_deadlock = [&](const deadlock_info&) { ++told; };
  worker_pool pool{options};
  const task_class one = pool.add_class({.name = "one", .max_concurrency = 1});
  auto outer = pool.submit(one, [&] {
    auto inner = pool.submit(one, [] {});
    try {
      inner.get();
    } catch (const submit_error& error) {
      return error.code();
    }
    return submit_errc::full;
  });
  EXPECT_EQ(outer.get(), submit_errc::would_deadlock);  // or for ever
  EXPECT_EQ(told, 1);
}

// Whatever becomes of them: the limit holds, each ends once, and nothing is held for ever.
TEST_P(TaskClass, Stress_OfLimitedConcurrencyIsNeverMoreThanThat) {
  pool_options chosen = options();
  chosen.on_unhandled = [](std::exception_ptr, const unhandled_info&) {};
  worker_pool pool{chosen};
  const task_class few = pool.add_class({.name = "few", .max_concurrency = 2});
  test::attendance seen;
  test::run_together(3, [&](int thread) {
    std::minstd_rand random{static_cast<unsigned>(thread + 1)};
    for (int i = 0; i < test::scaled(2000); ++i) {
      const auto task = [&seen, fails = random() % 16 == 0] {
        seen.during([] { std::this_thread::yield(); });
        if (fails) throw std::runtime_error{"failed"};
      };
      switch (random() % 8) {
        case 0:
          if (thread == 0) (void)pool.purge();
          break;
        case 1:
          pool.post([&pool, few, task] { pool.post(few, task); });
          break;
        case 2:
          pool.submit(few, task).wait();
          break;
        case 3:
          pool.post({.start_by = 10us, .task_class = few}, task);
          break;
        case 4:
          pool.post([] {});
          break;
        default:
          pool.post(few, task);
      }
    }
  });
  pool.wait_idle();
  EXPECT_LE(seen.most(), 2);
  EXPECT_TRUE(pool.stats().tasks.balanced());
  EXPECT_EQ(pool.stats().tasks.inside(), 0U);
  pool.submit(few, [] {}).get();
}

}  // namespace
}  // namespace millpool

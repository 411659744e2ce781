// A task class: options under one name, and an account of their tasks.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/pool_fixture.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
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

}  // namespace
}  // namespace millpool

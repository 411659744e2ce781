// Promise P13: an exception never kills a worker and never vanishes.
#include "millpool/result/task_group.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace millpool {
namespace {

using P13_Exceptions = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P13_Exceptions);

TEST_P(P13_Exceptions, OfASubmittedTaskReachItsFutureAndNobodyElse) {
  pool_options chosen = options();
  std::atomic<int> unhandled{0};
  chosen.on_unhandled = [&](std::exception_ptr, const unhandled_info&) { ++unhandled; };
  worker_pool pool{chosen};
  for (int i = 0; i < test::scaled(500); ++i) {
    auto answer = pool.submit([i]() -> int { throw std::out_of_range{std::to_string(i)}; });
    try {
      (void)answer.get();
      FAIL() << "no exception";
    } catch (const std::out_of_range& error) {
      ASSERT_EQ(error.what(), std::to_string(i));
    }
  }
  EXPECT_EQ(unhandled, 0);
}

TEST_P(P13_Exceptions, OfAPostedTaskReachTheHandlerWithTheNamesOfPoolAndClass) {
  pool_options chosen = options();
  std::mutex mutex;
  std::vector<std::string> seen;
  chosen.on_unhandled = [&](std::exception_ptr error, const unhandled_info& where) {
    const std::lock_guard lock{mutex};
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      seen.push_back(std::string{where.pool} + '|' + std::string{where.task_class} + '|' +
                     thrown.what());
    }
  };
  worker_pool pool{chosen};
  pool.post([] { throw std::runtime_error{"first"}; });
  pool.wait_idle();
  pool.post(pool.add_class({.name = "billing"}), [] { throw std::runtime_error{"second"}; });
  pool.wait_idle();
  EXPECT_EQ(seen, (std::vector<std::string>{"test||first", "test|billing|second"}));
  EXPECT_EQ(pool.stats().tasks.failed, 2U);
}

// Who is told has the exception, and nobody else: neither its worker, which would keep it alive.
TEST_P(P13_Exceptions, AreNotBeingHandledAnyMoreWhenTheHandlerIsTold) {
  pool_options chosen = options();
  std::atomic<int> told{0};
  std::atomic<int> still_handled{0};
  chosen.on_unhandled = [&](std::exception_ptr, const unhandled_info&) {
    ++told;
    if (std::current_exception() != nullptr) ++still_handled;
  };
  worker_pool pool{chosen};
  const int tasks = test::scaled(200);
  for (int i = 0; i < tasks; ++i) {
    for (int j = 0; j < 100; ++j) pool.post([] {});  // so that few are measured
    pool.post([] { throw std::runtime_error{"told"}; });
  }
  pool.wait_idle();
  EXPECT_EQ(told, tasks);
  EXPECT_EQ(still_handled, 0);
}

TEST_P(P13_Exceptions, OfAnyTypeLeaveEveryWorkerAlive) {
  pool_options chosen = options();
  chosen.on_unhandled = [](std::exception_ptr, const unhandled_info&) {};
  worker_pool pool{chosen};
  const std::size_t before = pool.stats().workers.total;
  for (int i = 0; i < 100; ++i) {
    pool.post([i] {
      if (i % 2 == 0) throw 42;
      throw std::string{"no std::exception"};
    });
  }
  pool.wait_idle();
  EXPECT_EQ(pool.stats().workers.total, before);
  EXPECT_EQ(pool.stats().tasks.failed, 100U);
}

TEST_P(P13_Exceptions, WithoutAHandlerAreLogged) {
  worker_pool pool{options()};
  ::testing::internal::CaptureStderr();
  pool.post([] { throw std::runtime_error{"disk on fire"}; });
  pool.wait_idle();
  pool.post([] { throw 42; });
  pool.wait_idle();
  EXPECT_EQ(
      ::testing::internal::GetCapturedStderr(),
      "millpool: a task posted to pool 'test' threw: disk on fire\n"
      "millpool: a task posted to pool 'test' threw: an exception that is no std::exception\n");
}

TEST_P(P13_Exceptions, OfATaskThatRanInItsSubmitterAreKeptTheSame) {
  pool_options chosen = options();
  chosen.when_full = full_policy::caller_runs;
  std::atomic<int> unhandled{0};
  chosen.on_unhandled = [&](std::exception_ptr, const unhandled_info&) { ++unhandled; };
  worker_pool pool{chosen};
  pool.pause();
  while (pool.try_post([] {})) {
  }
  EXPECT_TRUE(pool.post([] { throw std::runtime_error{"here"}; }));
  EXPECT_EQ(unhandled, 1);
  EXPECT_THROW(pool.submit([] { throw std::runtime_error{"here"}; }).get(), std::runtime_error);
}

TEST_P(P13_Exceptions, OfAMoveOfTheResultReachTheFuture) {
  struct stubborn {
    stubborn() = default;
    stubborn(stubborn&&) { throw std::runtime_error{"does not move"}; }  // NOLINT
  };
  worker_pool pool{options()};
  auto answer = pool.submit([] { return stubborn{}; });
  EXPECT_THROW((void)answer.take().value(), std::runtime_error);
  EXPECT_EQ(pool.stats().tasks.failed, 1U);
}

TEST_P(P13_Exceptions, OfAGroupReachItsWaiterOnce) {
  worker_pool pool{options()};
  task_group group{pool};
  for (int i = 0; i < 5; ++i) (void)group.run([] { throw std::runtime_error{"one of five"}; });
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_NO_THROW(group.wait());
  EXPECT_EQ(pool.stats().tasks.failed, 5U);
}

TEST_P(P13_Exceptions, OfKindTaskStoppedMeanCancelledAndAreNotReported) {
  pool_options chosen = options();
  std::atomic<int> unhandled{0};
  chosen.on_unhandled = [&](std::exception_ptr, const unhandled_info&) { ++unhandled; };
  worker_pool pool{chosen};
  pool.post([] { throw task_stopped{}; });
  EXPECT_EQ(pool.submit([] { throw task_stopped{}; }).take().state(), task_state::cancelled);
  pool.wait_idle();
  EXPECT_EQ(unhandled, 0);
  EXPECT_EQ(pool.stats().tasks.cancelled, 2U);
}

}  // namespace
}  // namespace millpool

// Bad options are refused with a message that names the option and its value.
#include "tests/support/pool_fixture.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

namespace millpool {
namespace {

using namespace std::chrono_literals;

std::string complaint_about(const std::function<void(pool_options&)>& spoil) {
  pool_options options;
  options.name = "mill";
  spoil(options);
  try {
    const worker_pool pool{options};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(PoolOptions, RefuseNoWorkersAtMost) {
  EXPECT_EQ(complaint_about([](auto& o) { o.max_workers = 0; }),
            "worker_pool 'mill': max_workers must be at least 1, is 0");
}

TEST(PoolOptions, RefuseAMinimumAboveTheMaximum) {
  EXPECT_EQ(complaint_about([](auto& o) {
              o.min_workers = 5;
              o.max_workers = 4;
            }),
            "worker_pool 'mill': min_workers (5) must not exceed max_workers (4)");
}

TEST(PoolOptions, RefuseACapacityOfNothing) {
  EXPECT_EQ(
      complaint_about([](auto& o) { o.queue_capacity = 0; }),
      "worker_pool 'mill': queue_capacity must be at least 1, is 0: with when_full = block no "
      "submission would ever find room");
}

TEST(PoolOptions, RefuseAnAgingShareOfNothing) {
  EXPECT_EQ(complaint_about([](auto& o) { o.aging.share = 0; }),
            "worker_pool 'mill': aging.share must be at least 1, is 0");
}

TEST(PoolOptions, RefuseNegativeTimes) {
  EXPECT_EQ(complaint_about([](auto& o) { o.block_for = -1ns; }),
            "worker_pool 'mill': block_for must not be negative, is -1 ns");
  EXPECT_EQ(complaint_about([](auto& o) { o.keep_alive = -2ns; }),
            "worker_pool 'mill': keep_alive must not be negative, is -2 ns");
  EXPECT_EQ(complaint_about([](auto& o) { o.aging.bound = -3ns; }),
            "worker_pool 'mill': aging.bound must not be negative, is -3 ns");
}

TEST(PoolOptions, RefuseNoClock) {
  EXPECT_EQ(complaint_about([](auto& o) { o.time = nullptr; }),
            "worker_pool 'mill': time must not be null");
}

TEST(PoolOptions, ByDefaultGiveABoundedPoolOfAsManyWorkersAsThereAreCpus) {
  const worker_pool pool;
  const auto now = pool.stats();
  EXPECT_EQ(now.queue_capacity, 1024U);
  EXPECT_GE(now.workers.total, 1U);
  EXPECT_EQ(now.min_workers, now.max_workers);
  EXPECT_EQ(now.workers.total, now.max_workers);
  EXPECT_EQ(pool.name(), "millpool");
}

TEST(PoolOptions, LetOneBoundFollowTheOther) {
  pool_options many;
  many.min_workers = 1000;
  many.start_thread = [](std::function<void()>) -> std::thread {
    throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
  };
  EXPECT_THROW(worker_pool{many}, std::system_error) << "and not invalid_argument: max follows min";
  pool_options few;
  few.max_workers = 1;
  EXPECT_EQ(worker_pool{few}.stats().min_workers, 1U) << "min follows max";
}

TEST(PoolOptions, OfAResizeAreCheckedTheSame) {
  worker_pool pool{test::sized(1)};
  EXPECT_THROW(pool.resize(0, 0), std::invalid_argument);
  EXPECT_THROW(pool.resize(3, 2), std::invalid_argument);
  EXPECT_THROW(pool.set_queue_capacity(0), std::invalid_argument);
  EXPECT_EQ(pool.stats().max_workers, 1U);
  EXPECT_EQ(pool.stats().queue_capacity, 1024U);
}

TEST(PoolOptions, APriorityThatIsNoneIsRefusedAtTheSubmission) {
  worker_pool pool{test::sized(1)};
  EXPECT_THROW(pool.post(task_options{.priority = 8}, [] {}), std::invalid_argument);
  EXPECT_EQ(pool.shutdown().tasks.accepted, 0U);
}

}  // namespace
}  // namespace millpool

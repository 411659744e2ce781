// Support for tests: pools of several sizes, and payloads that must not be left over.
#pragma once

#include "millpool/pool/worker_pool.hpp"
#include "tests/support/process.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>

namespace millpool::test {

/// `workers` threads, no more and no less.
[[nodiscard]] inline pool_options sized(std::size_t workers, std::size_t capacity = 1024) {
  pool_options options;
  options.name = "test";
  options.min_workers = workers;
  options.max_workers = workers;
  options.queue_capacity = capacity;
  return options;
}

/// A task.
inline constexpr auto nothing = [] {};

/// So many tasks that the pool knows how short they are: it takes them in batches, and no longer
/// measures each.
inline void warm_up(worker_pool& pool) {
  for (int i = 0; i < 2000; ++i) pool.post(nothing);
  pool.wait_idle();
}

/// What a task carries: counts how many of its kind are alive, without those that were moved from.
class payload {
 public:
  explicit payload(std::atomic<int>& alive) noexcept : alive_{&alive} { ++*alive_; }
  payload(const payload& other) noexcept : alive_{other.alive_} {
    if (alive_ != nullptr) ++*alive_;
  }
  payload(payload&& other) noexcept : alive_{std::exchange(other.alive_, nullptr)} {}
  payload& operator=(const payload&) = delete;
  ~payload() {
    if (alive_ != nullptr) --*alive_;
  }

 private:
  std::atomic<int>* alive_;
};

struct pool_shape {
  std::size_t workers;
  std::size_t capacity;

  friend std::ostream& operator<<(std::ostream& out, const pool_shape& shape) {
    return out << shape.workers << "Workers" << shape.capacity << "Places";
  }
};

/// A test of pools. At its end no payload and no thread may be left over.
class PoolTest : public ::testing::Test {
 protected:
  void TearDown() override {
    // A joined thread leaves the kernel's list a moment after join() returned; one that was left
    // behind or that destroyed its own pool may even have a payload to destroy yet.
    while (thread_count() > threads_before_) std::this_thread::yield();
    EXPECT_EQ(payloads_alive, 0) << "payloads left over";
  }

  [[nodiscard]] payload new_payload() { return payload{payloads_alive}; }

  std::atomic<int> payloads_alive{0};

 private:
  // Taken after a first thread has come and gone: ThreadSanitizer starts one of its own with it.
  static std::size_t threads_now() {
    pid_t first = 0;
    std::jthread{[&] { first = ::gettid(); }}.join();
    while (std::filesystem::exists("/proc/self/task/" + std::to_string(first))) {
      std::this_thread::yield();
    }
    return thread_count();
  }

  std::size_t threads_before_ = threads_now();
};

/// The same for each of several shapes.
class ShapedPoolTest : public PoolTest, public ::testing::WithParamInterface<pool_shape> {
 protected:
  [[nodiscard]] static pool_options options() {
    return sized(GetParam().workers, GetParam().capacity);
  }
  [[nodiscard]] static int workers() { return static_cast<int>(GetParam().workers); }
  [[nodiscard]] static int capacity() { return static_cast<int>(GetParam().capacity); }
};

[[nodiscard]] inline auto all_shapes() {
  return ::testing::Values(pool_shape{1, 1}, pool_shape{2, 1}, pool_shape{8, 1},
                           pool_shape{1, 1024}, pool_shape{2, 1024}, pool_shape{8, 1024});
}

}  // namespace millpool::test

/// Runs the TEST_Ps of `suite` with every shape.
#define MILLPOOL_IN_ALL_SHAPES(suite)                               \
  INSTANTIATE_TEST_SUITE_P(, suite, ::millpool::test::all_shapes(), \
                           [](const auto& each) { return testing::PrintToString(each.param); })

// Promise P14: memory is bounded by what was configured.
#include "millpool/base/block_cache.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <malloc.h>
#include <new>
#include <vector>

namespace millpool {
namespace {

using P14_Memory = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P14_Memory);

constexpr int tasks = 20'000;

// How many blocks a task takes beside its slot.
enum class memory : std::size_t { of_slots, of_slots_and_blocks, of_slots_and_two_blocks };

// Has `use` run that many tasks to warm up, then again. The second time the whole process may
// allocate only as often as more tasks are inside at once than ever before, and as a thread keeps
// more free blocks than ever before: not once a task, nor once in ten.
template <class Use>
void expect_no_allocation_a_task(worker_pool& pool, memory used, Use use) {
  use();
  pool.wait_idle();
  const std::uint64_t before = test::allocations_of_all_threads();
  use();
  pool.wait_idle();
  const pool_stats now = pool.stats();
  std::size_t blocks = 0;
  if (used != memory::of_slots) {
#ifdef __SANITIZE_ADDRESS__
    return;  // no block is kept
#endif
    blocks = static_cast<std::size_t>(used) *
             (now.queue_capacity + (now.max_workers + 1) * thread_blocks_max);
  }
  constexpr std::size_t doublings_of_a_ring = 16;
  EXPECT_LE(test::allocations_of_all_threads() - before,
            now.max_workers + doublings_of_a_ring + blocks);
}

using forty_bytes = std::array<std::byte, 32>;  // and a reference

TEST_P(P14_Memory, APostedTaskOfTwoWordsAllocatesNothing) {
  worker_pool pool{options()};
  std::atomic<int> sum{0};
  expect_no_allocation_a_task(pool, memory::of_slots, [&] {
    for (int i = 0; i < tasks; ++i) pool.post([&sum, i] { sum += i; });
  });
}

TEST_P(P14_Memory, ATaskOfAGroupOfOneWordAllocatesNothing) {
  worker_pool pool{options()};
  task_group group{pool};
  std::atomic<int> sum{0};
  expect_no_allocation_a_task(pool, memory::of_slots, [&] {
    for (int i = 0; i < tasks; ++i) (void)group.run([&sum] { ++sum; });
    group.wait();
  });
}

TEST_P(P14_Memory, APostedTaskAllocatesNothing) {
  worker_pool pool{options()};
  std::atomic<int> sum{0};
  expect_no_allocation_a_task(pool, memory::of_slots_and_blocks, [&] {
    for (int i = 0; i < tasks; ++i)
      pool.post([&sum, some = forty_bytes{}] { sum += static_cast<int>(some.size()); });
  });
}

TEST_P(P14_Memory, ASubmittedTaskAllocatesNothing) {
  worker_pool pool{options()};
  long sum = 0;
  expect_no_allocation_a_task(pool, memory::of_slots_and_blocks, [&] {
    for (int i = 0; i < tasks; ++i) {
      sum += static_cast<long>(pool.submit([some = forty_bytes{}] { return some.size(); }).get());
    }
  });
  EXPECT_EQ(sum, 2L * tasks * 32);
}

TEST_P(P14_Memory, ATaskOfAGroupAllocatesNothing) {
  worker_pool pool{options()};
  task_group group{pool};
  std::atomic<int> sum{0};
  expect_no_allocation_a_task(pool, memory::of_slots_and_blocks, [&] {
    for (int i = 0; i < tasks; ++i)
      (void)group.run([&sum, some = forty_bytes{}] { sum += static_cast<int>(some.size()); });
    group.wait();
  });
}

TEST_P(P14_Memory, AResultThroughAChannelAllocatesNothing) {
  worker_pool pool{options()};
  result_channel<int> results{1};
  expect_no_allocation_a_task(pool, memory::of_slots_and_blocks, [&] {
    for (int i = 0; i < tasks; ++i) {
      (void)results.submit(pool, [i] { return i; });
      (void)results.pop();
    }
  });
}

TEST_P(P14_Memory, ATaskWithOptionsAndAClassAllocatesNothing) {
  worker_pool pool{options()};
  const task_class cls = pool.add_class({.name = "a class with a name that no small string holds"});
  const std::stop_source stop;
  expect_no_allocation_a_task(pool, memory::of_slots_and_two_blocks, [&] {
    for (int i = 0; i < tasks; ++i) {
      pool.post({.priority = 2,
                 .timeout = std::chrono::hours{1},
                 .stop_token = stop.get_token(),
                 .task_class = cls},
                [](task_context&) {});
    }
  });
}

TEST_P(P14_Memory, DoesNotFollowTheProducersSpeed) {
  const auto offer = [&](int count) {
    worker_pool pool{options()};
    test::run_together(2, [&](int) {
      for (int i = 0; i < count; ++i) pool.post([cargo = new_payload()] {});
    });
    pool.wait_idle();
    return test::live_allocations();
  };
  (void)offer(5000);
  const auto few = offer(5000);
  const auto many = offer(50'000);
  // Blocks stay with the process, as many as were inside at once: how many is a matter of luck.
  const auto shape = GetParam();
  EXPECT_LE(many, few + static_cast<std::int64_t>(shape.capacity + shape.workers * 3 +
                                                  (shape.workers + 2) * thread_blocks_max));
}

TEST_P(P14_Memory, PayloadsInsideAreNoMoreThanCapacityAndWorkersAllow) {
  worker_pool pool{options()};
  std::atomic<bool> too_many{false};
  // One waits with each of two producers, and one more is under way in the hand of each worker.
  const int bound = capacity() + workers() + 2;
  test::run_together(2, [&](int) {
    for (int i = 0; i < test::scaled(20'000); ++i) {
      pool.post([this, &too_many, bound, cargo = new_payload()] {
        if (payloads_alive > bound) too_many = true;
      });
    }
  });
  pool.wait_idle();
  EXPECT_FALSE(too_many);
}

// 40 tasks wait in a paused pool: some in the channel, in two lanes, and some with a worker.
struct a_pool_with_tasks {
  a_pool_with_tasks() {
    pool.submit([&] {
          pool.pause();
          for (int i = 0; i < 20; ++i) waiting.push_back(pool.submit([] {}));
        })
        .get();
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit({.priority = 7U}, [] {}));
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit([] {}));
  }
  void expect_all_ended() {
    for (const future<void>& each : waiting) EXPECT_TRUE(each.is_ready());
    const auto seen = pool.stats().tasks;
    EXPECT_EQ(seen.inside(), 0U);
    EXPECT_EQ(seen.accepted, waiting.size() + 1);
  }
  worker_pool pool{test::sized(1)};
  std::vector<future<void>> waiting;
};

using P1_WithoutMemory = test::PoolTest;

constexpr std::uint64_t at_any_allocation = 12;

TEST_F(P1_WithoutMemory, APurgeLosesNothing) {
  for (std::uint64_t after = 0; after < at_any_allocation; ++after) {
    a_pool_with_tasks one;
    try {
      const test::no_memory none{after};
      (void)one.pool.purge();
    } catch (const std::bad_alloc&) {
    }
    one.pool.resume();
    one.pool.wait_idle();
    one.expect_all_ended();
  }
}

TEST_F(P1_WithoutMemory, ACancelLosesNothing) {
  for (std::uint64_t after = 0; after < at_any_allocation; ++after) {
    a_pool_with_tasks one;
    {
      const test::no_memory none{after};
      EXPECT_TRUE(one.pool.cancel(std::chrono::seconds{30}));
    }
    one.expect_all_ended();
  }
}

using P14_AfterABurst = test::PoolTest;

// The pool grows from 1 worker to 16, tasks of 4 KiB fill its channel, and many more pass through.
TEST_F(P14_AfterABurst, ThreadsAndMemoryAreWhatTheyWereBefore) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory that was freed";
#endif
  using cargo = std::array<std::byte, 4096>;
  constexpr std::int64_t megabyte = 1 << 20;
  // What a user does who wants the memory back now: the blocks, and what malloc keeps.
  const auto resident = [] {
    trim_blocks();
    ::malloc_trim(0);
    return test::resident_bytes();
  };
  pool_options elastic = test::sized(1);
  elastic.max_workers = 16;
  elastic.keep_alive = std::chrono::milliseconds{1};
  worker_pool pool{elastic};
  pool.submit([] {}).get();
  const std::size_t threads_before = test::thread_count();
  const std::int64_t before = resident();

  std::atomic<std::uint64_t> sum{0};
  const auto offer = [&] {
    return pool.try_post([&sum, large = cargo{}] { sum += large.size(); });
  };
  {
    const test::occupation busy{pool, 16};
    EXPECT_EQ(pool.stats().workers.total, 16U);
    while (offer()) {
    }
    EXPECT_GT(test::resident_bytes() - before, 3 * megabyte) << "else this measures nothing";
  }
  for (int i = 0; i < 30'000; ++i) pool.post([&sum, large = cargo{}] { sum += large.size(); });
  pool.wait_idle();
  EXPECT_GE(sum, 30'000 * sizeof(cargo));

  test::await([&] { return pool.stats().workers.total == 1; });
  test::await([&] { return test::thread_count() <= threads_before; });
  EXPECT_LE(resident() - before, megabyte);
}

}  // namespace
}  // namespace millpool

// Promise P14: memory is bounded by what was configured.
#include "millpool/base/block_cache.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <array>
#include <atomic>
#include <cstddef>

namespace millpool {
namespace {

using P14_Memory = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P14_Memory);

constexpr int tasks = 6000;

enum class memory { of_slots, of_slots_and_blocks };

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
  const std::size_t blocks_of_slots = now.queue_capacity / 64 + 1;
  std::size_t kept_by_threads = 0;
  if (used == memory::of_slots_and_blocks) {
#ifdef __SANITIZE_ADDRESS__
    return;  // no block is kept
#endif
    kept_by_threads = (now.max_workers + 1) * thread_blocks_max;
  }
  EXPECT_LE(test::allocations_of_all_threads() - before,
            now.max_workers + blocks_of_slots + kept_by_threads + 8);
}

using forty_bytes = std::array<std::byte, 32>;  // and a reference

TEST_P(P14_Memory, APostedTaskAllocatesNothing) {
  worker_pool pool{options()};
  std::atomic<int> sum{0};
  expect_no_allocation_a_task(pool, memory::of_slots, [&] {
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
  expect_no_allocation_a_task(pool, memory::of_slots, [&] {
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
  expect_no_allocation_a_task(pool, memory::of_slots, [&] {
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
  // Slots come by 64 as the depth first reaches them: how far it gets is a matter of luck.
  EXPECT_LE(many, few + static_cast<std::int64_t>(GetParam().capacity / 64) + 2);
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

}  // namespace
}  // namespace millpool

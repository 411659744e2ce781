// task_options::serial_key and fair_key, through a whole pool.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using SerialTasks = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(SerialTasks);

constexpr std::uint64_t keys = 3;

/// Notes that no two tasks of a key overlap, and in which order they run.
class witness {
 public:
  void run(std::uint64_t key, int number) {
    EXPECT_FALSE(inside_[key].exchange(true)) << "two tasks of one key at once";
    order_[key].push_back(number);  // not guarded: that is the point
    inside_[key] = false;
  }
  [[nodiscard]] const std::vector<int>& order(std::uint64_t key) const { return order_[key]; }

 private:
  std::atomic<bool> inside_[keys]{};
  std::vector<int> order_[keys];
};

TEST_P(SerialTasks, RunOneAtATimeInTheOrderOfTheirSubmission) {
  const int each = test::scaled(2'000);
  witness seen;
  worker_pool pool{options()};
  for (int i = 0; i < each; ++i) {
    for (std::uint64_t key = 0; key < keys; ++key) {
      pool.post(task_options{.serial_key = key}, [&, key, i] { seen.run(key, i); });
    }
    pool.post([] {});
  }
  pool.wait_idle();
  for (std::uint64_t key = 0; key < keys; ++key) {
    ASSERT_EQ(seen.order(key).size(), static_cast<std::size_t>(each));
    for (int i = 0; i < each; ++i) ASSERT_EQ(seen.order(key)[static_cast<std::size_t>(i)], i);
  }
}

TEST_P(SerialTasks, NeverOverlapUnderAnyPolicyWhoeverSubmits) {
  for (int policy = 0; policy <= static_cast<int>(full_policy::discard_lowest); ++policy) {
    pool_options chosen = options();
    chosen.when_full = static_cast<full_policy>(policy);
    witness seen;
    worker_pool pool{chosen};
    {
      std::vector<std::jthread> submitters;
      for (int s = 0; s < 3; ++s) {
        submitters.emplace_back([&] {
          for (int i = 0; i < test::scaled(300); ++i) {
            const auto key = static_cast<std::uint64_t>(i) % keys;
            pool.post(task_options{.priority = static_cast<unsigned>(i % 3), .serial_key = key},
                      [&, key, i, cargo = new_payload()] {
                        seen.run(key, i);
                        const auto other = (key + 1) % keys;
                        pool.post(task_options{.serial_key = other},
                                  [&, other, cargo = new_payload()] { seen.run(other, 0); });
                      });
          }
        });
      }
    }
    const ledger tasks = pool.shutdown().tasks;
    std::size_t ran = 0;
    for (std::uint64_t key = 0; key < keys; ++key) ran += seen.order(key).size();
    EXPECT_EQ(tasks.succeeded, ran);
    EXPECT_EQ(tasks.accepted, tasks.succeeded + tasks.discarded);
  }
}

TEST_P(SerialTasks, LeaveTheOtherWorkersToOthers) {
  if (workers() == 1) GTEST_SKIP() << "there is no other worker";
  worker_pool pool{options()};
  test::gate started;
  test::gate door;
  pool.post(task_options{.serial_key = 1}, [&] {
    started.open();
    door.pass();
  });
  started.pass();
  auto second = pool.submit(task_options{.priority = 0, .serial_key = 1}, [] { return 2; });
  if (capacity() > 1) {
    EXPECT_EQ(pool.submit([] { return 3; }).get(), 3);
  }
  EXPECT_FALSE(second.is_ready());
  EXPECT_EQ(pool.stats().tasks.waiting, 1U);
  door.open();
  EXPECT_EQ(second.get(), 2);
}

TEST_P(SerialTasks, GoOnAfterOneThatThrewExpiredOrWasCancelled) {
  worker_pool pool{options()};
  std::stop_source stop;
  stop.request_stop();
  auto failed = pool.submit(task_options{.serial_key = 1}, [] { throw 1; });
  auto expired = pool.submit(task_options{.deadline = time_point::min(), .serial_key = 1}, [] {});
  auto cancelled =
      pool.submit(task_options{.serial_key = 1, .stop_token = stop.get_token()}, [] {});
  auto last = pool.submit(task_options{.serial_key = 1}, [] { return 42; });
  EXPECT_EQ(last.get(), 42);
  EXPECT_EQ(failed.take().state(), task_state::failed);
  EXPECT_EQ(expired.take().state(), task_state::expired);
  EXPECT_EQ(cancelled.take().state(), task_state::cancelled);
}

TEST_P(SerialTasks, EndWithThePoolAtAnyMoment) {
  for (int round = 0; round < test::scaled(50); ++round) {
    worker_pool pool{options()};
    std::atomic<int> ran{0};
    int accepted = 0;
    for (int i = 0; i < 20; ++i) {
      const auto key = static_cast<std::uint64_t>(i) % 2;
      accepted += pool.try_post(task_options{.serial_key = key}, [&, c = new_payload()] { ++ran; })
                      .has_value();
    }
    if (round % 3 == 0) pool.close();
    if (round % 3 == 1) pool.purge();
    const ledger tasks =
        pool.shutdown({.drain = round % 2 == 0 ? forever : duration::zero()}).tasks;
    EXPECT_EQ(tasks.accepted, static_cast<std::uint64_t>(accepted));
    EXPECT_EQ(tasks.succeeded, static_cast<std::uint64_t>(ran));
    EXPECT_EQ(tasks.inside(), 0U);
  }
}

using FairTasks = test::PoolTest;

TEST_F(FairTasks, OfAQuietTenantDoNotWaitForAllOfABusyOnes) {
  worker_pool pool{test::sized(1, 1024)};
  pool.pause();
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    pool.post(task_options{.fair_key = 1}, [&, i] { order.push_back(i); });
  }
  pool.post(task_options{.fair_key = 2}, [&] { order.push_back(1000); });
  pool.resume();
  pool.wait_idle();
  ASSERT_EQ(order.size(), 101U);
  EXPECT_EQ(order[1], 1000);
}

}  // namespace
}  // namespace millpool

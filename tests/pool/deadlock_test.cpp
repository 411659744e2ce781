// Promise P5: no submission deadlocks. (A deadlock shows as this program's timeout.)
#include "millpool/channel/bounded_queue.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using P5_NoSubmissionDeadlocks = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P5_NoSubmissionDeadlocks);

constexpr int policies = static_cast<int>(full_policy::discard_lowest) + 1;

TEST_P(P5_NoSubmissionDeadlocks, OfAWorkerToItsOwnFullPoolUnderAnyPolicy) {
  for (int policy = 0; policy < policies; ++policy) {
    pool_options chosen = options();
    chosen.when_full = static_cast<full_policy>(policy);
    chosen.block_for = std::chrono::hours{1};
    chosen.max_compensation = 0;  // so that one that waits after all is not rescued
    worker_pool pool{chosen};
    std::atomic<int> ran{0};
    std::atomic<int> accepted{0};
    for (int i = 0; i < 2 * workers(); ++i) {
      pool.wait_idle();  // or this one may be the victim
      pool.submit([&] {
            for (int j = 0; j < 2 * capacity(); ++j) {
              if (pool.post([&, cargo = new_payload()] { ++ran; })) ++accepted;
            }
          })
          .get();
    }
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_EQ(static_cast<std::uint64_t>(ran), tasks.succeeded - 2 * GetParam().workers);
    EXPECT_EQ(static_cast<std::uint64_t>(accepted), tasks.accepted - 2 * GetParam().workers);
  }
}

TEST_P(P5_NoSubmissionDeadlocks, OfAWorkerThatWouldWaitForRoomUntilADeadline) {
  worker_pool pool{options()};
  const bool all = pool.submit([&] {
                         bool accepted = true;
                         for (int i = 0; i < 2 * capacity(); ++i) {
                           accepted = accepted &&
                                      pool.submit_until(no_deadline, [] {}).has_value() &&
                                      pool.submit_for(std::chrono::hours{1}, [] {}).has_value();
                         }
                         return accepted;
                       })
                       .get();
  EXPECT_TRUE(all);
}

// A task runs inside another one's blocking region, and blocks in its turn.
TEST_P(P5_NoSubmissionDeadlocks, OfATaskThatBlocksInsideAnothersBlockingRegion) {
  worker_pool pool{options()};
  result_channel<int> results{1};
  auto outer = pool.submit([&] {
    const blocking_region region;
    return pool
        .submit([&] {
          EXPECT_TRUE(results.submit(pool, [] { return 42; }));
          return results.pop()->value();
        })
        .get();
  });
  EXPECT_EQ(outer.get(), 42);
}

TEST_P(P5_NoSubmissionDeadlocks, OfATaskThatWaitsForAQueueThatAnotherFills) {
  worker_pool pool{options()};
  bounded_queue<int> queue{1};
  std::vector<future<std::optional<int>>> popped;
  for (int i = 0; i < 2 * workers(); ++i)
    popped.push_back(pool.submit([&] { return queue.pop(); }));
  for (int i = 0; i < 2 * workers(); ++i) pool.post([&] { EXPECT_TRUE(queue.push(1)); });
  for (auto& each : popped) EXPECT_EQ(each.get(), 1);
}

// Each task submits the next: `chains` at a time, so that the channel is full at capacity 1.
void run_chain(worker_pool& pool, std::atomic<int>& left) {
  if (left.fetch_sub(1) > 0) pool.post([&] { run_chain(pool, left); });
}

TEST_P(P5_NoSubmissionDeadlocks, OfAMillionTasksThatEachSubmitTheNext) {
  for (const full_policy policy : {full_policy::block, full_policy::caller_runs}) {
    pool_options chosen = options();
    chosen.when_full = policy;
    worker_pool pool{chosen};
    std::atomic<int> left{test::scaled(1'000'000)};
    for (int chain = 0; chain < 3 + workers(); ++chain) pool.post([&] { run_chain(pool, left); });
    pool.wait_idle();  // and the stack has not grown with the chain, or we would not be here
    EXPECT_LE(left, 0);
  }
}

TEST_P(P5_NoSubmissionDeadlocks, OfATaskThatSubmitsTwoAndSoOn) {
  worker_pool pool{options()};
  std::atomic<int> leaves{0};
  struct tree {
    worker_pool& pool;
    std::atomic<int>& leaves;
    void grow(int height) {
      if (height == 0) {
        ++leaves;
        return;
      }
      for (int i = 0; i < 2; ++i) pool.post([this, height] { grow(height - 1); });
    }
  } root{pool, leaves};
  pool.post([&] { root.grow(14); });
  pool.wait_idle();
  EXPECT_EQ(leaves, 1 << 14);
}

int fib_of_futures(worker_pool& pool, int n) {
  if (n < 2) return n;
  auto a = pool.submit([&pool, n] { return fib_of_futures(pool, n - 1); });
  auto b = pool.submit([&pool, n] { return fib_of_futures(pool, n - 2); });
  return a.get() + b.get();
}

TEST_P(P5_NoSubmissionDeadlocks, OfARecursionThroughFutures) {
  worker_pool pool{options()};
  EXPECT_EQ(pool.submit([&] { return fib_of_futures(pool, 16); }).get(), 987);
  EXPECT_EQ(fib_of_futures(pool, 12), 144) << "from outside";
}

int deep(worker_pool& pool, int n) {
  if (n == 0) return 0;
  return 1 + pool.submit([&pool, n] { return deep(pool, n - 1); }).get();
}

// Other workers may take each link before its submitter waits for it, and so use up all
// compensation; from there on one thread has the rest of the chain on its stack.
TEST_P(P5_NoSubmissionDeadlocks, OfAChainOfAThousandWaits) {
  worker_pool pool{options()};
  EXPECT_EQ(pool.submit([&] { return deep(pool, 900); }).get(), 900);
}

TEST_P(P5_NoSubmissionDeadlocks, OfAChainOfWaitsInAPoolThatIsAlwaysFull) {
  pool_options chosen = options();
  chosen.max_compensation = 0;  // the waiter itself has to find the task, also one that was put off
  worker_pool pool{chosen};
  std::atomic<bool> over{false};
  std::jthread filler{[&] {
    while (!over) pool.post([] {});
  }};
  EXPECT_EQ(pool.submit([&] { return deep(pool, 500); }).get(), 500);
  over = true;
}

int fib_in_groups(worker_pool& pool, int n) {
  if (n < 2) return n;
  int a = 0;
  int b = 0;
  task_group group{pool};
  (void)group.run([&pool, &a, n] { a = fib_in_groups(pool, n - 1); });
  (void)group.run([&pool, &b, n] { b = fib_in_groups(pool, n - 2); });
  group.wait();
  return a + b;
}

TEST_P(P5_NoSubmissionDeadlocks, OfARecursionThroughTaskGroups) {
  worker_pool pool{options()};
  EXPECT_EQ(pool.submit([&] { return fib_in_groups(pool, 16); }).get(), 987);
}

TEST_P(P5_NoSubmissionDeadlocks, OfAGroupThatItsOwnTasksEnlarge) {
  worker_pool pool{options()};
  pool.submit([&] {
        std::atomic<int> ran{0};
        task_group group{pool};
        std::atomic<int> left{2000};
        struct {
          task_group<worker_pool>& group;
          std::atomic<int>& ran;
          std::atomic<int>& left;
          void next() {
            ++ran;
            if (left.fetch_sub(1) > 0) (void)group.run([this] { next(); });
          }
        } more{group, ran, left};
        for (int i = 0; i < 3; ++i) (void)group.run([&] { more.next(); });
        group.wait();
        EXPECT_EQ(ran, 2003);
      })
      .get();
}

int sum_by_channel(worker_pool& pool, int depth) {
  if (depth == 0) return 1;
  result_channel<int> results{4};
  for (int i = 0; i < 3; ++i) {
    (void)results.submit(pool, [&pool, depth] { return sum_by_channel(pool, depth - 1); });
  }
  results.close();
  int sum = 0;
  for (auto& each : results) sum += std::move(each).value();
  return sum;
}

TEST_P(P5_NoSubmissionDeadlocks, OfResultChannelsInsideTasks) {
  worker_pool pool{options()};
  EXPECT_EQ(pool.submit([&] { return sum_by_channel(pool, 4); }).get(), 81);
}

TEST_P(P5_NoSubmissionDeadlocks, OfWorkersThatWaitForATaskSomebodyElseSubmitted) {
  worker_pool pool{options()};
  test::gate ready;
  future<int> shared;
  auto waiter = pool.submit([&] {
    ready.pass();
    return shared.get() + 1;
  });
  std::jthread other{[&] {
    shared = pool.submit([] { return 41; });
    ready.open();
  }};
  EXPECT_EQ(waiter.get(), 42);
}

TEST_P(P5_NoSubmissionDeadlocks, OfWorkersThatAllWaitForContinuations) {
  worker_pool pool{options()};
  std::vector<future<int>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(pool.submit([&pool, i] {
      return pool.submit([i] { return i; }).then([](int n) { return n + 1; }).get();
    }));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), i + 1);
}

TEST_P(P5_NoSubmissionDeadlocks, OfWorkersThatAllBlockUntilAnotherTaskRan) {
  worker_pool pool{options()};
  test::gate door;
  std::atomic<int> blocked{0};
  std::vector<std::jthread> submitters;  // that may have to wait for room
  for (int i = 0; i < workers(); ++i) {
    submitters.emplace_back([&] {
      pool.post([&] {
        const blocking_region waiting;
        ++blocked;
        door.pass();
      });
    });
  }
  test::await([&] { return blocked == workers(); });
  pool.post([&] { door.open(); });
  pool.wait_idle();
}

TEST_P(P5_NoSubmissionDeadlocks, OfTwoPoolsThatSubmitToEachOther) {
  worker_pool one{options()};
  worker_pool two{options()};
  struct {
    worker_pool& one;
    worker_pool& two;
    int bounce(int n) {
      if (n == 0) return 0;
      worker_pool& next = n % 2 == 0 ? one : two;
      return 1 + next.submit([this, n] { return bounce(n - 1); }).get();
    }
  } ball{one, two};
  EXPECT_EQ(ball.bounce(60), 60);
}

TEST_P(P5_NoSubmissionDeadlocks, OfAWorkerThatWaitsForItsPoolToBeIdle) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  const int seen = pool.submit([&] {
                         for (int i = 0; i < 10; ++i) pool.post([&] { ++ran; });
                         pool.wait_idle();
                         return ran.load();
                       })
                       .get();
  EXPECT_EQ(seen, 10);
}

TEST_P(P5_NoSubmissionDeadlocks, OfATaskThatSteersItsOwnPool) {
  worker_pool pool{options()};
  pool.submit([&] {
        pool.pause();
        pool.post([] {});
        (void)pool.stats();
        pool.resize(1, GetParam().workers);
        pool.set_queue_capacity(2);
        pool.resume();
        pool.post([] {});
        (void)pool.purge();
        pool.close();
      })
      .get();
  EXPECT_TRUE(pool.shutdown().drained);
}

}  // namespace
}  // namespace millpool

// join: two calls at once, and back when both are done.
#include "millpool/pool/join.hpp"

#include "tests/support/allocations.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace millpool {
namespace {

using Join = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Join);
using JoinOfTwoWorkers = test::PoolTest;

struct broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int fib(worker_pool& pool, int n) {
  if (n < 2) return n;
  int one = 0;
  int two = 0;
  join(
      pool, [&] { one = fib(pool, n - 1); }, [&] { two = fib(pool, n - 2); });
  return one + two;
}

// What `call` throws, in words.
template <class Call>
std::string thrown_by(Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing";
}

TEST_P(Join, RunsBothHalvesOnce) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(500); ++i) {
    std::atomic<int> a{0};
    std::atomic<int> b{0};
    pool.submit([&] {
          join(
              pool, [&] { ++a; }, [&] { ++b; });
          EXPECT_EQ(a, 1);
          EXPECT_EQ(b, 1);
        })
        .get();
  }
}

TEST_P(Join, RunsBothHalvesInAPoolOfWhichTheCallerIsNoThread) {
  worker_pool pool{options()};
  int a = 0;
  int b = 0;
  join(
      pool, [&] { a = pool.is_own_thread() ? 1 : -1; }, [&] { b = pool.is_own_thread() ? 1 : -1; });
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 1);
}

TEST_P(Join, NestsAndBalancesTheLedger) {
  worker_pool pool{options()};
  EXPECT_EQ(fib(pool, 16), 987);
  pool.wait_idle();
  EXPECT_EQ(pool.stats().tasks.inside(), 0U);
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_TRUE(tasks.balanced()) << tasks;
  EXPECT_EQ(tasks.inside(), 0U) << tasks;
  EXPECT_EQ(tasks.succeeded, tasks.accepted) << tasks;
}

TEST_P(Join, NestsFromManyThreadsAtOnce) {
  worker_pool pool{options()};
  test::run_together(4, [&](int) {
    for (int i = 0; i < test::scaled(30); ++i) EXPECT_EQ(fib(pool, 12), 144);
  });
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_EQ(tasks.inside(), 0U) << tasks;
  EXPECT_EQ(tasks.succeeded, tasks.accepted) << tasks;
}

TEST_P(Join, ThrowsWhatAThrows) {
  worker_pool pool{options()};
  std::atomic<bool> b_is_inside{false};
  const auto join_them = [&] {
    join(
        pool, [&] { throw broken{"a"}; },
        [&] {
          b_is_inside = true;
          std::this_thread::yield();
          b_is_inside = false;
        });
  };
  for (int i = 0; i < test::scaled(300); ++i) {
    EXPECT_EQ(thrown_by([&] { pool.submit(join_them).get(); }), "a");
    EXPECT_FALSE(b_is_inside) << "b is awaited";
    EXPECT_EQ(thrown_by(join_them), "a");
    EXPECT_FALSE(b_is_inside) << "b is awaited";
  }
}

TEST_P(Join, ThrowsWhatBThrows) {
  worker_pool pool{options()};
  std::atomic<int> a{0};
  const auto join_them = [&] {
    join(
        pool, [&] { ++a; }, [&] { throw broken{"b"}; });
  };
  const int times = test::scaled(300);
  for (int i = 0; i < times; ++i) {
    EXPECT_EQ(thrown_by([&] { pool.submit(join_them).get(); }), "b");
    EXPECT_EQ(thrown_by(join_them), "b");
  }
  EXPECT_EQ(a, 2 * times);
}

TEST_P(Join, ThrowsWhatAThrowsIfBothThrow) {
  worker_pool pool{options()};
  const auto join_them = [&] {
    join(
        pool, [&] { throw broken{"a"}; }, [&] { throw broken{"b"}; });
  };
  for (int i = 0; i < test::scaled(300); ++i) {
    EXPECT_EQ(thrown_by([&] { pool.submit(join_them).get(); }), "a");
    EXPECT_EQ(thrown_by(join_them), "a");
  }
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_EQ(tasks.inside(), 0U) << tasks;
}

TEST_P(Join, ThrowsTheRefusalOfAClosedPool) {
  worker_pool pool{options()};
  pool.close();
  bool ran = false;
  EXPECT_THROW(join(
                   pool, [&] { ran = true; }, [&] { ran = true; }),
               submit_error);
  EXPECT_FALSE(ran);
}

TEST_P(Join, GoesOnInATaskOfAClosedPool) {
  worker_pool pool{options()};
  test::gate started;
  test::gate door;
  auto sum = pool.submit([&] {
    started.open();
    door.pass();
    return fib(pool, 10);
  });
  started.pass();
  pool.close();
  door.open();
  EXPECT_EQ(sum.get(), 55);
}

TEST_P(Join, GoesOnInATaskOfAPausedPool) {
  worker_pool pool{options()};
  auto sum = pool.submit([&] {
    pool.pause();
    return fib(pool, 10);
  });
  EXPECT_EQ(sum.get(), 55);
  pool.resume();
}

TEST_P(Join, LeavesWhatAHasSubmittedToRun) {
  worker_pool pool{options()};
  std::atomic<int> ran{0};
  pool.submit([&] {
        join(
            pool,
            [&] {
              for (int i = 0; i < 10; ++i) pool.post([&ran] { ++ran; });
            },
            [&ran] { ++ran; });
      })
      .get();
  pool.wait_idle();
  EXPECT_EQ(ran, 11);
}

TEST_P(Join, TakesItsOwnHalfBackFromBelowOthers) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(300); ++i) {
    std::atomic<int> order{0};
    std::atomic<int> ran{0};
    pool.submit([&] {
          join(
              pool,
              [&] {
                join(
                    pool, [&] { pool.post([&ran] { ++ran; }); }, [&] { EXPECT_LE(++order, 2); });
              },
              [&] { EXPECT_LE(++order, 2); });
          EXPECT_EQ(order, 2);
        })
        .get();
    pool.wait_idle();
    ASSERT_EQ(ran, 1);
  }
}

// The cancel step comes while a half waits to be taken back: it is run or stopped, and never lost.
TEST_P(Join, RunsBOrThrowsTaskStoppedWhenThePoolIsCancelled) {
  for (int i = 0; i < test::scaled(100); ++i) {
    worker_pool pool{options()};
    test::gate in_a;
    std::optional<bool> stopped;
    std::atomic<bool> ran_b{false};
    auto joining = pool.submit([&] {
      try {
        join(
            pool,
            [&] {
              in_a.open();
              if (i % 2 == 0) test::await([&] { return !pool.try_post([] {}); });
            },
            [&] { ran_b = true; });
        stopped = false;
      } catch (const task_stopped&) {
        stopped = true;
      }
    });
    in_a.pass();
    EXPECT_TRUE(pool.cancel());
    joining.wait();
    ASSERT_TRUE(stopped.has_value());
    EXPECT_EQ(*stopped, !ran_b);
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_TRUE(tasks.balanced()) << tasks;
    EXPECT_EQ(tasks.inside(), 0U) << tasks;
  }
}

TEST_P(Join, ThrowsTaskStoppedIfAPurgeTookBAway) {
  worker_pool pool{options()};
  std::atomic<bool> ran_b{false};
  std::string told;
  pool.submit([&] {
        told = thrown_by([&] {
          join(
              pool, [&] { pool.purge().clear(); }, [&] { ran_b = true; });
        });
      })
      .get();
  EXPECT_EQ(told == "nothing", ran_b) << told;
  pool.wait_idle();
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_TRUE(tasks.balanced()) << tasks;
  EXPECT_EQ(tasks.inside(), 0U) << tasks;
}

TEST_P(Join, AllocatesNothing) {
  worker_pool pool{options()};
  (void)fib(pool, 16);  // threads, and each worker's deque
  pool.wait_idle();
  const auto before = test::allocations_of_all_threads();
  (void)fib(pool, 16);  // some 1,600 joins
  pool.wait_idle();
  // A worker that kept nothing the first time makes its deque now.
  constexpr std::uint64_t others = 40;
  EXPECT_LE(test::allocations_of_all_threads() - before, GetParam().workers + others);
}

TEST_F(JoinOfTwoWorkers, LetsAnotherWorkerTakeAHalf) {
  worker_pool pool{test::sized(2)};
  pool.submit([&] {
        std::thread::id thread_of_a;
        std::thread::id thread_of_b;
        test::gate b_runs;
        join(
            pool,
            [&] {
              b_runs.pass();  // on another thread, or never
              thread_of_a = std::this_thread::get_id();
            },
            [&] {
              b_runs.open();
              thread_of_b = std::this_thread::get_id();
            });
        EXPECT_NE(thread_of_a, thread_of_b);
      })
      .get();
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_EQ(tasks.accepted, 2U) << "b was taken by another worker, and is a task";
  EXPECT_EQ(tasks.succeeded, 2U);
}

TEST_F(JoinOfTwoWorkers, WaitsForAHalfThatAnotherWorkerHasTaken) {
  worker_pool pool{test::sized(2)};
  for (const bool a_throws : {false, true}) {
    test::gate b_runs;
    test::gate door;
    bool b_is_done = false;
    auto joining = pool.submit([&] {
      const std::string told = thrown_by([&] {
        join(
            pool,
            [&] {
              b_runs.pass();
              if (a_throws) throw broken{"a"};
            },
            [&] {
              b_runs.open();
              door.pass();
              b_is_done = true;
              throw broken{"b"};
            });
      });
      EXPECT_TRUE(b_is_done);
      return told;
    });
    b_runs.pass();
    EXPECT_FALSE(joining.is_ready());
    door.open();
    EXPECT_EQ(joining.get(), a_throws ? "a" : "b");
  }
  pool.wait_idle();
  EXPECT_EQ(pool.stats().tasks.failed, 2U) << "the halves, which another worker took";
}

TEST_F(JoinOfTwoWorkers, LeavesATaskThatAHasSubmittedToTheOtherWorkerWhileBIsLong) {
  worker_pool pool{test::sized(2)};
  for (int i = 0; i < test::scaled(2000); ++i) {
    test::gate ran;
    pool.submit([&] {
          join(
              pool, [&] { pool.post([&ran] { ran.open(); }); },
              [&] { ran.pass(); });  // on whichever worker: the other one has the task
        })
        .get();
  }
}

}  // namespace
}  // namespace millpool

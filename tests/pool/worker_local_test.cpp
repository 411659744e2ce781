// A value for each worker.
#include "millpool/pool/worker_local.hpp"

#include "tests/support/pool_fixture.hpp"

#include <atomic>
#include <memory>
#include <set>
#include <thread>

namespace millpool {
namespace {

using WorkerLocal = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(WorkerLocal);

TEST_P(WorkerLocal, AddsUpWithoutALock) {
  worker_pool pool{options()};
  worker_local<long> sums{pool};
  for (long i = 1; i <= 5000; ++i) pool.post([&, i] { sums.get() += i; });
  pool.wait_idle();
  long total = 0;
  int values = 0;
  sums.for_each([&](long sum) {
    total += sum;
    ++values;
  });
  EXPECT_EQ(total, 5000L * 5001 / 2);
  EXPECT_GE(values, 1);
  EXPECT_LE(values, workers());
}

TEST_P(WorkerLocal, MakesAValueOnceAWorker) {
  worker_pool pool{options()};
  std::atomic<int> made{0};
  worker_local<std::thread::id> home{pool, [&] {
                                       ++made;
                                       return std::this_thread::get_id();
                                     }};
  for (int i = 0; i < 500; ++i) {
    pool.post([&] { EXPECT_EQ(home.get(), std::this_thread::get_id()); });
  }
  pool.wait_idle();
  EXPECT_LE(made, workers());
}

TEST_P(WorkerLocal, KeepsSeveralApart) {
  worker_pool pool{options()};
  worker_local<int> one{pool, [] { return 1; }};
  worker_local<int> two{pool, [] { return 2; }};
  for (int i = 0; i < 100; ++i) {
    pool.post([&] {
      EXPECT_EQ(one.get(), 1);
      EXPECT_EQ(two.get(), 2);
    });
  }
  pool.wait_idle();
}

TEST_P(WorkerLocal, MayBeMadeOfOthers) {
  worker_pool pool{options()};
  worker_local<int> base{pool, [] { return 20; }};
  worker_local<int> more{pool, [&] { return base.get() + 1; }};
  worker_local<int> most{pool, [&] { return base.get() + more.get() + 1; }};
  for (int i = 0; i < 100; ++i) pool.post([&] { EXPECT_EQ(most.get(), 42); });
  pool.wait_idle();
  int values = 0;
  base.for_each([&](int) { ++values; });
  EXPECT_LE(values, workers());
}

TEST_P(WorkerLocal, MakesOneValueForAThreadThatRunsManyTasksItself) {
  pool_options chosen = options();
  chosen.when_full = full_policy::caller_runs;
  worker_pool pool{chosen};
  std::atomic<int> made{0};
  worker_local<int> values{pool, [&] { return ++made; }};
  pool.pause();
  while (pool.try_post([] {})) {
  }
  for (int i = 0; i < 100; ++i) pool.post([&] { EXPECT_EQ(values.get(), 1); });
  EXPECT_EQ(made, 1);
  pool.resume();
}

TEST_P(WorkerLocal, OutlivesTheWorkersThatMadeItsValues) {
  worker_pool pool{options()};
  worker_local<test::payload> values{pool, [this] { return new_payload(); }};
  pool.submit([&] { (void)values.get(); }).get();
  pool.shutdown();
  EXPECT_EQ(payloads_alive, 1);
}

TEST_P(WorkerLocal, ThatIsGoneIsNotMistakenForANewOne) {
  worker_pool pool{options()};
  for (int i = 0; i < 100; ++i) {
    worker_local<int> each{pool, [i] { return i; }};
    EXPECT_EQ(pool.submit([&] { return each.get(); }).get(), i);
  }
}

}  // namespace
}  // namespace millpool

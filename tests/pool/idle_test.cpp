// Promise P12: an idle pool costs nothing.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"

#include <atomic>
#include <chrono>
#include <latch>

namespace millpool {
namespace {

using P12_IdlePool = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P12_IdlePool);

void expect_no_cost(std::size_t workers) {
  for (int looks = 0; !test::sleep_for_good(workers); ++looks) {
    ASSERT_LT(looks, 1500) << "some worker never goes to sleep";
  }
  const auto ids = test::threads_named("test/");
  const auto before = test::costs_of(ids);
  test::observe_for(std::chrono::milliseconds{300});
  const auto after = test::costs_of(ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(after[i].cpu_ns, before[i].cpu_ns) << "CPU time of worker " << i;
    EXPECT_EQ(after[i].switches, before[i].switches) << "wake-ups of worker " << i;
  }
}

TEST_P(P12_IdlePool, RunsNothingAndWakesNobodyBeforeItsFirstTask) {
  const worker_pool pool{options()};
  expect_no_cost(GetParam().workers);
}

TEST_P(P12_IdlePool, RunsNothingAndWakesNobodyAfterWork) {
  worker_pool pool{options()};
  for (int i = 0; i < 5000; ++i) pool.post([] {});
  pool.wait_idle();
  expect_no_cost(GetParam().workers);
}

TEST_P(P12_IdlePool, RunsNothingAndWakesNobodyWhilePausedWithTasksWaiting) {
  worker_pool pool{options()};
  test::await([&] { return test::threads_named("test/").size() == GetParam().workers; });
  pool.pause();
  ASSERT_TRUE(pool.try_post([] {}));
  expect_no_cost(GetParam().workers);
  pool.resume();
}

// Workers that are too many end, but not while a pause holds back what they keep.
void expect_no_cost_while_too_many_keep_tasks(const pool_options& chosen) {
  const int workers = static_cast<int>(chosen.min_workers.value());
  worker_pool pool{chosen};
  std::atomic<int> ran{0};
  std::latch all_are_here{workers};  // so that nobody is free to steal what another spawns
  std::latch all_have_spawned{workers + 1};
  test::gate door;
  for (int i = 0; i < workers; ++i) {
    pool.post([&] {
      all_are_here.arrive_and_wait();
      for (int j = 0; j < 20; ++j) pool.post([&ran] { ++ran; });
      all_have_spawned.arrive_and_wait();
      door.pass();
    });
  }
  all_have_spawned.arrive_and_wait();
  pool.pause();
  pool.resize(1, 1);
  door.open();
  test::await([&] { return pool.stats().tasks.running == 0; });
  // Where nobody keeps anything, in a small channel, all but one may end.
  if (pool.stats().queue_capacity > 1) expect_no_cost(*chosen.min_workers);
  pool.resume();
  pool.wait_idle();
  EXPECT_EQ(ran, 20 * workers);
  test::await([&] { return pool.stats().workers.total == 1; });  // or for ever
}

TEST_P(P12_IdlePool, RunsNothingWhilePausedWhereWorkersTooManyKeepTasks) {
  expect_no_cost_while_too_many_keep_tasks(options());
}

TEST_P(P12_IdlePool, RunsNothingWhilePausedWhereWorkersTooManyKeepTasksAndAreIdleForLong) {
  pool_options impatient = options();
  impatient.keep_alive = duration::zero();
  expect_no_cost_while_too_many_keep_tasks(impatient);
}

TEST_P(P12_IdlePool, HasNoThreadIfNoneIsAskedFor) {
  pool_options none = options();
  none.min_workers = 0;
  const worker_pool pool{none};
  EXPECT_TRUE(test::threads_named("test/").empty());
}

}  // namespace
}  // namespace millpool

// Promise P12: an idle pool costs nothing.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace millpool {
namespace {

using P12_IdlePool = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P12_IdlePool);

std::vector<test::thread_cost> costs_of(const std::vector<std::string>& ids) {
  std::vector<test::thread_cost> costs;
  for (const std::string& id : ids) costs.push_back(test::cost_of(id));
  return costs;
}

void expect_no_cost(std::size_t workers) {
  std::vector<std::string> ids;
  test::await([&] {  // a thread has its name when it has begun to run
    ids = test::threads_named("test/");
    return ids.size() == workers;
  });
  // They are on their way to bed: there when all sleep, and have slept for a while.
  auto before = costs_of(ids);
  for (auto last = std::vector<test::thread_cost>{}; last != before || !test::all_asleep(ids);
       before = costs_of(ids)) {
    last = before;
    test::observe_for(std::chrono::milliseconds{20});
  }
  test::observe_for(std::chrono::milliseconds{300});
  const auto after = costs_of(ids);
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

TEST_P(P12_IdlePool, HasNoThreadIfNoneIsAskedFor) {
  pool_options none = options();
  none.min_workers = 0;
  const worker_pool pool{none};
  EXPECT_TRUE(test::threads_named("test/").empty());
}

}  // namespace
}  // namespace millpool

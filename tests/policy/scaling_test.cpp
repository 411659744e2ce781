// A pool that is steered by the scaler, in real time.
#include "millpool/policy/scaler.hpp"
#include "millpool/result/future.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using SteeredPool = test::PoolTest;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int slower = 10;
#else
constexpr int slower = 1;
#endif

struct growth {
  duration first;  // new worker, from the submission that crossed the threshold
  duration all;
};

growth grow_in_a_burst(std::size_t most) {
  std::mutex mutex;
  std::vector<clock_type::time_point> started;
  pool_options options = test::sized(1);
  options.max_workers = most;
  options.scaling = scale_by({.queue_depth_threshold = 8, .cpus = 1000.0});
  options.on_worker_start = [&](const worker_info&) {
    const std::lock_guard lock{mutex};
    started.push_back(clock_type::now());
  };
  worker_pool pool{options};
  test::await([&] {
    const std::lock_guard lock{mutex};
    return started.size() == 1;
  });
  std::counting_semaphore<> never{0};  // what tasks wait for
  const auto begun = clock_type::now();
  std::vector<future<void>> all;
  for (std::size_t i = 0; i < 16 * most; ++i) {
    all.push_back(pool.submit([&] { static_cast<void>(never.try_acquire_for(10ms)); }));
  }
  for (auto& each : all) each.get();
  const std::lock_guard lock{mutex};
  EXPECT_EQ(started.size(), most);
  return {started.at(1) - begun, started.back() - begun};
}

// Promise P8. A machine that does something else meanwhile is given another try.
TEST_F(SteeredPool, GrowsFromOneToSixtyFourWorkersInATenthOfASecond) {
  growth best{1h, 1h};
  for (int attempt = 0; attempt < 10; ++attempt) {
    const growth now = grow_in_a_burst(64);
    best = {std::min(best.first, now.first), std::min(best.all, now.all)};
    if (best.first <= 5ms * slower && best.all <= 100ms * slower) break;
  }
  EXPECT_LE(best.first, 5ms * slower);
  EXPECT_LE(best.all, 100ms * slower);
}

TEST_F(SteeredPool, TellsEachDecisionWithItsRule) {
  std::mutex mutex;
  std::vector<std::string> rules;
  {
    pool_options options = test::sized(1);
    options.max_workers = 4;
    options.scaling = scale_by({.queue_depth_threshold = 2,
                                .cpus = 1000.0,
                                .on_decision = [&](const scaling_decision& decided) {
                                  const std::lock_guard lock{mutex};
                                  EXPECT_GT(decided.to, decided.from);
                                  rules.emplace_back(decided.rule);
                                }});
    worker_pool pool{options};
    test::gate door;
    for (int i = 0; i < 8; ++i) pool.post([&] { door.pass(); });
    test::await([&] { return pool.stats().active_workers == 4; });
    door.open();
  }
  ASSERT_FALSE(rules.empty());
  EXPECT_EQ(rules.front(), "first");
}

}  // namespace
}  // namespace millpool

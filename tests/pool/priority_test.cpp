// Promise P3: a higher priority is taken first, first in first out within one, and nobody starves.
#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/virtual_timeline.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using P3_Priority = test::PoolTest;

struct ticket {
  unsigned priority;
  int number;
  friend bool operator==(const ticket&, const ticket&) = default;
};

pool_options in_virtual_time(const manual_clock& time, std::size_t workers = 1) {
  pool_options options = test::sized(workers, 100'000);
  options.time = &time;
  return options;
}

TEST_F(P3_Priority, IsTheOrderInWhichOneWorkerTakesTasks) {
  const manual_clock time;  // stands still: nothing ages
  worker_pool pool{in_virtual_time(time)};
  std::vector<ticket> expected;
  std::vector<ticket> run;
  std::minstd_rand random{1};
  pool.pause();
  for (int i = 0; i < 2000; ++i) {
    const ticket each{static_cast<unsigned>(random() % 8), i};
    expected.push_back(each);
    pool.post(task_options{.priority = each.priority}, [&run, each] { run.push_back(each); });
  }
  pool.resume();
  pool.wait_idle();
  std::ranges::stable_sort(expected, {}, &ticket::priority);
  EXPECT_EQ(run, expected);
}

TEST_F(P3_Priority, IsTheMiddleForATaskThatNamesNone) {
  const manual_clock time;
  worker_pool pool{in_virtual_time(time)};
  std::vector<unsigned> run;
  pool.pause();
  for (const unsigned each : {7U, 5U, 3U, 0U}) {
    pool.post(task_options{.priority = each}, [&run, each] { run.push_back(each); });
  }
  pool.post([&run] { run.push_back(default_priority); });
  pool.resume();
  pool.wait_idle();
  EXPECT_EQ(run, (std::vector{0U, 3U, 4U, 5U, 7U}));
}

TEST_F(P3_Priority, KeepsTheOrderOfEachProducerWithinOne) {
  worker_pool pool{test::sized(1, 4)};
  std::array<int, 4> last{-1, -1, -1, -1};  // the only worker's
  test::run_together(4, [&](int who) {
    for (int i = 0; i < 2000; ++i) {
      pool.post([&last, who, i] {
        ASSERT_EQ(last[static_cast<std::size_t>(who)], i - 1);
        last[static_cast<std::size_t>(who)] = i;
      });
    }
  });
  pool.wait_idle();
  EXPECT_EQ(last, (std::array{1999, 1999, 1999, 1999}));
}

TEST_F(P3_Priority, HoldsForAWaitingTaskWhenAWorkerComesFree) {
  const manual_clock time;
  worker_pool pool{in_virtual_time(time, 2)};
  std::mutex mutex;
  std::vector<unsigned> run;
  {
    const test::occupation busy{pool, 2};
    for (unsigned each = 8; each-- > 0;) {
      pool.post(task_options{.priority = each}, [&, each] {
        const std::lock_guard lock{mutex};
        run.push_back(each);
      });
    }
  }
  // They are taken in order; one worker may be late to say so, but only with the one it took.
  ASSERT_EQ(run.size(), 8U);
  std::vector<bool> said(8);
  for (const unsigned each : run) {
    said[each] = true;
    EXPECT_LE(std::count(said.begin(), said.begin() + each, false), 1) << each;
  }
}

// Urgent tasks, each of which brings the next and takes 100 ms of virtual time.
struct urgent_flood {
  worker_pool& pool;
  manual_clock& time;
  int left;
  int seen = 0;

  void begin() {
    pool.post(task_options{.priority = 0}, [this] {
      time.advance(100ms);
      ++seen;
      if (--left > 0) begin();
    });
  }
};

TEST_F(P3_Priority, PassesOverAWaitingTaskForNoLongerThanTheAgingBound) {
  for (const duration bound : {duration{500ms}, duration{1s}, duration{5s}}) {
    manual_clock time;
    pool_options options = in_virtual_time(time);
    options.aging = {.bound = bound, .share = 1};
    worker_pool pool{options};
    urgent_flood urgent{pool, time, 200};
    time_point started;
    pool.pause();
    const time_point submitted = time.now();
    pool.post(task_options{.priority = 7}, [&] { started = time.now(); });
    urgent.begin();
    pool.resume();
    pool.wait_idle();
    EXPECT_GT(started - submitted, bound);
    EXPECT_LE(started - submitted, bound + 100ms) << "one urgent task was under way";
  }
}

TEST_F(P3_Priority, GivesWayToAgedTasksInOneOfShareOnly) {
  manual_clock time;
  pool_options options = in_virtual_time(time);
  options.aging = {.bound = 1s, .share = 8};
  worker_pool pool{options};
  urgent_flood urgent{pool, time, 160};
  std::vector<int> seen_before;
  pool.pause();
  for (int i = 0; i < 10; ++i) {
    pool.post(task_options{.priority = 7}, [&] { seen_before.push_back(urgent.seen); });
  }
  time.advance(10s);
  urgent.begin();
  pool.resume();
  pool.wait_idle();
  ASSERT_EQ(seen_before.size(), 10U);
  for (std::size_t i = 1; i < seen_before.size(); ++i) {
    EXPECT_EQ(seen_before[i] - seen_before[i - 1], 7) << "task " << i;
  }
}

TEST_F(P3_Priority, AgesInTheOrderOfArrivalWhateverTheLane) {
  manual_clock time;
  pool_options options = in_virtual_time(time);
  options.aging = {.bound = 1s, .share = 1};
  worker_pool pool{options};
  std::vector<unsigned> run;
  test::virtual_timeline play{time, pool};
  const auto post = [&](unsigned priority) {
    return [&, priority] {
      pool.post(task_options{.priority = priority}, [&, priority] { run.push_back(priority); });
    };
  };
  pool.pause();
  post(7)();
  time.advance(100ms);
  post(5)();
  time.advance(100ms);
  post(6)();
  time.advance(2s);
  post(0)();
  post(1)();
  play.at(0s, [&] { pool.resume(); });
  play.at(1s, post(3));
  play.run();
  EXPECT_EQ(run, (std::vector{7U, 5U, 6U, 0U, 1U, 3U}));
}

}  // namespace
}  // namespace millpool

// What a worker keeps for itself, and what becomes of it: any other worker may take it.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

using Stealing = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Stealing);
using StealingWithPlaces = test::PoolTest;

constexpr std::size_t sizes[] = {2, 8};

/// A task that has submitted `count` others to its own pool, and goes on until let_go().
class spawner {
 public:
  template <class F>
  spawner(worker_pool& pool, int count, F f) : pool_{pool} {
    pool.post([this, count, f] {
      for (int i = 0; i < count; ++i) pool_.post(f);
      has_spawned_.open();
      door_.pass();
      over_.open();
    });
    has_spawned_.pass();
  }
  ~spawner() {
    let_go();
    over_.pass();
    pool_.wait_idle();
  }
  spawner(const spawner&) = delete;
  spawner& operator=(const spawner&) = delete;

  void let_go() { door_.open(); }

 private:
  worker_pool& pool_;
  test::gate has_spawned_;
  test::gate door_;
  test::gate over_;
};

// Generous: it is over at once, or never.
template <class Fact>
[[nodiscard]] bool comes_true(Fact fact) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (!fact()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

// ---- what tasks submit to their own pool

TEST_F(StealingWithPlaces, LetsAnotherWorkerRunWhatABusyOneHasSubmitted) {
  for (const std::size_t workers : sizes) {
    for (int i = 0; i < test::scaled(50); ++i) {
      worker_pool pool{test::sized(workers)};
      std::atomic<int> ran{0};
      spawner busy{pool, 20, [&] { ++ran; }};
      test::await([&] { return ran == 20; });  // or for ever
    }
  }
}

TEST_F(StealingWithPlaces, SpreadsWhatOneTaskHasSubmittedOverAllWorkers) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    for (int i = 0; i < test::scaled(50); ++i) {
      const auto others = static_cast<std::ptrdiff_t>(workers) - 1;
      std::latch all_there{others};
      const spawner busy{pool, static_cast<int>(others), [&] { all_there.arrive_and_wait(); }};
      all_there.wait();
    }
  }
}

TEST_F(StealingWithPlaces, StillSpreadsThemAmongShortTasks) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    for (int i = 0; i < test::scaled(20); ++i) {
      test::warm_up(pool);
      const auto others = static_cast<std::ptrdiff_t>(workers) - 1;
      std::latch all_there{others};
      const spawner busy{pool, static_cast<int>(others), [&] { all_there.arrive_and_wait(); }};
      all_there.wait();
    }
  }
}

TEST_F(StealingWithPlaces, ShowsWhatIsKeptAsWaiting) {
  for (const unsigned priority : {0U, default_priority, 7U}) {
    worker_pool pool{test::sized(1)};
    test::gate has_spawned;
    test::gate door;
    pool.post([&] {
      for (int i = 0; i < 20; ++i) pool.post(task_options{.priority = priority}, [] {});
      has_spawned.open();
      door.pass();
    });
    has_spawned.pass();
    const pool_stats now = pool.stats();
    EXPECT_EQ(now.tasks.waiting, 20U);
    EXPECT_EQ(now.tasks.running, 1U);
    EXPECT_EQ(now.depth[priority], 20U);
    EXPECT_TRUE(now.tasks.balanced()) << now.tasks;
    door.open();
    pool.wait_idle();
  }
}

TEST_F(StealingWithPlaces, IsHeldBackByAPause) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    std::atomic<int> ran{0};
    std::atomic<bool> is_paused{false};
    pool.submit([&] {
          pool.pause();
          for (int i = 0; i < 20; ++i) {
            pool.post([&] {
              EXPECT_FALSE(is_paused);
              ++ran;
            });
          }
          is_paused = true;
        })
        .get();
    test::observe_for(20ms);
    EXPECT_EQ(pool.stats().tasks.waiting, 20U);
    EXPECT_FALSE(pool.wait_idle_for(duration::zero()));
    is_paused = false;
    pool.resume();
    pool.wait_idle();
    EXPECT_EQ(ran, 20);
  }
}

TEST_F(StealingWithPlaces, IsHeldBackByAPauseFromOutside) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    std::atomic<int> ran{0};
    test::gate started;
    test::gate paused;
    auto spawning = pool.submit([&] {
      started.open();
      paused.pass();
      for (int i = 0; i < 20; ++i) pool.post([&] { ++ran; });
    });
    started.pass();
    pool.pause();
    paused.open();
    spawning.get();
    test::observe_for(20ms);
    EXPECT_EQ(ran, 0);
    pool.resume();
    pool.wait_idle();
    EXPECT_EQ(ran, 20);
  }
}

TEST_F(StealingWithPlaces, LeavesWhatIsKeptToAPurge) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    std::atomic<int> ran{0};
    pool.submit([&] {
          pool.pause();
          for (int i = 0; i < 20; ++i) pool.post([&, cargo = new_payload()] { ++ran; });
        })
        .get();
    std::vector<purged_task> purged = pool.purge();
    EXPECT_EQ(purged.size(), 20U);
    EXPECT_EQ(pool.stats().tasks.discarded, 20U);
    EXPECT_EQ(pool.stats().tasks.inside(), 0U);
    for (purged_task& each : purged) {
      EXPECT_EQ(each.priority(), default_priority);
      each();
    }
    EXPECT_EQ(ran, 20);
    EXPECT_TRUE(pool.wait_idle_for(30s));
  }
}

TEST_F(StealingWithPlaces, EndsWhatIsKeptAsCancelledByTheCancelStep) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    std::atomic<int> ran{0};
    std::vector<future<void>> kept;
    pool.submit([&] {
          pool.pause();
          for (int i = 0; i < 20; ++i)
            kept.push_back(pool.submit([&, cargo = new_payload()] { ++ran; }));
        })
        .get();
    EXPECT_TRUE(pool.cancel());
    EXPECT_EQ(payloads_alive, 0);
    for (auto& each : kept) EXPECT_EQ(each.take().state(), task_state::cancelled);
    EXPECT_EQ(ran, 0);
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_EQ(tasks.cancelled, 20U) << tasks;
    EXPECT_EQ(tasks.inside(), 0U) << tasks;
  }
}

// The cancel step comes while workers spawn and steal: each task has run or is cancelled.
TEST_P(Stealing, LosesNoTaskToTheCancelStep) {
  for (int i = 0; i < test::scaled(100); ++i) {
    worker_pool pool{options()};
    test::gate spawning;
    std::atomic<std::uint64_t> accepted{1};
    std::atomic<std::uint64_t> ran{1};
    pool.post([&] {
      while (pool.post([&, cargo = new_payload()] { ++ran; })) {
        ++accepted;
        spawning.open();
      }
    });
    spawning.pass();
    EXPECT_TRUE(pool.cancel());
    EXPECT_EQ(payloads_alive, 0);
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_EQ(tasks.accepted, accepted) << tasks;
    EXPECT_EQ(tasks.succeeded, ran) << tasks;
    EXPECT_EQ(tasks.succeeded + tasks.cancelled, tasks.accepted) << tasks;
  }
}

TEST_P(Stealing, StillRunsWhatIsKeptAfterTheClose) {
  for (int i = 0; i < test::scaled(50); ++i) {
    worker_pool pool{options()};
    std::atomic<int> ran{0};
    test::gate closed;
    pool.post([&] {
      for (int j = 0; j < 20; ++j) pool.post([&, cargo = new_payload()] { ++ran; });
      pool.close();
      EXPECT_FALSE(pool.post([&] { ++ran; }));
      closed.open();
    });
    closed.pass();
    EXPECT_TRUE(pool.drain());
    EXPECT_EQ(ran, 20);
  }
}

TEST_F(StealingWithPlaces, LosesNothingWhenWorkersLeave) {
  for (int i = 0; i < test::scaled(50); ++i) {
    worker_pool pool{test::sized(8)};
    std::atomic<int> ran{0};
    std::latch all_have_spawned{9};
    for (int j = 0; j < 8; ++j) {
      pool.post([&] {
        for (int k = 0; k < 20; ++k) pool.post([&, cargo = new_payload()] { ++ran; });
        all_have_spawned.arrive_and_wait();
      });
    }
    all_have_spawned.arrive_and_wait();
    pool.resize(1, 1);
    pool.wait_idle();
    EXPECT_EQ(ran, 160);
    test::await([&] { return pool.stats().workers.total == 1; });
  }
}

TEST_F(StealingWithPlaces, LosesNothingWhenWorkersLeaveAPausedPool) {
  for (int i = 0; i < test::scaled(20); ++i) {
    worker_pool pool{test::sized(4)};
    std::atomic<int> ran{0};
    std::latch all_have_spawned{5};
    for (int j = 0; j < 4; ++j) {
      pool.post([&] {
        for (int k = 0; k < 20; ++k) pool.post([&, cargo = new_payload()] { ++ran; });
        all_have_spawned.arrive_and_wait();
      });
    }
    pool.pause();
    // All four may have been taken before, or not: in the second case the latch waits for them.
    pool.resize(1, 4);
    pool.resume();
    all_have_spawned.arrive_and_wait();
    pool.pause();
    pool.resize(1, 1);
    pool.resume();
    pool.wait_idle();
    EXPECT_EQ(ran, 80);
  }
}

TEST_F(StealingWithPlaces, DoesNotHideAHigherPriorityInTheChannel) {
  worker_pool pool{test::sized(1)};
  std::vector<unsigned> run;
  test::gate has_spawned;
  test::gate door;
  pool.post([&] {
    for (int i = 0; i < 20; ++i) pool.post([&] { run.push_back(default_priority); });
    has_spawned.open();
    door.pass();
  });
  has_spawned.pass();
  pool.post(task_options{.priority = 1}, [&] { run.push_back(1); });
  pool.post(task_options{.priority = 0}, [&] { run.push_back(0); });
  door.open();
  pool.wait_idle();
  ASSERT_EQ(run.size(), 22U);
  EXPECT_EQ(run[0], 0U);
  EXPECT_EQ(run[1], 1U);
}

// A chain of tasks, each submitting the next, never lets its worker run out of what it keeps.
TEST_F(StealingWithPlaces, DoesNotLetAChainOfTasksStarveWhatWaitsInTheChannel) {
  constexpr int links_max = 100'000;
  for (const bool short_tasks : {false, true}) {
    worker_pool pool{test::sized(1)};
    if (short_tasks) test::warm_up(pool);
    test::gate started;
    test::gate door;
    int links = 0;         // the only worker's
    int links_before = 0;  // the other task
    bool other_ran = false;
    const std::function<void()> link = [&] {
      if (!other_ran && ++links < links_max) pool.post([&link] { link(); });
    };
    pool.post([&] {
      started.open();
      door.pass();
      link();
    });
    started.pass();
    pool.post([&] {
      links_before = links;
      other_ran = true;
    });
    door.open();
    pool.wait_idle();
    EXPECT_TRUE(other_ran);
    EXPECT_LE(links_before, 200) << (short_tasks ? "short tasks" : "tasks of unknown length");
  }
}

// A task that submits to two priorities, in either order.
TEST_F(StealingWithPlaces, DoesNotHideAHigherPriorityThatTheSameTaskSubmits) {
  for (const bool urgent_first : {true, false}) {
    worker_pool pool{test::sized(1)};
    std::vector<unsigned> run;
    pool.post([&] {
      for (int i = 0; i < 40; ++i) {
        const unsigned priority = (i < 20) == urgent_first ? 2 : 6;
        pool.post(task_options{.priority = priority}, [&, priority] { run.push_back(priority); });
      }
    });
    pool.wait_idle();
    ASSERT_EQ(run.size(), 40U);
    EXPECT_TRUE(std::is_sorted(run.begin(), run.end())) << urgent_first;
  }
}

// ---- the capacity

TEST_P(Stealing, KeepsWhatWaitsWithinTheCapacity) {
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> most{0};
  std::jthread watcher{[&] {
    while (!over) {
      const pool_stats now = pool.stats();
      // What was put off is beyond the capacity, and said to be.
      most = std::max(most.load(), now.tasks.waiting - now.put_off);
      ASSERT_TRUE(now.tasks.balanced()) << now.tasks;
    }
  }};
  std::atomic<int> ran{0};
  const int spawners = test::scaled(200);
  test::run_together(2, [&](int) {
    for (int i = 0; i < spawners; ++i) {
      pool.post([&] {
        for (int j = 0; j < 40; ++j) pool.post([&] { ++ran; });
      });
    }
  });
  pool.wait_idle();
  over = true;
  watcher.join();
  EXPECT_EQ(ran, 2 * spawners * 40);
  EXPECT_LE(most, GetParam().capacity);
}

// Exactly: nothing runs meanwhile.
TEST_P(Stealing, HoldsNoMoreTasksThanTheCapacityWhileWorkersAreBusy) {
  worker_pool pool{options()};
  test::gate door;
  test::gate has_spawned;
  int spawned = 0;
  pool.post([&] {
    // An eighth, which surely finds room: what finds none would run here.
    for (; spawned < capacity() / 8; ++spawned) pool.post([&] { door.pass(); });
    has_spawned.open();
    door.pass();
  });
  has_spawned.pass();
  while (pool.try_post([&] { door.pass(); })) ++spawned;
  EXPECT_LE(spawned, capacity() + workers()) << "what waits, and what the others have taken";
  EXPECT_LE(pool.stats().tasks.waiting, GetParam().capacity);
  door.open();
  pool.wait_idle();
  EXPECT_EQ(pool.stats().tasks.inside(), 0U);
}

// So many tasks each submit forty. Returns when all have run.
void spawn_forty_each(worker_pool& pool, int tasks) {
  std::atomic<int> ran{0};
  for (int i = 0; i < tasks; ++i) {
    pool.post([&] {
      for (int j = 0; j < 40; ++j) pool.post([&] { ++ran; });
    });
  }
  pool.wait_idle();
  EXPECT_EQ(ran, 40 * tasks);
}

// Returns how many tasks found room.
int fill_to_the_brim(worker_pool& pool) {
  int fitted = 0;
  while (pool.try_post([] {})) ++fitted;
  return fitted;
}

TEST_P(Stealing, GivesAllPlacesBack) {
  worker_pool pool{options()};
  spawn_forty_each(pool, 2 * workers());
  // They are given back when workers have nothing more to do, which may be a moment later.
  const auto all_fit = [&] {
    pool.pause();
    const int fitted = fill_to_the_brim(pool);
    pool.resume();
    pool.wait_idle();
    return fitted == capacity();
  };
  EXPECT_TRUE(comes_true(all_fit));
}

// Those that lay in batches, and those for what tasks submit. Here nothing wakes the workers again
// after they went to sleep, which is when they give places back.
TEST_P(Stealing, LeavesAllPlacesToOthersOnceAllWorkersSleep) {
  worker_pool pool{options()};
  test::warm_up(pool);
  spawn_forty_each(pool, 2 * workers());
  ASSERT_TRUE(comes_true([&] { return test::sleep_for_good(GetParam().workers); }));
  pool.pause();
  EXPECT_EQ(fill_to_the_brim(pool), capacity());
  pool.resume();
  pool.wait_idle();
}

// ---- batches of short tasks

TEST_F(StealingWithPlaces, KeepsTheOrderOfOneProducerAmongShortTasks) {
  worker_pool pool{test::sized(1)};
  test::warm_up(pool);
  int last = -1;  // the only worker's
  const int count = test::scaled(200'000);
  for (int i = 0; i < count; ++i) {
    pool.post([&last, i] {
      ASSERT_EQ(last, i - 1);
      last = i;
    });
  }
  pool.wait_idle();
  EXPECT_EQ(last, count - 1);
}

TEST_F(StealingWithPlaces, KeepsTheOrderOfSeveralProducersAmongShortTasks) {
  worker_pool pool{test::sized(1, 64)};
  test::warm_up(pool);
  std::array<int, 3> last{-1, -1, -1};  // the only worker's
  const int count = test::scaled(50'000);
  test::run_together(3, [&](int who) {
    int& mine = last[static_cast<std::size_t>(who)];
    for (int i = 0; i < count; ++i) {
      pool.post([&mine, i] {
        ASSERT_EQ(mine, i - 1);
        mine = i;
      });
    }
  });
  pool.wait_idle();
  EXPECT_EQ(last, (std::array{count - 1, count - 1, count - 1}));
}

TEST_F(StealingWithPlaces, LetsAnUrgentTaskPassABatch) {
  worker_pool pool{test::sized(1)};
  test::warm_up(pool);
  std::vector<int> run;
  test::gate started;
  test::gate door;
  pool.pause();
  for (int i = 0; i < 50; ++i) {
    pool.post([&run, &started, &door, i] {
      if (i == 10) {
        started.open();
        door.pass();
      }
      run.push_back(i);
    });
  }
  pool.resume();
  started.pass();
  pool.post(task_options{.priority = 0}, [&] { run.push_back(-1); });
  door.open();
  pool.wait_idle();
  ASSERT_EQ(run.size(), 51U);
  EXPECT_EQ(run[10], 10);
  EXPECT_EQ(run[11], -1) << "it is the next";
}

TEST_F(StealingWithPlaces, LeavesNoTaskBehindALongOneAmongShortOnes) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    for (int i = 0; i < test::scaled(100); ++i) {
      test::warm_up(pool);
      std::atomic<int> ran{0};
      test::gate door;
      const int before = i % 90;
      for (int j = 0; j < before; ++j) pool.post([&ran] { ++ran; });
      pool.post([&door] { door.pass(); });
      for (int j = 0; j < 100 - before; ++j) pool.post([&ran] { ++ran; });
      const bool all_ran = comes_true([&] { return ran == 100; });
      door.open();
      pool.wait_idle();
      ASSERT_TRUE(all_ran) << "with " << workers << " workers, at " << before;
    }
  }
}

TEST_F(StealingWithPlaces, LeavesNoTaskBehindALongOneInOneBatch) {
  for (const std::size_t workers : sizes) {
    worker_pool pool{test::sized(workers)};
    for (int i = 0; i < test::scaled(100); ++i) {
      test::warm_up(pool);
      std::atomic<int> ran{0};
      test::gate door;
      const int before = i % 40;
      pool.pause();
      for (int j = 0; j < before; ++j) pool.post([&ran] { ++ran; });
      pool.post([&door] { door.pass(); });
      for (int j = 0; j < 40 - before; ++j) pool.post([&ran] { ++ran; });
      pool.resume();
      const bool all_ran = comes_true([&] { return ran == 40; });
      door.open();
      pool.wait_idle();
      ASSERT_TRUE(all_ran) << "with " << workers << " workers, at " << before;
    }
  }
}

TEST_F(StealingWithPlaces, KeepsShortTasksWithinTheCapacity) {
  for (const std::size_t workers : {std::size_t{1}, std::size_t{2}, std::size_t{8}}) {
    worker_pool pool{test::sized(workers, 64)};
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> most{0};
    std::jthread watcher{[&] {
      while (!over) most = std::max(most.load(), pool.stats().tasks.waiting);
    }};
    for (int i = 0; i < test::scaled(50'000); ++i) pool.post([] {});
    pool.wait_idle();
    over = true;
    watcher.join();
    EXPECT_LE(most, 64U) << workers;
  }
}

TEST_F(StealingWithPlaces, LosesNoShortTaskToACancelStepOrAPurge) {
  for (int i = 0; i < test::scaled(50); ++i) {
    worker_pool pool{test::sized(2)};
    test::warm_up(pool);
    std::atomic<std::uint64_t> ran{0};
    std::uint64_t accepted = 0;
    std::uint64_t purged = 0;
    for (int j = 0; j < 1000; ++j) {
      accepted += pool.post([&ran] { ++ran; }).has_value();
      if (j % 100 == 50) purged += pool.purge().size();
    }
    if (i % 2 == 0) pool.cancel();
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_EQ(tasks.succeeded, 2000 + ran) << tasks;
    EXPECT_EQ(tasks.discarded, purged) << tasks;
    EXPECT_EQ(ran + tasks.discarded + tasks.cancelled, accepted) << tasks;
    EXPECT_EQ(tasks.inside(), 0U) << tasks;
  }
}

}  // namespace
}  // namespace millpool

// The number of workers, and how it changes.
#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using Resize = test::PoolTest;

// Keeps a list of who is there, by the hooks.
class attendance {
 public:
  void keep_in(pool_options& options) {
    options.on_worker_start = [this](const worker_info& who) {
      const std::lock_guard lock{mutex_};
      ++starts_;
      EXPECT_TRUE(present_.emplace(who.index, std::this_thread::get_id()).second)
          << "index used twice";
      EXPECT_EQ(who.name, std::string{who.pool} + '/' + std::to_string(who.index));
    };
    options.on_worker_stop = [this](const worker_info& who) {
      const std::lock_guard lock{mutex_};
      ++stops_;
      EXPECT_EQ(present_[who.index], std::this_thread::get_id()) << "paired on one thread";
      present_.erase(who.index);
    };
  }
  [[nodiscard]] std::size_t now() const {
    const std::lock_guard lock{mutex_};
    return present_.size();
  }
  [[nodiscard]] int starts() const { return starts_; }
  [[nodiscard]] int stops() const { return stops_; }

 private:
  mutable std::mutex mutex_;
  std::map<std::size_t, std::thread::id> present_;
  std::atomic<int> starts_{0};
  std::atomic<int> stops_{0};
};

TEST_F(Resize, GrowsAtOnceAndShrinksAsWorkersComeFree) {
  worker_pool pool{test::sized(2)};
  EXPECT_EQ(pool.stats().workers.total, 2U);
  pool.resize(5, 5);
  EXPECT_EQ(pool.stats().workers.total, 5U);
  {
    const test::occupation busy{pool, 5};
    pool.resize(1, 1);
    EXPECT_EQ(pool.stats().workers.total, 5U) << "all are busy";
    EXPECT_EQ(pool.stats().max_workers, 1U);
  }
  test::await([&] { return pool.stats().workers.total == 1; });
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
}

TEST_F(Resize, OfIdleWorkersNeedsNoTaskToTakeEffect) {
  worker_pool pool{test::sized(8)};
  pool.resize(2, 2);
  test::await([&] { return pool.stats().workers.total == 2; });
  test::await([&] { return test::threads_named("test/").size() == 2; });
}

TEST_F(Resize, OfThePausedPoolTakesEffectToo) {
  worker_pool pool{test::sized(4)};
  pool.pause();
  pool.resize(1, 1);
  test::await([&] { return pool.stats().workers.total == 1; });
  pool.resume();
}

TEST_F(Resize, StartsWorkersOnDemandBetweenTheBounds) {
  pool_options options = test::sized(0);
  options.max_workers = 3;
  worker_pool pool{options};
  EXPECT_EQ(pool.stats().workers.total, 0U);
  for (std::size_t i = 1; i <= 3; ++i) {
    const test::occupation busy{pool, static_cast<int>(i)};
    EXPECT_LE(pool.stats().workers.total, 3U);
    EXPECT_GE(pool.stats().workers.total, i);
  }
}

TEST_F(Resize, LetsWorkersAboveTheMinimumGoAfterKeepAlive) {
  manual_clock time;
  pool_options options = test::sized(1);
  options.max_workers = 4;
  options.keep_alive = 1min;
  options.time = &time;
  worker_pool pool{options};
  { const test::occupation busy{pool, 4}; }
  test::await([&] { return pool.stats().workers.idle == 4; });
  time.advance(59s);
  test::observe_for(20ms);
  EXPECT_EQ(pool.stats().workers.total, 4U);
  test::await([&] {  // a worker that goes to bed late counts its time from then
    time.advance(2min);
    return pool.stats().workers.total == 1;
  });
  time.advance(10min);
  test::observe_for(20ms);
  EXPECT_EQ(pool.stats().workers.total, 1U);
}

// What a worker's last hook runs is in the account, though the worker is no longer counted.
TEST_F(Resize, AccountsForWhatALeavingWorkerStillRuns) {
  std::atomic<int> flushed{0};
  worker_pool* self = nullptr;
  pool_options options = test::sized(1);
  options.max_workers = 3;
  options.on_worker_stop = [&](const worker_info&) {
    if (self != nullptr && self->submit([] { return 1; }).get() == 1) ++flushed;
  };
  worker_pool pool{options};
  self = &pool;
  { const test::occupation busy{pool, 3}; }
  pool.resize(1, 1);
  test::await([&] { return flushed == 2; });
  self = nullptr;
  const ledger tasks = pool.shutdown().tasks;
  EXPECT_EQ(tasks.succeeded, 3U + 2U);
  EXPECT_EQ(tasks.accepted, tasks.succeeded);
}

TEST_F(Resize, LetsTheLastWorkerGoIfTheMinimumIsNone) {
  manual_clock time;
  pool_options options = test::sized(0);
  options.max_workers = 2;
  options.keep_alive = 1min;
  options.time = &time;
  worker_pool pool{options};
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  test::await([&] {
    time.advance(1min);
    return pool.stats().workers.total == 0;
  });
  test::await([&] { return test::threads_named("test/").empty(); });
  EXPECT_EQ(pool.submit([] { return 2; }).get(), 2) << "and a new one comes";
}

// A worker may have run its first task, and gone to sleep, before whoever started it goes on.
TEST_F(Resize, LetsAWorkerGoThatSleptBeforeItsStarterReturned) {
  manual_clock time;
  std::atomic<bool> ran{false};
  pool_options options = test::sized(0);
  options.max_workers = 1;
  options.keep_alive = 1min;
  options.time = &time;
  options.start_thread = [&](std::function<void()> body) {
    std::thread started{std::move(body)};
    test::await([&] { return ran && test::all_asleep(test::threads_named("test/")); });
    return started;
  };
  worker_pool pool{options};
  pool.post([&] { ran = true; });
  test::await([&] {
    time.advance(1min);
    return pool.stats().workers.total == 0;
  });
}

TEST_F(Resize, LetsIdleWorkersGoWhenTheMinimumSinks) {
  manual_clock time;
  pool_options options = test::sized(4);
  options.keep_alive = 1min;
  options.time = &time;
  worker_pool pool{options};
  pool.resize(1, 4);
  test::await([&] {
    time.advance(1min);
    return pool.stats().workers.total == 1;
  });
}

TEST_F(Resize, GivesFreeIndexesAgainAndPairsTheHooks) {
  attendance hooks;
  {
    pool_options options = test::sized(4);
    hooks.keep_in(options);
    worker_pool pool{options};
    for (int i = 0; i < test::scaled(50); ++i) {
      pool.resize(1, 1);
      for (int j = 0; j < 5; ++j) pool.submit([] {}).get();
      pool.resize(4, 4);
      test::await([&] { return hooks.now() >= 4; });
    }
  }
  EXPECT_EQ(hooks.now(), 0U);
  EXPECT_EQ(hooks.starts(), hooks.stops());
}

TEST_F(Resize, WhileTasksPourInLosesNone) {
  std::atomic<int> ran{0};
  pool_options options = test::sized(1, 4);
  attendance hooks;
  hooks.keep_in(options);
  {
    worker_pool pool{options};
    std::atomic<bool> over{false};
    std::jthread resizer{[&] {
      for (std::size_t i = 0; !over; ++i) pool.resize(i % 4, i % 4 + 1 + i % 3);
    }};
    for (int i = 0; i < test::scaled(5000); ++i) pool.post([&] { ++ran; });
    pool.wait_idle();
    over = true;
  }
  EXPECT_EQ(ran, test::scaled(5000));
  EXPECT_EQ(hooks.now(), 0U);
}

TEST_F(Resize, NamesTheThreads) {
  pool_options options = test::sized(2);
  options.name = "a_pool_with_a_long_name";
  const worker_pool pool{options};
  test::await([&] { return test::threads_named("a_pool_with_a_l").size() == 2; });
}

TEST_F(Resize, AWorkerStartsBeforeItsFirstTaskAndStopsAfterItsLast) {
  std::atomic<int> running{0};
  pool_options options = test::sized(2);
  thread_local bool started = false;
  options.on_worker_start = [&](const worker_info&) { started = true; };
  options.on_worker_stop = [&](const worker_info&) {
    started = false;
    EXPECT_EQ(running, 0);
  };
  worker_pool pool{options};
  for (int i = 0; i < 100; ++i) {
    pool.post([&] {
      ++running;
      EXPECT_TRUE(started);
      --running;
    });
  }
}

}  // namespace
}  // namespace millpool

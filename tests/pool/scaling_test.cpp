// When a steered pool asks how many workers there should be, and what it does with the answer.
#include "millpool/pool/scaling.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

// Answers what it is told to, and keeps what it was asked.
class oracle {
 public:
  explicit oracle(std::size_t answer) : answer_{answer} {}
  void says(std::size_t workers) { answer_ = workers; }

  [[nodiscard]] scaling_rule rule() {
    return {.queue_depth_threshold = 4,
            .target_queue_wait = 5ms,
            .interval = 10ms,
            .decide =
                [this](const scaling_inputs& in) {
                  const std::lock_guard lock{mutex_};
                  asked_.push_back(in);
                  const std::size_t to = answer_ == same ? in.workers : answer_.load();
                  return scaling_decision{in.workers, to, "told", in};
                },
            .on_decision =
                [this](const scaling_decision& decided) {
                  const std::lock_guard lock{mutex_};
                  told_.push_back(decided);
                }};
  }
  [[nodiscard]] std::vector<scaling_inputs> asked() const {
    const std::lock_guard lock{mutex_};
    return asked_;
  }
  [[nodiscard]] std::vector<scaling_decision> told() const {
    const std::lock_guard lock{mutex_};
    return told_;
  }
  static constexpr std::size_t same = 1'000'000;

 private:
  std::atomic<std::size_t> answer_;
  mutable std::mutex mutex_;
  std::vector<scaling_inputs> asked_;
  std::vector<scaling_decision> told_;
};

class Scaling : public test::PoolTest {
 protected:
  // Counts the threads that are ever started, without that of the timers.
  [[nodiscard]] pool_options steered(oracle& by, std::size_t minimum, std::size_t maximum) {
    pool_options options = test::sized(minimum);
    options.max_workers = maximum;
    options.scaling = by.rule();
    options.time = &time;
    options.keep_alive = 1min;
    options.on_worker_start = [this](const worker_info&) { ++started; };
    return options;
  }

  // Lets the clock run until something has happened.
  template <class Fact>
  void pass_time_until(Fact fact, duration step = 1ms) {
    test::await([&] {
      if (fact()) return true;
      time.advance(step);
      return false;
    });
  }

  manual_clock time;
  std::atomic<int> started{0};
};

TEST_F(Scaling, AsksWhereABacklogIsThereAndNotBefore) {
  oracle by{3};
  worker_pool pool{steered(by, 1, 8)};
  {
    const test::occupation busy{pool, 1};
    for (int i = 0; i < 3; ++i) pool.post([] {});
    EXPECT_TRUE(by.asked().empty());
    EXPECT_EQ(pool.stats().workers.total, 1U);
    pool.post([] {});
    pass_time_until([&] { return !by.asked().empty(); });
    const scaling_inputs in = by.asked().front();
    EXPECT_EQ(in.event, scaling_event::backlog);
    EXPECT_EQ(in.waiting, 4U);
    EXPECT_EQ(in.workers, 1U);
    EXPECT_EQ(in.min_workers, 1U);
    EXPECT_EQ(in.max_workers, 8U);
    pass_time_until([&] { return pool.stats().workers.total == 3; });
    EXPECT_EQ(pool.stats().active_workers, 3U);
    test::await([&] { return by.told().size() == 1; });
    EXPECT_EQ(by.told().front().from, 1U);
    EXPECT_EQ(by.told().front().to, 3U);
    EXPECT_EQ(by.told().front().rule, "told");
    test::await([&] { return pool.stats().tasks.waiting == 0; });
  }
}

TEST_F(Scaling, AsksWhereATaskHasWaitedForTooLong) {
  oracle by{2};
  worker_pool pool{steered(by, 1, 8)};
  const test::occupation busy{pool, 1};
  auto waits = pool.submit([] { return 1; });
  time.advance(5ms - 1ns);
  EXPECT_TRUE(by.asked().empty());
  pass_time_until([&] { return !by.asked().empty(); });
  EXPECT_EQ(by.asked().front().event, scaling_event::wait);
  EXPECT_GE(by.asked().front().oldest_wait, 5ms);
  EXPECT_EQ(waits.get(), 1);
}

TEST_F(Scaling, AsksAgainLessAndLessOftenAsLongAsTasksWaitAndThenNoMore) {
  oracle by{oracle::same};
  std::optional<worker_pool> pool{std::in_place, steered(by, 1, 8)};
  {
    const test::occupation busy{*pool, 1};
    for (int i = 0; i < 10; ++i) pool->post([] {});
    constexpr std::array pauses{10ms, 20ms, 40ms, 80ms, 80ms};
    pass_time_until([&] { return by.asked().size() > pauses.size(); });
    const auto asked = by.asked();
    for (std::size_t i = 0; i < pauses.size(); ++i) {
      EXPECT_EQ(asked[i + 1].event, scaling_event::step);
      EXPECT_GE(asked[i + 1].elapsed, pauses[i]);
    }
  }
  const std::size_t asked = by.asked().size();
  EXPECT_TRUE(pool->wait_idle());
  for (int i = 0; i < 100; ++i) time.advance(10ms);
  EXPECT_EQ(pool->stats().workers.total, 1U);
  pool.reset();
  EXPECT_EQ(by.asked().size(), asked);
}

TEST_F(Scaling, AnIdleWorkerLeavesOnlyWhereTheAnswerIsLess) {
  oracle by{4};
  worker_pool pool{steered(by, 1, 4)};
  {
    const test::occupation busy{pool, 1};
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().workers.total == 4; });
  }
  by.says(oracle::same);
  pass_time_until(
      [&] { return !by.asked().empty() && by.asked().back().event == scaling_event::idle; });
  EXPECT_EQ(pool.stats().workers.total, 4U);
  by.says(1);
  pass_time_until([&] { return pool.stats().workers.total == 1; }, 1s);
  EXPECT_EQ(pool.stats().active_workers, 1U);
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
}

TEST_F(Scaling, WorkersThatAreTooManySitAsideAndAreCalledBackWithoutAThreadBeingStarted) {
  oracle by{4};
  worker_pool pool{steered(by, 1, 5)};
  {
    const test::occupation busy{pool, 1};
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().workers.total == 4; });
    test::await([&] { return pool.stats().tasks.waiting == 0; });
  }
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> at_once{0};
    std::atomic<int> most{0};
    test::gate door;
    by.says(4);
    std::vector<future<void>> all;
    for (int i = 0; i < 12; ++i) {
      all.push_back(pool.submit([&] {
        const int now = ++at_once;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        door.pass();
        --at_once;
      }));
    }
    pass_time_until([&] { return at_once == 4; });
    by.says(2);  // those that are too many step aside after their task
    pass_time_until([&] { return pool.stats().active_workers == 2; });
    door.open();
    for (auto& each : all) each.get();
    EXPECT_EQ(most, 4);

    test::gate second;
    test::gate third;
    std::atomic<int> inside{0};
    by.says(oracle::same);
    std::vector<future<void>> more;
    for (int i = 0; i < 8; ++i) {
      more.push_back(pool.submit([&] {
        ++inside;
        second.pass();
      }));
    }
    pass_time_until([&] { return inside == 2; });
    for (int i = 0; i < 50; ++i) time.advance(1ms);
    EXPECT_EQ(inside, 2) << "no more than may work at once";
    by.says(4);
    pass_time_until([&] { return inside == 4; });
    second.open();
    for (auto& each : more) each.get();
  }
  EXPECT_EQ(started, 4) << "threads";
}

TEST_F(Scaling, WhoSitsAsideLeavesAfterKeepAlive) {
  oracle by{4};
  worker_pool pool{steered(by, 1, 5)};
  {
    const test::occupation busy{pool, 1};
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().workers.total == 4; });
  }
  {
    const test::occupation busy{pool, 4};
    by.says(1);
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().active_workers == 1; });
  }
  pass_time_until([&] { return pool.stats().workers.total == 1; }, 1s);
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
}

TEST_F(Scaling, APoolEndsWithWorkersAsideAndWithTheAlarmSet) {
  for (int round = 0; round < test::scaled(50); ++round) {
    oracle by{4};
    worker_pool pool{steered(by, 1, 4)};
    test::gate door;
    for (int i = 0; i < 20; ++i) pool.post([&, p = new_payload()] { door.pass(); });
    pass_time_until([&] { return pool.stats().workers.running == 4; });
    by.says(1 + static_cast<std::size_t>(round % 2));
    time.advance(10ms);
    door.open();
    if (round % 3 == 0) pool.wait_idle();
    if (round % 3 == 1) pool.resize(1, 2);
  }
}

TEST_F(Scaling, APoolOfNoWorkersStartsOneForItsFirstTaskAndScalesToNoneAgain) {
  oracle by{oracle::same};
  auto options = steered(by, 0, 4);
  options.min_workers = 0;
  worker_pool pool{options};
  EXPECT_EQ(pool.stats().workers.total, 0U);
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
  EXPECT_EQ(pool.stats().workers.total, 1U);
  by.says(0);
  pass_time_until([&] { return pool.stats().workers.total == 0; }, 1s);
  EXPECT_EQ(pool.submit([] { return 43; }).get(), 43);
}

TEST_F(Scaling, APoolThatWasAtItsLargestAndShrankGrowsAgain) {
  oracle by{3};
  worker_pool pool{steered(by, 1, 3)};
  for (int round = 0; round < 3; ++round) {
    by.says(3);
    {
      const test::occupation busy{pool, 1};
      for (int i = 0; i < 4; ++i) pool.post([] {});
      pass_time_until([&] { return pool.stats().workers.total == 3; });
    }
    by.says(1);
    pass_time_until([&] { return pool.stats().workers.total == 1; }, 1s);
  }
}

TEST_F(Scaling, AnIdleWorkerThatMayNotLeaveAsksLessAndLessOften) {
  oracle by{2};
  auto options = steered(by, 1, 2);
  options.keep_alive = duration::zero();
  std::optional<worker_pool> pool{std::in_place, options};
  {
    const test::occupation busy{*pool, 1};
    for (int i = 0; i < 4; ++i) pool->post([] {});
    pass_time_until([&] { return pool->stats().workers.total == 2; });
    by.says(oracle::same);
  }
  for (int i = 0; i < 3600; ++i) time.advance(1s);
  pool.reset();
  EXPECT_LT(by.asked().size(), 200U);
}

TEST_F(Scaling, ASmallerMaximumSendsThoseAwayWhoSitAside) {
  oracle by{4};
  worker_pool pool{steered(by, 1, 5)};
  {
    const test::occupation busy{pool, 1};
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().workers.total == 4; });
  }
  {
    const test::occupation busy{pool, 4};
    by.says(1);
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().active_workers == 1; });
  }
  pool.resize(1, 2);
  test::await([&] { return pool.stats().workers.total <= 2; });
}

TEST_F(Scaling, PrestartHasTheWorkersThereBeforeTheFirstTask) {
  oracle by{oracle::same};
  worker_pool pool{steered(by, 0, 4)};
  EXPECT_EQ(pool.prestart(3), 3U);
  EXPECT_EQ(pool.stats().workers.total, 3U);
  EXPECT_EQ(pool.stats().active_workers, 3U);
  EXPECT_EQ(pool.prestart(9), 4U) << "no more than max_workers";

  auto plain = test::sized(0);
  plain.max_workers = 2;
  worker_pool unsteered{plain};
  EXPECT_EQ(unsteered.prestart(1), 1U);
  EXPECT_EQ(unsteered.prestart(1), 1U);
  const test::occupation busy{unsteered, 2};
  EXPECT_EQ(unsteered.stats().workers.total, 2U);
}

TEST_F(Scaling, ABlockedWorkerIsReplacedBeyondWhatMayWorkAtOnce) {
  oracle by{oracle::same};
  worker_pool pool{steered(by, 1, 4)};
  test::gate door;
  auto blocked = pool.submit([&] {
    const blocking_region here;
    door.pass();
  });
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  EXPECT_EQ(pool.stats().active_workers, 1U);
  door.open();
  blocked.get();
}

TEST_F(Scaling, AnAnswerBeyondTheBoundsIsCutToThem) {
  oracle by{100};
  worker_pool pool{steered(by, 2, 4)};
  {
    const test::occupation busy{pool, 2};
    for (int i = 0; i < 4; ++i) pool.post([] {});
    pass_time_until([&] { return pool.stats().workers.total == 4; });
    by.says(0);
  }
  pass_time_until([&] { return pool.stats().workers.total == 2; }, 1s);
  EXPECT_EQ(pool.stats().active_workers, 2U);
}

TEST_F(Scaling, Stress_WhateverTheAnswersEveryTaskEndsOnce) {
  std::minstd_rand chance{7};
  std::counting_semaphore<> never{0};  // what some tasks wait for
  pool_options options = test::sized(1);
  options.max_workers = 8;
  options.queue_capacity = 16;
  options.keep_alive = 1ms;
  options.scaling = {.queue_depth_threshold = 1,
                     .target_queue_wait = 100us,
                     .interval = 100us,
                     .decide = [&](const scaling_inputs& in) {
                       return scaling_decision{in.workers, chance() % 10, "chance", in};
                     }};
  const int each = test::scaled(20'000);
  std::atomic<int> ran{0};
  {
    worker_pool pool{options};
    std::vector<std::jthread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < each; ++i) {
          pool.post([&, i] {
            ++ran;
            if (i % 1000 == 0) static_cast<void>(never.try_acquire_for(1ms));
          });
          if (i % 5000 == 0 && p == 0) pool.resize(1, 4 + static_cast<std::size_t>(i / 5000) % 5);
        }
      });
    }
    producers.clear();
    EXPECT_TRUE(pool.wait_idle());
    EXPECT_EQ(pool.stats().tasks.succeeded, static_cast<std::uint64_t>(2 * each));
  }
  EXPECT_EQ(ran, 2 * each);
}

TEST_F(Scaling, OptionsThatContradictEachOtherAreRefusedInOneSentence) {
  const auto refused = [](const scaling_rule& rule) -> std::string {
    pool_options options = test::sized(1, 16);
    options.scaling = rule;
    options.scaling.decide = [](const scaling_inputs& in) {
      return scaling_decision{in.workers, in.workers, "same", in};
    };
    try {
      worker_pool pool{options};
      return "accepted";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused({.queue_depth_threshold = 17}),
            "worker_pool 'test': scaling.queue_depth_threshold (17) must not exceed "
            "queue_capacity (16): it would never be reached");
  EXPECT_EQ(refused({.queue_depth_threshold = 0}),
            "worker_pool 'test': scaling.queue_depth_threshold must be at least 1, is 0");
  EXPECT_EQ(refused({.queue_depth_threshold = 1, .interval = duration{0}}),
            "worker_pool 'test': scaling.interval must be above 0, is 0 ns");
}

}  // namespace
}  // namespace millpool

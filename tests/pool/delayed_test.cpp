// submit_after, submit_at, every: in virtual time.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/result_channel.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Delayed : public test::ShapedPoolTest {
 protected:
  [[nodiscard]] pool_options options() {
    pool_options chosen = test::ShapedPoolTest::options();
    chosen.time = &time;
    return chosen;
  }
  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(Delayed);

TEST_P(Delayed, RunsWhenItsTimeHasComeAndNotBefore) {
  worker_pool pool{options()};
  const time_point due = time.now() + hours{1};
  auto first = pool.submit_at(due, [this] { return time.now(); });
  auto second = pool.submit_after(hours{2}, [this, p = new_payload()] { return time.now(); });
  EXPECT_EQ(pool.stats().delayed, 2U);
  EXPECT_EQ(pool.stats().tasks.accepted, 0U);
  time.advance(hours{1} - duration{1});
  EXPECT_FALSE(first.wait_for(duration::zero()));
  time.advance(duration{1});
  EXPECT_EQ(first.get(), due);
  time.advance(hours{1});
  EXPECT_EQ(second.get(), due + hours{1});
  EXPECT_EQ(pool.stats().delayed, 0U);
}

TEST_P(Delayed, RunsAtOnceWhatWasDueBefore) {
  worker_pool pool{options()};
  EXPECT_EQ(pool.submit_at(time.now() - hours{1}, [] { return 1; }).get(), 1);
  EXPECT_EQ(pool.submit_after(-hours{1}, [] { return 2; }).get(), 2);
}

TEST_P(Delayed, IsSubmittedInTheOrderOfTimesAndOfSubmissionsWithinOne) {
  auto chosen = options();
  chosen.queue_capacity = 1024;  // what is put off may be overtaken
  worker_pool pool{chosen};
  std::vector<int> order;
  std::vector<future<void>> all;
  for (const int when : {5, 3, 9, 3, 1, 5, 7, 1}) {
    const int number = static_cast<int>(all.size());
    all.push_back(pool.submit_after(seconds{when}, [&order, number] { order.push_back(number); },
                                    {.serial_key = 1}));
  }
  for (int i = 0; i < 9; ++i) time.advance(seconds{1});
  for (auto& each : all) each.get();
  EXPECT_EQ(order, (std::vector{4, 7, 1, 3, 0, 5, 6, 2}));
}

TEST_P(Delayed, AnEarlierOneThatComesLaterIsNotKeptWaiting) {
  worker_pool pool{options()};
  auto late = pool.submit_after(hours{24}, [] {});
  auto early = pool.submit_after(seconds{1}, [] { return 1; });
  time.advance(seconds{1});
  EXPECT_EQ(early.get(), 1);
  EXPECT_FALSE(late.wait_for(duration::zero()));
  pool.close();
  EXPECT_THROW(late.get(), submit_error);
}

TEST_P(Delayed, IsRefusedBeyondItsOwnCapacity) {
  auto chosen = options();
  chosen.delayed_capacity = 2;
  worker_pool pool{chosen};
  auto first = pool.submit_after(seconds{1}, [] {});
  auto second = pool.submit_after(seconds{1}, [] {});
  auto third = pool.submit_after(seconds{1}, [p = new_payload()] {});
  EXPECT_EQ(payloads_alive, 0);
  try {
    third.get();
    FAIL() << "it was accepted";
  } catch (const submit_error& error) {
    EXPECT_EQ(error.code(), submit_errc::full);
  }
  time.advance(seconds{1});
  first.get();
  second.get();
}

TEST_P(Delayed, IsPutOffWhereTheChannelIsFullThen) {
  worker_pool pool{options()};
  std::optional<test::occupation> busy{std::in_place, pool, workers()};
  for (int i = 0; i < capacity(); ++i) ASSERT_TRUE(pool.try_post([] {}));
  auto due = pool.submit_after(seconds{1}, [] { return 1; });
  time.advance(seconds{1});
  test::await([&] { return pool.stats().delayed == 0 && pool.stats().put_off == 1; });
  busy.reset();
  EXPECT_EQ(due.get(), 1);
}

TEST_P(Delayed, WhatIsNotDueWhenThePoolClosesIsRefusedAsClosed) {
  worker_pool pool{options()};
  auto waiting = pool.submit_after(hours{1}, [p = new_payload()] {});
  pool.close();
  EXPECT_EQ(payloads_alive, 0);
  try {
    waiting.get();
    FAIL() << "it ran";
  } catch (const submit_error& error) {
    EXPECT_EQ(error.code(), submit_errc::closed);
  }
  EXPECT_THROW(pool.submit_after(hours{1}, [] {}).get(), submit_error);
  EXPECT_EQ(pool.shutdown().tasks.accepted, 0U);
}

TEST_P(Delayed, CountsItsOptionsFromWhenItIsDue) {
  worker_pool pool{options()};
  auto prompt = pool.submit_after(hours{1}, [] { return 1; }, {.start_by = seconds{1}});
  time.advance(hours{1});
  EXPECT_EQ(prompt.get(), 1);
}

TEST_P(Delayed, AsksTheHookWhenItIsDue) {
  std::atomic<bool> admits{false};
  auto chosen = options();
  chosen.admit = [&](const submission_info&) -> std::optional<submit_errc> {
    if (admits) return std::nullopt;
    return submit_errc::rate_limited;
  };
  worker_pool pool{chosen};
  auto refused = pool.submit_after(seconds{1}, [] {});
  time.advance(seconds{1});
  try {
    refused.get();
    FAIL() << "it ran";
  } catch (const submit_error& error) {
    EXPECT_EQ(error.code(), submit_errc::rate_limited);
  }
  auto admitted = pool.submit_after(seconds{1}, [] { return 1; });
  admits = true;
  time.advance(seconds{1});
  EXPECT_EQ(admitted.get(), 1);
}

TEST_P(Delayed, MayBeSubmittedByATaskOfThePool) {
  worker_pool pool{options()};
  auto inner = pool.submit([&] { return pool.submit_after(seconds{1}, [] { return 1; }); }).get();
  time.advance(seconds{1});
  EXPECT_EQ(inner.get(), 1);
}

TEST_P(Delayed, APoolMayBeDestroyedByWhoIsToldOfARefusal) {
  auto chosen = options();
  chosen.admit = [](const submission_info&) { return submit_errc::rate_limited; };
  auto pool = std::make_unique<worker_pool>(chosen);
  std::atomic<bool> destroyed{false};
  // By the timers' own thread, therefore.
  const auto told = pool->submit_after(seconds{1}, [] {}).then([&](future<void>) {
    pool.reset();
    destroyed = true;
  });
  time.advance(seconds{1});
  test::await([&] { return destroyed.load(); });
}

// ---- every

TEST_P(Delayed, EveryRunsOnceAPeriod) {
  worker_pool pool{options()};
  std::atomic<int> runs{0};
  const auto kept = pool.every(seconds{10}, [&, p = new_payload()] { ++runs; });
  time.advance(seconds{9});
  EXPECT_EQ(runs, 0);
  for (int expected = 1; expected <= 5; ++expected) {
    time.advance(seconds{expected == 1 ? 1 : 10});
    test::await([&] { return runs == expected; });
    pool.wait_idle();
  }
}

TEST_P(Delayed, EveryLeavesOutTheTurnsThatItIsTooLateFor) {
  worker_pool pool{options()};
  std::atomic<int> runs{0};
  const auto kept = pool.every(seconds{10}, [&] { ++runs; });
  time.advance(seconds{95});  // nine turns
  test::await([&] { return runs == 1; });
  pool.wait_idle();
  time.advance(seconds{4});
  test::observe_for(milliseconds{5});
  EXPECT_EQ(runs, 1);
  time.advance(seconds{1});  // the tenth is in its place
  test::await([&] { return runs == 2; });
}

TEST_P(Delayed, EveryNeverRunsTwiceAtATime) {
  worker_pool pool{options()};
  std::atomic<int> inside{0};
  std::atomic<int> runs{0};
  test::gate door;
  const auto kept = pool.every(seconds{1}, [&] {
    EXPECT_EQ(++inside, 1);
    ++runs;
    door.pass();
    --inside;
  });
  for (int i = 0; i < 10; ++i) {
    time.advance(seconds{1});
    test::observe_for(milliseconds{3});
  }
  EXPECT_EQ(runs, 1);
  door.open();
  pool.wait_idle();
  time.advance(seconds{1});
  test::await([&] { return runs == 2; });
}

TEST_P(Delayed, EveryGoesOnAfterAnException) {
  std::atomic<int> unhandled{0};
  auto chosen = options();
  chosen.on_unhandled = [&](std::exception_ptr, const unhandled_info&) { ++unhandled; };
  worker_pool pool{chosen};
  const auto kept = pool.every(seconds{1}, [] { throw std::runtime_error{"x"}; });
  for (int expected = 1; expected <= 3; ++expected) {
    time.advance(seconds{1});
    test::await([&] { return unhandled == expected; });
    pool.wait_idle();
  }
}

TEST_P(Delayed, EveryEndsWithWhatKeepsIt) {
  worker_pool pool{options()};
  std::atomic<int> runs{0};
  {
    repetition kept = pool.every(seconds{1}, [&, p = new_payload()] { ++runs; });
    time.advance(seconds{1});
    test::await([&] { return runs == 1; });
    pool.wait_idle();
    repetition moved = std::move(kept);
    kept = repetition{};
    time.advance(seconds{1});
    test::await([&] { return runs == 2; });
    pool.wait_idle();
  }
  // The thread that keeps the time may just have it in its hands.
  test::await([&] { return pool.stats().delayed == 0 && payloads_alive == 0; });
  time.advance(hours{1});
  EXPECT_EQ(runs, 2);
}

TEST_P(Delayed, WhatIsDoneAgainAndAgainMayOutliveItsPool) {
  repetition kept;
  {
    worker_pool pool{options()};
    kept = pool.every(seconds{1}, [p = new_payload()] {});
  }
  EXPECT_EQ(payloads_alive, 1);
  kept.cancel();
  EXPECT_EQ(payloads_alive, 0);
}

TEST_P(Delayed, EveryRefusesAPeriodThatIsNone) {
  worker_pool pool{options()};
  EXPECT_THROW((void)pool.every(duration::zero(), [] {}), std::invalid_argument);
  pool.close();
  EXPECT_THROW((void)pool.every(seconds{1}, [] {}), submit_error);
}

// ---- by the real clock

using DelayedInRealTime = test::PoolTest;

TEST_F(DelayedInRealTime, APoolThatDelaysNothingHasNoThreadForIt) {
  std::atomic<int> threads{0};
  auto chosen = test::sized(1);
  chosen.min_workers = 0;
  chosen.start_thread = [&](std::function<void()> body) {
    ++threads;
    return std::thread{std::move(body)};
  };
  worker_pool pool{chosen};
  EXPECT_EQ(threads, 0);
  auto first = pool.submit_after(milliseconds{1}, [] { return 1; });
  auto second = pool.submit_after(milliseconds{2}, [] { return 2; });
  EXPECT_EQ(first.get() + second.get(), 3);
  EXPECT_EQ(threads, 2);  // one for the time, and a worker
}

TEST_F(DelayedInRealTime, ADelayedTaskMayDestroyItsPool) {
  const int rounds = test::scaled(200);
  for (int i = 0; i < rounds; ++i) {
    auto* const pool = new worker_pool{test::sized(1)};
    std::atomic<bool> destroyed{false};
    const auto dropped = pool->submit_after(duration::zero(), [&, p = new_payload()] {
      delete pool;
      destroyed = true;
    });
    test::await([&] { return destroyed.load(); });
  }
}

TEST_F(DelayedInRealTime, Stress_EachRunsOnceWhoeverSubmitsAndWheneverThePoolEnds) {
  for (const bool closes_early : {false, true}) {
    std::atomic<int> ran{0};
    std::atomic<int> refused{0};
    const int each = test::scaled(2'000);
    {
      worker_pool pool{test::sized(2, 16)};
      test::run_together(3, [&](int who) {
        for (int i = 0; i < each; ++i) {
          if (closes_early && who == 0 && i == each / 2) pool.close();
          auto told = pool.submit_after(std::chrono::microseconds{(i * 7 + who) % 500},
                                        [&, p = new_payload()] { ++ran; });
          const auto end = std::move(told).then([&](future<void> f) {
            try {
              f.get();
            } catch (const submit_error&) {
              ++refused;
            }
          });
        }
      });
      if (!closes_early) test::await([&] { return ran == 3 * each; });
    }
    EXPECT_EQ(ran + refused, 3 * each);
  }
}

}  // namespace
}  // namespace millpool

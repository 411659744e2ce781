// Promise P9 for a whole pool, and for a class of its tasks: what fails too often is not run.
#include "millpool/policy/pool_breaker.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/join.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr int probes = 3;

void fails() { throw std::runtime_error{"down"}; }

class P9_PoolBreaker : public test::PoolTest, public ::testing::WithParamInterface<int> {
 protected:
  [[nodiscard]] breaker_options judged() {
    return {.name = "b",
            .minimum_calls = 10,
            .sliding_window = sliding_window::count(20),
            .permitted_calls_in_half_open = probes,
            .on_transition =
                [this](const breaker_transition& each) {
                  if (each.to == breaker_state::open) ++opened;
                },
            .time = &time};
  }
  [[nodiscard]] static int workers() { return GetParam(); }
  [[nodiscard]] pool_options options() {
    pool_options chosen = test::sized(static_cast<std::size_t>(workers()));
    chosen.time = &time;
    chosen.on_unhandled = [](const std::exception_ptr&, const unhandled_info&) {};
    return chosen;
  }
  [[nodiscard]] std::unique_ptr<worker_pool> make_pool(when_open then) {
    by = break_by(judged(), then);
    pool_options chosen = options();
    chosen.breaker = by;
    return std::make_unique<worker_pool>(std::move(chosen));
  }
  [[nodiscard]] breaker_state state() const { return by->breaker().state(); }
  /// All have ended when this returns.
  void open(worker_pool& pool) {
    for (int i = 0; i < 10; ++i) pool.post(fails);
    pool.wait_idle();
    ASSERT_EQ(state(), breaker_state::open);
  }
  /// Tasks that count themselves.
  std::vector<future<void>> submit(worker_pool& pool, int count) {
    std::vector<future<void>> all;
    for (int i = 0; i < count; ++i) all.push_back(pool.submit([this] { ++ran; }));
    return all;
  }
  /// Brings the breaker from one of the states to another, while time passes. At last it is
  /// disabled.
  void change_until(const std::atomic<bool>& over, std::mt19937& random,
                    const std::vector<breaker_state>& states) {
    while (!over) {
      by->breaker().transition_to(states[random() % states.size()]);
      time.advance(seconds{20});
      std::this_thread::yield();
    }
    by->breaker().transition_to(breaker_state::disabled);
  }
  void expect_even(worker_pool& pool) {
    pool.shutdown();
    const pool_stats stats = pool.stats();
    EXPECT_EQ(stats.tasks.accepted, stats.tasks.ended());
  }

  manual_clock time;
  std::shared_ptr<pool_breaker> by;
  std::atomic<int> ran{0};
  std::atomic<int> opened{0};
};
INSTANTIATE_TEST_SUITE_P(, P9_PoolBreaker, ::testing::Values(1, 2, 8),
                         [](const auto& each) { return std::to_string(each.param) + "Workers"; });

TEST_P(P9_PoolBreaker, OpensAboveFivePercentOfWhatEnded) {
  breaker_options rate = judged();
  rate.minimum_calls = 100;
  rate.sliding_window = sliding_window::count(100);
  by = break_by(rate, when_open::reject);
  pool_options chosen = options();
  chosen.breaker = by;
  worker_pool pool{chosen};
  const auto end_each = [&](int good, int bad) {
    for (int i = 0; i < good; ++i) pool.submit([] {}).get();
    for (int i = 0; i < bad; ++i) EXPECT_THROW(pool.submit(fails).get(), std::runtime_error);
  };
  end_each(95, 5);
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(by->breaker().stats().calls, 100U);
  end_each(90, 0);
  end_each(5, 0);  // with these the first ninety-five have left the window
  end_each(0, 1);  // and one of the failures
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(by->breaker().stats().failed, 5U);
  end_each(0, 1);
  EXPECT_EQ(by->breaker().stats().failed, 5U);
  end_each(0, 3);
  EXPECT_EQ(state(), breaker_state::closed);
  end_each(0, 1);
  EXPECT_EQ(state(), breaker_state::open);
  expect_even(pool);
}

TEST_P(P9_PoolBreaker, HoldsWhatWaitsUntilProbesSucceed) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto held = submit(*pool, 20);
  EXPECT_EQ(pool->stats().tasks.inside(), 20U);
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(pool->try_post([] {})) << "submissions go on";
  time.advance(minutes{1});
  for (auto& each : held) each.get();
  EXPECT_EQ(ran, 20);
  EXPECT_EQ(state(), breaker_state::closed);
  pool->wait_idle();
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, LetsNoMoreThanTheProbesStartWhenTimeIsUp) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  test::gate door;
  std::atomic<int> started{0};
  for (int i = 0; i < 20; ++i) {
    pool->post([&] {
      ++started;
      door.pass();
    });
  }
  time.advance(minutes{1});
  const int at_most = std::min(probes, workers());
  test::await([&] { return started == at_most; });
  EXPECT_EQ(state(), breaker_state::half_open);
  time.advance(seconds{1});
  EXPECT_EQ(started, at_most);
  door.open();
  pool->wait_idle();
  EXPECT_EQ(started, 20);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, OpensAgainWhereProbesFail) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  for (int i = 0; i < probes; ++i) pool->post(fails);
  time.advance(minutes{1});
  test::await([&] { return opened == 2; });
  auto held = submit(*pool, 5);
  EXPECT_EQ(ran, 0);
  time.advance(minutes{1});
  for (auto& each : held) each.get();
  EXPECT_EQ(ran, 5);
  expect_even(*pool);
}

// A probe that never comes back counts as failed when its lease is over; the next ones go.
TEST_P(P9_PoolBreaker, IsNotKeptHalfOpenByAProbeThatHangs) {
  if (workers() == 1) GTEST_SKIP() << "nobody is left to be a probe";
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  test::gate door;
  std::atomic<bool> hangs{false};
  pool->post([&] {
    hangs = true;
    door.pass();
  });
  time.advance(minutes{1});
  test::await([&] { return hangs.load(); });
  auto held = submit(*pool, 20);
  test::await([&] { return by->breaker().stats().calls == probes - 1U; });
  time.advance(minutes{1});  // its lease
  test::await([&] { return state() == breaker_state::open; });
  time.advance(minutes{1});
  for (auto& each : held) each.get();
  door.open();
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, HoldsNothingBackWhenThePoolEnds) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto held = submit(*pool, 20);
  EXPECT_TRUE(pool->drain());
  EXPECT_EQ(ran, 20);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, LetsWhatIsHeldBeCancelled) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto held = submit(*pool, 20);
  EXPECT_TRUE(pool->cancel());
  for (auto& each : held) EXPECT_EQ(each.take().state(), task_state::cancelled);
  EXPECT_EQ(ran, 0);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, LetsWhatIsHeldExpire) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto late = pool->submit(task_options{.start_by = seconds{1}}, [this] { ++ran; });
  time.advance(seconds{2});
  EXPECT_EQ(late.take().state(), task_state::expired);
  EXPECT_EQ(ran, 0);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, LetsWhatIsHeldBePurgedButForWhatWorkersHaveInTheirHands) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto held = submit(*pool, 20);
  pool->pause();
  const auto purged = pool->purge();
  EXPECT_GE(purged.size(), 20U - static_cast<std::size_t>(workers()));
  pool->resume();
  by->breaker().transition_to(breaker_state::closed);
  pool->wait_idle();
  EXPECT_EQ(ran, 20 - static_cast<int>(purged.size()));
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, RejectsAtTheDoorAndDiscardsWhatWaits) {
  const auto pool = make_pool(when_open::reject);
  std::vector<future<void>> waiting;
  {
    test::occupation all_busy{*pool, workers()};
    for (int i = 0; i < 10; ++i) pool->post(task_options{.priority = 1}, fails);
    waiting = submit(*pool, 20);
  }
  for (auto& each : waiting) {
    try {
      each.get();
    } catch (const submit_error& error) {
      EXPECT_EQ(error.code(), submit_errc::breaker_open);
    }
  }
  EXPECT_EQ(state(), breaker_state::open);
  const auto refused = pool->post([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), submit_errc::breaker_open);
  const pool_stats stats = pool->stats();
  EXPECT_EQ(stats.refused[static_cast<std::size_t>(submit_errc::breaker_open)], 1U);
  EXPECT_EQ(stats.tasks.discarded + stats.tasks.failed + static_cast<std::uint64_t>(ran), 30U);
  EXPECT_GT(stats.tasks.discarded, 0U);
  time.advance(minutes{1});
  for (int i = 0; i < probes; ++i) pool->submit([] {}).get();
  EXPECT_EQ(state(), breaker_state::closed);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, RejectsInBulkAndLaterToo) {
  const auto pool = make_pool(when_open::reject);
  open(*pool);
  std::vector<void (*)()> bulk(5, [] {});
  EXPECT_EQ(pool->post_bulk(bulk), 0U);
  auto later = pool->submit_after(seconds{1}, [] {});
  time.advance(seconds{1});
  EXPECT_THROW(later.get(), submit_error);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, TellsTasksToDoWithoutIt) {
  const auto pool = make_pool(when_open::fallback);
  const auto asked = [](const task_context& context) { return context.in_fallback(); };
  EXPECT_FALSE(pool->submit(asked).get());
  open(*pool);
  EXPECT_TRUE(pool->submit(asked).get());
  EXPECT_THROW(pool->submit(fails).get(), std::runtime_error);
  time.advance(minutes{1});
  for (int i = 0; i < probes; ++i) EXPECT_FALSE(pool->submit(asked).get());
  EXPECT_EQ(state(), breaker_state::closed);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, OfAClassLeavesTheOthersAlone) {
  worker_pool pool{options()};
  by = break_by(judged(), when_open::reject);
  const task_class mails = pool.add_class({.name = "mails", .breaker = by});
  const task_class orders = pool.add_class({.name = "orders"});
  for (int i = 0; i < 20; ++i) pool.post(orders, fails);
  for (int i = 0; i < 20; ++i) pool.post(fails);
  pool.wait_idle();
  EXPECT_EQ(state(), breaker_state::closed);
  for (int i = 0; i < 10; ++i) EXPECT_THROW(pool.submit(mails, fails).get(), std::exception);
  EXPECT_EQ(state(), breaker_state::open);
  EXPECT_EQ(pool.post(mails, [] {}).error(), submit_errc::breaker_open);
  EXPECT_TRUE(pool.post(orders, [] {}));
  EXPECT_TRUE(pool.post([] {}));
  expect_even(pool);
}

TEST_P(P9_PoolBreaker, OfAClassStandsInThePlaceOfThePools) {
  const auto pool = make_pool(when_open::reject);
  const auto of_class = break_by(judged(), when_open::reject);
  const task_class mails = pool->add_class({.name = "mails", .breaker = of_class});
  for (int i = 0; i < 10; ++i) EXPECT_THROW(pool->submit(mails, fails).get(), std::exception);
  EXPECT_EQ(of_class->breaker().state(), breaker_state::open);
  EXPECT_EQ(state(), breaker_state::closed);
  for (int i = 0; i < 8; ++i) pool->submit([] {}).get();
  EXPECT_THROW(pool->submit(fails).get(), std::exception);
  EXPECT_EQ(by->breaker().stats().calls, 9U) << "and is told of its own tasks only";
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, JudgesSlowTasksToo) {
  breaker_options slow = judged();
  slow.slow_call_rate_threshold = 0.5;
  slow.slow_call_duration = seconds{1};
  by = break_by(slow, when_open::reject);
  pool_options chosen = options();
  chosen.breaker = by;
  worker_pool pool{chosen};
  for (int i = 0; i < 5; ++i) pool.submit([] {}).get();
  for (int i = 0; i < 6 && state() == breaker_state::closed; ++i) {
    pool.submit([this] { time.advance(seconds{2}); }).get();
  }
  EXPECT_EQ(state(), breaker_state::open);
  expect_even(pool);
}

TEST_P(P9_PoolBreaker, CountsByTimeToo) {
  breaker_options by_time = judged();
  by_time.sliding_window = sliding_window::time(seconds{10});
  by = break_by(by_time, when_open::reject);
  pool_options chosen = options();
  chosen.breaker = by;
  worker_pool pool{chosen};
  for (int i = 0; i < 9; ++i) EXPECT_THROW(pool.submit(fails).get(), std::exception);
  time.advance(seconds{11});  // these are too old
  for (int i = 0; i < 9; ++i) EXPECT_THROW(pool.submit(fails).get(), std::exception);
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_THROW(pool.submit(fails).get(), std::exception);
  EXPECT_EQ(state(), breaker_state::open);
  expect_even(pool);
}

TEST_P(P9_PoolBreaker, DoesNotCountWhatIsNoFailure) {
  breaker_options chosen_rules = judged();
  chosen_rules.is_failure = [](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::logic_error&) {
      return false;
    } catch (...) {
      return true;
    }
  };
  by = break_by(chosen_rules, when_open::reject);
  pool_options chosen = options();
  chosen.breaker = by;
  worker_pool pool{chosen};
  for (int i = 0; i < 30; ++i) {
    EXPECT_THROW(pool.submit([] { throw std::logic_error{"asked for nonsense"}; }).get(),
                 std::logic_error);
    EXPECT_THROW(pool.submit([] { throw task_stopped{}; }).get(), task_stopped);
  }
  EXPECT_EQ(state(), breaker_state::closed);
  EXPECT_EQ(by->breaker().stats().failed, 0U);
  expect_even(pool);
}

TEST_P(P9_PoolBreaker, LetsBothCallsOfAJoinRunInATaskThatRuns) {
  const auto pool = make_pool(when_open::reject);
  test::gate door;
  std::atomic<bool> started{false};
  auto joins = pool->submit([&] {
    started = true;
    door.pass();
    int left = 0;
    int right = 0;
    join(
        *pool, [&] { left = 1; }, [&] { right = 2; });
    return left + right;
  });
  test::await([&] { return started.load(); });
  by->breaker().transition_to(breaker_state::forced_open);
  door.open();
  EXPECT_EQ(joins.get(), 3);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, IsSteeredByHand) {
  const auto pool = make_pool(when_open::hold);
  by->breaker().transition_to(breaker_state::forced_open);
  auto held = submit(*pool, 20);
  time.advance(minutes{60});
  EXPECT_EQ(ran, 0);
  by->breaker().transition_to(breaker_state::closed);
  for (auto& each : held) each.get();
  EXPECT_EQ(ran, 20);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, ServesOnePoolAtATime) {
  auto pool = make_pool(when_open::hold);
  pool_options another = options();
  another.breaker = by;
  try {
    worker_pool second{another};
    ADD_FAILURE() << "two pools have it";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("breaker 'b' is in use"));
  }
  EXPECT_THROW((void)pool->add_class({.name = "c", .breaker = by}), std::invalid_argument);
  (void)pool->add_class({.name = "c"});  // the name is not taken
  pool.reset();
  by->breaker().transition_to(breaker_state::forced_open);  // nobody is told
  by->breaker().transition_to(breaker_state::closed);
  worker_pool second{another};
  EXPECT_EQ(second.submit([] { return 1; }).get(), 1);
}

TEST_P(P9_PoolBreaker, GoesByThePoolsClock) {
  pool_options chosen = options();
  chosen.breaker = break_by({.name = "b"});  // by the steady clock
  try {
    const worker_pool pool{chosen};
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("its time is another clock than the pool's"));
  }
}

TEST_P(P9_PoolBreaker, OfAClosedPoolIsNotAsked) {
  const auto pool = make_pool(when_open::reject);
  open(*pool);
  pool->close();
  EXPECT_EQ(pool->post([] {}).error(), submit_errc::closed);
}

TEST_P(P9_PoolBreaker, LetsWhatIsHeldBeStopped) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  std::stop_source stop;
  std::vector<future<void>> held;
  for (int i = 0; i < 20; ++i) {
    held.push_back(pool->submit(task_options{.stop_token = stop.get_token()}, [this] { ++ran; }));
  }
  stop.request_stop();
  for (auto& each : held) EXPECT_EQ(each.take().state(), task_state::cancelled);
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(state(), breaker_state::open);
  expect_even(*pool);
}

TEST_P(P9_PoolBreaker, StartsNothingInAPause) {
  const auto pool = make_pool(when_open::hold);
  open(*pool);
  auto held = submit(*pool, 20);
  pool->pause();
  by->breaker().transition_to(breaker_state::closed);
  time.advance(minutes{5});
  EXPECT_EQ(ran, 0);
  pool->resume();
  for (auto& each : held) each.get();
  EXPECT_EQ(ran, 20);
  expect_even(*pool);
}

// Its probe waits for a task that its own thread runs, and there is no other permit.
TEST_P(P9_PoolBreaker, DoesNotKeepAProbeFromWhatItWaitsFor) {
  for (const when_open then : {when_open::hold, when_open::reject}) {
    breaker_options one = judged();
    one.permitted_calls_in_half_open = 1;
    by = break_by(one, then);
    pool_options chosen = options();
    chosen.breaker = by;
    chosen.max_compensation = 0;
    worker_pool pool{chosen};
    future<int> outer;
    {
      test::occupation all_busy{pool, workers()};
      outer = pool.submit([&] {
        int found = 0;
        join(
            pool, [&] { found += 1; }, [&] { found += 1; });
        return found;
      });
      by->breaker().transition_to(breaker_state::half_open);
    }
    EXPECT_EQ(outer.get(), 2);
    EXPECT_EQ(state(), breaker_state::closed);
    expect_even(pool);
  }
}

TEST_P(P9_PoolBreaker, StaysWhatItIsAsLongAsThePoolLives) {
  const auto pool = make_pool(when_open::hold);
  pool_options another = pool->options();
  another.breaker = break_by(judged());
  try {
    (void)pool->reconfigure(another);
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("breaker is the same one"));
  }
  another.breaker = by;
  EXPECT_TRUE(pool->reconfigure(another).empty());
}

TEST_P(P9_PoolBreaker, Stress_LosesNothingHoweverItChanges) {
  for (const when_open then : {when_open::hold, when_open::reject, when_open::fallback}) {
    const auto pool = make_pool(then);
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> taken{0};
    const int each = test::scaled(5'000);
    test::run_together(3, [&](int who) {
      std::mt19937 random{static_cast<unsigned>(who)};
      if (who == 0) {
        change_until(over, random,
                     {breaker_state::closed, breaker_state::open, breaker_state::half_open,
                      breaker_state::forced_open, breaker_state::disabled});
        return;
      }
      for (int i = 0; i < each; ++i) {
        const bool bad = random() % 4 == 0;
        const auto accepted = pool->post([bad] {
          if (bad) fails();
        });
        if (accepted) ++taken;
      }
      if (who == 1) over = true;
    });
    pool->wait_idle();
    EXPECT_EQ(pool->stats().tasks.accepted, taken);
    expect_even(*pool);
  }
}

// A class of mails, which is held, and others, which are not.
class P9_ClassBreaker : public P9_PoolBreaker {
 protected:
  void SetUp() override { add_mails({}); }
  void TearDown() override {
    pool.reset();
    P9_PoolBreaker::TearDown();  // no thread is left
  }
  void add_mails(std::optional<std::uint32_t> max_concurrency) {
    by = break_by(judged(), when_open::hold);
    pool = std::make_unique<worker_pool>(options());
    mails = pool->add_class({.name = "mails", .max_concurrency = max_concurrency, .breaker = by});
  }
  void open() {
    for (int i = 0; i < 10; ++i) pool->post({.task_class = mails}, fails);
    pool->wait_idle();
    ASSERT_EQ(state(), breaker_state::open);
  }
  std::vector<future<void>> submit_mails(int count) {
    std::vector<future<void>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(pool->submit({.task_class = mails}, [this] { ++ran; }));
    }
    return all;
  }

  std::unique_ptr<worker_pool> pool;
  task_class mails;
};
INSTANTIATE_TEST_SUITE_P(, P9_ClassBreaker, ::testing::Values(1, 2, 8),
                         [](const auto& each) { return std::to_string(each.param) + "Workers"; });

TEST_P(P9_ClassBreaker, HoldsItsOwnTasksAndNoWorker) {
  open();
  auto held = submit_mails(20);
  for (int i = 0; i < 100; ++i) pool->submit([] {}).get();
  // All of them, once the last is put back that a worker had in its hands.
  test::await([&] { return pool->stats().tasks.waiting == 20U; });
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(pool->stats().tasks.accepted, 130U) << "one that was put back is accepted once";
  time.advance(minutes{1});
  for (auto& each : held) each.get();
  EXPECT_EQ(state(), breaker_state::closed);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, KeepsTheirOrder) {
  if (workers() > 1) GTEST_SKIP() << "several begin at once";
  std::vector<int> order;
  const auto submit_some = [&](int from) {
    for (int i = from; i < from + 10; ++i) {
      pool->post({.task_class = mails}, [&order, i] { order.push_back(i); });
    }
  };
  test::gate door;
  pool->post([&] { door.pass(); });
  for (int i = 0; i < 10; ++i) pool->post({.task_class = mails}, fails);
  submit_some(0);
  door.open();
  pool->submit([] {}).get();
  submit_some(10);
  time.advance(minutes{1});
  pool->wait_idle();
  ASSERT_EQ(order.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LetsNoMoreThanTheProbesStartWhenTimeIsUp) {
  open();
  test::gate door;
  std::atomic<int> started{0};
  for (int i = 0; i < 20; ++i) {
    pool->post({.task_class = mails}, [&] {
      ++started;
      door.pass();
    });
  }
  time.advance(minutes{1});
  const int at_most = std::min(probes, workers());
  test::await([&] { return started == at_most; });
  EXPECT_EQ(state(), breaker_state::half_open);
  if (workers() > probes) {
    for (int i = 0; i < 100; ++i) pool->submit([] {}).get();
  }
  EXPECT_EQ(started, at_most);
  door.open();
  pool->wait_idle();
  EXPECT_EQ(started, 20);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, HoldsThemAgainWhereProbesFail) {
  open();
  for (int i = 0; i < probes; ++i) pool->post({.task_class = mails}, fails);
  time.advance(minutes{1});
  test::await([&] { return opened == 2; });
  auto held = submit_mails(5);
  pool->submit([] {}).get();
  EXPECT_EQ(ran, 0);
  time.advance(minutes{1});
  for (auto& each : held) each.get();
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LetsThemGoByHand) {
  by->breaker().transition_to(breaker_state::forced_open);
  auto held = submit_mails(20);
  time.advance(minutes{60});
  pool->submit([] {}).get();
  EXPECT_EQ(ran, 0);
  by->breaker().transition_to(breaker_state::closed);
  for (auto& each : held) each.get();
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, HoldsNothingBackWhenThePoolEnds) {
  open();
  auto held = submit_mails(20);
  EXPECT_TRUE(pool->drain());
  EXPECT_EQ(ran, 20);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LetsWhatIsHeldBeCancelled) {
  open();
  auto held = submit_mails(20);
  EXPECT_TRUE(pool->cancel());
  for (auto& each : held) EXPECT_EQ(each.take().state(), task_state::cancelled);
  EXPECT_EQ(ran, 0);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LetsWhatIsHeldBePurgedButForWhatIsOnItsWayBack) {
  open();
  auto held = submit_mails(20);
  pool->submit([] {}).get();
  const std::size_t purged = pool->purge().size();
  EXPECT_GE(purged, 20U - static_cast<std::size_t>(workers()));
  EXPECT_EQ(ran, 0);
  test::await([&] { return pool->stats().tasks.waiting == 20 - purged; });
  EXPECT_EQ(pool->purge().size(), 20 - purged) << "none is taken once they are held";
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, DoesNotHoldWhatRunsInsideATaskThatWaitsForIt) {
  if (workers() > 1) GTEST_SKIP() << "another may have it in its hands just then";
  open();
  auto held = submit_mails(20);
  const auto outer = [&] {
    auto inner = pool->submit({.task_class = mails}, [] { return 7; });
    return inner.get();
  };
  EXPECT_EQ(pool->submit(outer).get(), 7);
  EXPECT_EQ(ran, 0) << "those before it are still held";
  EXPECT_EQ(state(), breaker_state::open);
  by->breaker().transition_to(breaker_state::closed);
  for (auto& each : held) each.get();
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, DoesNotHoldWhatAContinuationWaitsFor) {
  if (workers() > 1) GTEST_SKIP() << "another may have it in its hands just then";
  open();
  test::gate attached;
  auto all_ran = pool->submit([&] { attached.pass(); }).then([&] {
    task_group group{*pool};
    for (int i = 0; i < 3; ++i) group.run(task_options{.task_class = mails}, [this] { ++ran; });
    group.wait();
    return ran.load();
  });
  attached.open();
  EXPECT_EQ(all_ran.get(), 3);
  EXPECT_EQ(state(), breaker_state::open);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LetsThemGoUnderNoLockAsThePoolEnds) {
  pool.reset();
  by = break_by(judged(), when_open::hold);
  pool_options chosen = options();
  worker_pool* here = nullptr;
  std::atomic<bool> fails_to_start{false};
  std::atomic<int> told{0};
  chosen.min_workers = 0;  // so that letting go starts one
  chosen.keep_alive = seconds{1};
  chosen.start_thread = [&](std::function<void()> body) {
    if (fails_to_start) throw std::runtime_error{"no thread"};
    return std::thread{std::move(body)};
  };
  chosen.on_thread_failure = [&](const std::system_error&) {
    (void)here->stats();
    ++told;
  };
  pool = std::make_unique<worker_pool>(chosen);
  here = pool.get();
  mails = pool->add_class({.name = "mails", .breaker = by});
  by->breaker().transition_to(breaker_state::forced_open);  // however long the worker takes to go
  auto held = submit_mails(20);
  test::await([&] {
    time.advance(seconds{2});
    return pool->stats().workers.total == 0;
  });
  fails_to_start = true;
  EXPECT_TRUE(pool->drain());  // by the calling thread
  EXPECT_GE(told, 1);
  EXPECT_EQ(ran, 20);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, KeepsItsLimitWhenTheyAreLetGo) {
  add_mails(2);
  open();
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 20; ++i) {
    pool->post({.task_class = mails}, [&] {
      const int now = ++at_once;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      --at_once;
    });
  }
  by->breaker().transition_to(breaker_state::closed);
  pool->wait_idle();
  EXPECT_LE(most, 2);
  expect_even(*pool);
}

TEST_P(P9_ClassBreaker, LeavesNoRoomForAKeyOfTheirOwn) {
  try {
    pool->post({.serial_key = 1, .task_class = mails}, [] {});
    ADD_FAILURE() << "it was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "task_options.serial_key: task_class 'mails' has a breaker that holds its tasks");
  }
}

TEST_P(P9_ClassBreaker, Stress_LosesNothingHoweverItChanges) {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> taken{0};
  const int each = test::scaled(5'000);
  test::run_together(3, [&](int who) {
    std::mt19937 random{static_cast<unsigned>(who)};
    if (who == 0) {
      change_until(over, random,
                   {breaker_state::closed, breaker_state::open, breaker_state::half_open,
                    breaker_state::forced_open});
      return;
    }
    for (int i = 0; i < each; ++i) {
      const bool bad = random() % 4 == 0;
      const task_options how{.priority = static_cast<unsigned>(random() % lane_count),
                             .task_class = i % 2 == 0 ? mails : task_class{}};
      // It may be full of what is held: then nobody would make room before it is let go.
      if (pool->try_post(how, [bad] {
            if (bad) fails();
          })) {
        ++taken;
      }
    }
    if (who == 1) over = true;
  });
  pool->wait_idle();
  EXPECT_EQ(pool->stats().tasks.accepted, taken);
  EXPECT_EQ(pool->stats().queue_capacity, options().queue_capacity);
  expect_even(*pool);
}

}  // namespace
}  // namespace millpool

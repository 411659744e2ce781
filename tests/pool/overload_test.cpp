// What a pool with shedding_options gives up when more comes than it can do, and what it keeps.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/future.hpp"
#include "src/pool/lane_codel.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
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

// ---- when there is overload

struct lanes_of_one_pool {
  lane_codel codel{5ms, 100ms, 2ms};
  time_point now{1h};

  // So many looks, two milliseconds apart, at which the oldest of one lane has waited so long.
  void look(int times, std::size_t lane, duration waited) {
    lane_codel::waits waits{};
    waits[lane] = waited;
    for (int i = 0; i < times; ++i) static_cast<void>(codel.look(now += 2ms, waits));
  }
};

TEST(LaneCodel, AQueueThatStandsForAnIntervalIsOverload) {
  lanes_of_one_pool f;
  f.look(50, 6, 6ms);
  EXPECT_EQ(f.codel.standing(), std::nullopt);
  f.look(1, 6, 6ms);
  EXPECT_EQ(f.codel.standing(), 6U);
}

TEST(LaneCodel, ABurstThatDrainsIsNone) {
  lanes_of_one_pool f;
  for (int i = 0; i < 20; ++i) {
    f.look(45, 6, 500ms);
    f.look(5, 6, 5ms);
    EXPECT_EQ(f.codel.standing(), std::nullopt);
  }
}

TEST(LaneCodel, TheHighestLaneThatStandsIsTold) {
  lanes_of_one_pool f;
  for (int i = 0; i < 51; ++i) {
    static_cast<void>(f.codel.look(f.now += 2ms, {4ms, 0ms, 6ms, 7ms, 0ms, 0ms, 1h, 0ms}));
  }
  EXPECT_EQ(f.codel.standing(), 2U);
}

TEST(LaneCodel, ALaneThatIsShedFromStandsAsLongAsItHasSomethingToDo) {
  lanes_of_one_pool f;
  f.look(51, 6, 50ms);
  for (int i = 0; i < 20; ++i) {
    f.look(6, 6, 0ms);
    f.look(44, 6, 1ms);
    EXPECT_EQ(f.codel.standing(), 6U);
  }
  f.look(7, 6, 0ms);
  f.look(42, 6, 50ms);
  EXPECT_EQ(f.codel.standing(), 6U);
  f.look(1, 6, 50ms);
  EXPECT_EQ(f.codel.standing(), std::nullopt);
}

TEST(LaneCodel, ItIsNotIdleWhereAHigherLaneHasSomethingToDo) {
  lanes_of_one_pool f;
  f.look(51, 4, 50ms);
  f.look(50, 3, 1ms);
  EXPECT_EQ(f.codel.standing(), 4U);
  f.look(50, 5, 1ms);
  EXPECT_EQ(f.codel.standing(), std::nullopt) << "a lower one does not count";
}

TEST(LaneCodel, AHigherLaneThatStandsTakesOverAndALowerOneAfterIt) {
  lanes_of_one_pool f;
  f.look(51, 4, 50ms);
  f.look(100, 2, 50ms);
  EXPECT_EQ(f.codel.standing(), 2U);
  f.look(100, 6, 50ms);
  EXPECT_EQ(f.codel.standing(), 6U);
}

TEST(LaneCodel, TimeInWhichNobodyLookedIsNoOverload) {
  lanes_of_one_pool f;
  f.look(2, 6, 50ms);
  f.now += 1h;
  f.look(2, 6, 1h);
  EXPECT_EQ(f.codel.standing(), std::nullopt);
}

// ---- what is shed: in virtual time

class Overload : public test::ShapedPoolTest {
 protected:
  [[nodiscard]] pool_options shedding() {
    pool_options chosen = options();
    chosen.when_full = full_policy::reject;
    chosen.shedding = shedding_options{.target = 5ms, .interval = 100ms};
    chosen.time = &time;
    return chosen;
  }

  [[nodiscard]] future<void> submit(worker_pool& pool, unsigned priority) {
    return pool.submit(task_options{.priority = priority}, [p = new_payload()] {});
  }

  // Lets the clock run until something has happened.
  template <class Fact>
  void pass_time_until(Fact fact) {
    test::await([&] {
      if (fact()) return true;
      time.advance(1ms);
      return false;
    });
  }

  // What waits in that lane stands, until the pool sees that it does and gives it up.
  void overload(worker_pool& pool, unsigned priority) {
    future<void> first = submit(pool, priority);
    pass_time_until([&] { return first.is_ready(); });
    EXPECT_TRUE(pool.stats().overloaded);
    expect_shed(first);
  }

  // Lets so much time pass that pools that look have seen overload: another one has, twice.
  void let_pools_look() {
    worker_pool other{shedding()};
    const test::occupation busy{other, workers()};
    overload(other, 7);
    overload(other, 6);
  }

  static void expect_shed(future<void>& task) {
    try {
      task.get();
      ADD_FAILURE() << "it has run";
    } catch (const submit_error& error) {
      EXPECT_EQ(error.code(), submit_errc::shed);
    }
  }

  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(Overload);

TEST_P(Overload, WhatStandsIsGivenUpAndItsFutureSaysShed) {
  worker_pool pool{shedding()};
  const test::occupation busy{pool, workers()};
  std::vector<future<void>> waiting;
  for (int i = 0; i < std::min(capacity(), 20); ++i) waiting.push_back(submit(pool, 6));
  pass_time_until([&] { return waiting.back().is_ready(); });
  for (auto& each : waiting) expect_shed(each);
  const pool_stats seen = pool.stats();
  EXPECT_TRUE(seen.overloaded);
  EXPECT_EQ(seen.shed[6], waiting.size());
  EXPECT_EQ(seen.tasks.discarded, waiting.size());
  EXPECT_TRUE(seen.tasks.balanced());
}

TEST_P(Overload, LowerLanesAreRefusedAtOnceAndHigherOnesAreServed) {
  worker_pool pool{shedding()};
  future<void> urgent;
  {
    const test::occupation busy{pool, workers()};
    overload(pool, 4);
    for (const unsigned priority : {5U, 6U, 7U}) {
      auto refused = submit(pool, priority);
      ASSERT_TRUE(refused.is_ready());
      expect_shed(refused);
      EXPECT_EQ(pool.try_post(task_options{.priority = priority}, [] {}).error(),
                submit_errc::shed);
      EXPECT_EQ(pool.pressure(priority), 1.0);
    }
    EXPECT_EQ(pool.stats().refused[static_cast<std::size_t>(submit_errc::shed)], 6U);
    EXPECT_LT(pool.pressure(3), 1.0);
    urgent = submit(pool, 3);
    EXPECT_FALSE(urgent.is_ready());
  }
  urgent.get();
}

// There is room once what waits is given up.
TEST_P(Overload, WhoWaitsForRoomInALowerLaneIsToldSoon) {
  pool_options chosen = shedding();
  chosen.when_full = full_policy::block;
  worker_pool pool{chosen};
  std::vector<future<void>> filling;
  const test::occupation busy{pool, workers()};
  for (int i = 0; i < capacity(); ++i) filling.push_back(submit(pool, 4));
  // The first waits as its policy says, the other for a time of its own.
  std::atomic<int> told{0};
  std::jthread by_policy{[&] {
    auto refused = submit(pool, 5);
    expect_shed(refused);
    ++told;
  }};
  std::jthread for_a_day{[&] {
    auto taken = pool.submit_for(
        24h, [] {}, task_options{.priority = 5});
    if (taken) {
      expect_shed(*taken);
    } else {
      EXPECT_EQ(taken.error(), submit_errc::shed);
    }
    ++told;
  }};
  pass_time_until([&] { return told == 2; });  // or for ever
  for (auto& each : filling) expect_shed(each);
}

TEST_P(Overload, WhatWaitsForAKeyIsNoneOfTheFewThatMayWait) {
  if (workers() < 2 || capacity() < 8) GTEST_SKIP() << "all are busy, or there is no room";
  worker_pool pool{shedding()};
  test::gate door;
  pool.post(task_options{.serial_key = 7}, [&] { door.pass(); });
  for (int i = 0; i < 4; ++i) pool.post(task_options{.serial_key = 7}, [] {});
  pool.submit(task_options{.priority = 7}, [] {}).get();  // they have stepped aside
  future<void> first;
  {
    const test::occupation busy{pool, workers() - 1};
    overload(pool, default_priority);
    first = submit(pool, default_priority);
    EXPECT_FALSE(first.is_ready());
    door.open();
  }
  first.get();
}

TEST_P(Overload, OfTheLaneThatIsServedInPartAFewMayWait) {
  worker_pool pool{shedding()};
  future<void> first;
  {
    const test::occupation busy{pool, workers()};
    overload(pool, 4);
    first = submit(pool, 4);
    EXPECT_FALSE(first.is_ready());
    for (int i = 0; i < 10; ++i) {
      auto refused = submit(pool, 4);
      expect_shed(refused);  // none of the lane was served: one may wait
    }
  }
  first.get();
}

TEST_P(Overload, AnOldTaskOfAHigherLaneIsKept) {
  if (capacity() == 1) GTEST_SKIP() << "has room for one of them";
  worker_pool pool{shedding()};
  future<void> urgent;
  {
    const test::occupation busy{pool, workers()};
    overload(pool, 4);
    urgent = submit(pool, 3);
    auto other = submit(pool, 4);
    time.advance(11ms);
    test::await([&] { return other.is_ready(); });
    expect_shed(other);
    EXPECT_FALSE(urgent.is_ready());
    EXPECT_EQ(pool.stats().shed[3], 0U);
  }
  urgent.get();
}

TEST_P(Overload, TheLowestLaneIsGivenUpFirst) {
  if (capacity() == 1) GTEST_SKIP() << "has room for one of them";
  std::mutex mutex;
  std::vector<std::string> given_up;
  auto chosen = shedding();
  chosen.on_task_end = [&](const task_end_info& ended) {
    if (ended.state != task_state::discarded) return;
    const std::lock_guard lock{mutex};
    given_up.emplace_back(ended.task_class);
  };
  worker_pool pool{chosen};
  const auto low = pool.add_class({.name = "low", .priority = 7});
  const auto middle = pool.add_class({.name = "middle", .priority = 5});
  const test::occupation busy{pool, workers()};
  std::vector<future<void>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(pool.submit(middle, [] {}));
    waiting.push_back(pool.submit(low, [] {}));
  }
  pass_time_until([&] { return std::ranges::all_of(waiting, &future<void>::is_ready); });
  const std::lock_guard lock{mutex};
  EXPECT_EQ(given_up,
            (std::vector<std::string>{"low", "low", "low", "middle", "middle", "middle"}));
}

TEST_P(Overload, ItIsBackToNormalOnceTheQueueHasDrained) {
  worker_pool pool{shedding()};
  {
    const test::occupation busy{pool, workers()};
    overload(pool, 4);
  }
  pass_time_until([&] { return !pool.stats().overloaded; });
  EXPECT_EQ(pool.pressure(), 0.0);
  for (unsigned priority = 0; priority < lane_count; ++priority) submit(pool, priority).get();
  // And again.
  const test::occupation busy{pool, workers()};
  overload(pool, 7);
}

TEST_P(Overload, AFullChannelGivesThePlaceOfALowerLane) {
  worker_pool pool{shedding()};
  std::vector<future<void>> waiting;
  future<void> urgent;
  {
    const test::occupation busy{pool, workers()};
    for (int i = 0; i < capacity(); ++i) waiting.push_back(submit(pool, 6));
    EXPECT_EQ(pool.try_post(task_options{.priority = 2}, [] {}).error(), submit_errc::full);
    urgent = submit(pool, 2);
    EXPECT_FALSE(urgent.is_ready());
    ASSERT_TRUE(waiting.back().is_ready());
    expect_shed(waiting.back());
    waiting.pop_back();
    auto no_lower = submit(pool, 6);
    ASSERT_TRUE(no_lower.is_ready());
    EXPECT_THROW(no_lower.get(), submit_error);
    EXPECT_EQ(pool.stats().shed[6], 1U);
  }
  urgent.get();
  for (auto& each : waiting) each.get();
}

TEST_P(Overload, WhatTasksOfThePoolSubmitIsNotRefused) {
  worker_pool pool{shedding()};
  test::gate door;
  std::vector<future<submit_errc>> all;
  for (int i = 0; i < workers(); ++i) {
    all.push_back(pool.submit(task_options{.priority = 0}, [&] {
      door.pass();
      const auto taken = pool.post(task_options{.priority = 7}, [] {});
      return taken ? submit_errc::full : taken.error();
    }));
    test::await([&] { return pool.stats().tasks.waiting == 0; });
  }
  overload(pool, 4);
  door.open();
  // Or it has found no room, as it would at any time.
  for (auto& each : all) EXPECT_EQ(each.get(), submit_errc::full);
}

TEST_P(Overload, NothingIsShedAfterClose) {
  worker_pool pool{shedding()};
  future<void> waits;
  {
    const test::occupation busy{pool, workers()};
    overload(pool, 4);
    waits = submit(pool, 4);
    pool.close();
    EXPECT_EQ(pool.post(task_options{.priority = 7}, [] {}).error(), submit_errc::closed);
    let_pools_look();
  }
  EXPECT_TRUE(pool.drain());
  waits.get();
}

TEST_P(Overload, APauseIsNone) {
  worker_pool pool{shedding()};
  future<void> waits;
  {
    const test::occupation busy{pool, workers()};
    waits = submit(pool, 7);  // from here on it looks
    pool.pause();
    let_pools_look();
    EXPECT_FALSE(pool.stats().overloaded);
    EXPECT_FALSE(waits.is_ready());
    pool.resume();
  }
  waits.get();
}

TEST_P(Overload, EndsInAPause) {
  worker_pool pool{shedding()};
  const test::occupation busy{pool, workers()};
  overload(pool, 4);
  pool.pause();
  pass_time_until([&] { return !pool.stats().overloaded; });
  EXPECT_TRUE(pool.try_post(task_options{.priority = 7}, [] {}));
  pool.resume();  // its end waits for the task
}

TEST_P(Overload, WithoutTheOptionNothingIsShed) {
  auto chosen = options();
  chosen.time = &time;
  worker_pool pool{chosen};
  future<void> waits;
  {
    const test::occupation busy{pool, workers()};
    waits = submit(pool, 7);
    let_pools_look();
    EXPECT_FALSE(pool.stats().overloaded);
    EXPECT_EQ(pool.pressure(), 1.0 / capacity());
  }
  EXPECT_EQ(pool.pressure(), 0.0);
  waits.get();
}

TEST_P(Overload, TellsThePressure) {
  if (capacity() == 1) GTEST_SKIP() << "one that waits is all of it";
  worker_pool pool{shedding()};
  EXPECT_EQ(pool.pressure(), 0.0);
  const test::occupation busy{pool, workers()};
  const auto low = submit(pool, 6);
  EXPECT_EQ(pool.pressure(), 1.0 / capacity());
  EXPECT_EQ(pool.pressure(5), 0.0);
  time.advance(4ms);  // of the ten that are too many
  test::await([&] { return pool.pressure() > 0.39; });
  EXPECT_NEAR(pool.pressure(), 0.4, 0.001);
  EXPECT_EQ(pool.pressure(5), 0.0);
  EXPECT_THROW(static_cast<void>(pool.pressure(8)), std::invalid_argument);
}

TEST_P(Overload, TheNewestIsServedFirstWhereThatIsAskedForAndNotBefore) {
  if (capacity() == 1) GTEST_SKIP() << "has room for one of them";
  for (const bool newest_first : {false, true}) {
    auto chosen = shedding();
    chosen.shedding->newest_first = newest_first;
    worker_pool pool{chosen};
    std::mutex mutex;
    std::vector<int> order;
    test::gate door;
    std::vector<future<void>> all;
    const auto run_three = [&](bool overloaded) {
      order.clear();
      test::gate let_one_go;
      {
        const test::occupation busy{pool, workers() - 1};
        // One is left: it alone decides the order.
        auto first = pool.submit(task_options{.priority = 0}, [&] { let_one_go.pass(); });
        test::await([&] { return pool.stats().tasks.waiting == 0; });
        if (overloaded) overload(pool, 4);
        for (int i = 0; i < 3; ++i) {
          all.push_back(pool.submit(task_options{.priority = 3}, [&, i] {
            const std::lock_guard lock{mutex};
            order.push_back(i);
          }));
        }
        let_one_go.open();
        for (auto& each : all) each.get();
        all.clear();
      }
      return order;
    };
    EXPECT_EQ(run_three(false), (std::vector{0, 1, 2}));
    EXPECT_EQ(run_three(true), newest_first ? (std::vector{2, 1, 0}) : (std::vector{0, 1, 2}));
  }
}

TEST_P(Overload, Stress_EveryTaskEndsOnceWhateverIsShed) {
  auto chosen = options();
  chosen.when_full = full_policy::block;
  chosen.shedding = shedding_options{.target = 50us, .interval = 1ms, .newest_first = true};
  const int each = test::scaled(10'000);
  std::counting_semaphore<> never{0};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> refused{0};
  {
    worker_pool pool{chosen};
    std::vector<std::jthread> producers;
    for (unsigned p = 0; p < 2; ++p) {
      producers.emplace_back([&, p] {
        std::minstd_rand chance{p + 1};
        for (int i = 0; i < each; ++i) {
          task_options wish{.priority = static_cast<unsigned>(chance() % lane_count)};
          if (i % 7 == 0) wish.serial_key = chance() % 3;
          if (i % 11 == 0) wish.fair_key = chance() % 3;
          const bool is_long = i % 64 == 0;
          auto task = pool.submit(wish, [&, is_long, life = new_payload()] {
            if (is_long) static_cast<void>(never.try_acquire_for(200us));
          });
          (void)std::move(task).then([&](future<void> what) {
            if (what.take().state() == task_state::discarded) refused.fetch_add(1);
            ended.fetch_add(1);
          });
        }
      });
    }
    producers.clear();
    EXPECT_TRUE(pool.wait_idle());
    const pool_stats seen = pool.stats();
    EXPECT_TRUE(seen.tasks.balanced());
    EXPECT_EQ(seen.tasks.inside(), 0U);
    std::uint64_t shed = 0;
    for (const std::uint64_t of_lane : seen.shed) shed += of_lane;
    EXPECT_EQ(seen.tasks.discarded, shed);
    EXPECT_EQ(refused, shed + seen.refused[static_cast<std::size_t>(submit_errc::shed)]);
  }
  EXPECT_EQ(ended, static_cast<std::uint64_t>(2 * each));
}

// ---- in real time: ten times as much as two workers can do

struct share {
  unsigned priority;
  unsigned percent;
};
constexpr std::array<share, 3> mix{{{0, 5}, {2, 25}, {6, 70}}};  // half of what they can do is of 0

class flooded_pool {
 public:
  using clock_type = std::chrono::steady_clock;

  flooded_pool() {
    pool_options chosen = test::sized(2);
    chosen.when_full = full_policy::reject;
    chosen.shedding = shedding_options{};
    pool_.emplace(chosen);
  }

  // Tasks a second, where there is always one.
  [[nodiscard]] double capacity() {
    constexpr int tasks = 200;
    worker_pool calm{test::sized(2)};
    const auto begun = clock_type::now();
    for (int i = 0; i < tasks; ++i) calm.post([this] { work(); });
    calm.wait_idle();
    return tasks / std::chrono::duration<double>{clock_type::now() - begun}.count();
  }

  struct seen {
    std::array<int, mix.size()> offered{};
    std::array<std::atomic<int>, mix.size()> served{};
    std::vector<duration> refusals{};
  };
  // So many a second, whatever becomes of them.
  void offer(double per_second, duration length, seen& into) {
    std::minstd_rand chance{1};
    const auto begun = clock_type::now();
    const auto count = static_cast<int>(per_second * std::chrono::duration<double>{length}.count());
    for (int i = 0; i < count; ++i) {
      const auto due = begun + std::chrono::duration_cast<duration>(
                                   std::chrono::duration<double>{i / per_second});
      // A few at once.
      if (due > clock_type::now()) static_cast<void>(never_.try_acquire_until(due + 1ms));
      unsigned left = static_cast<unsigned>(chance() % 100);
      std::size_t kind = 0;
      while (left >= mix.at(kind).percent) left -= mix.at(kind++).percent;
      ++into.offered.at(kind);
      const auto before = clock_type::now();
      const auto accepted =
          pool_->post(task_options{.priority = mix.at(kind).priority}, [this, kind, &into] {
            work();
            into.served.at(kind).fetch_add(1);
          });
      if (!accepted) into.refusals.push_back(clock_type::now() - before);
    }
  }

  [[nodiscard]] worker_pool& pool() { return *pool_; }

 private:
  void work() { static_cast<void>(never_.try_acquire_for(2ms)); }

  std::counting_semaphore<> never_{0};  // what tasks wait for
  std::optional<worker_pool> pool_;
};

// What a machine that does something else meanwhile takes away is allowed for: other tries, in each
// of which some of this is so, and bounds that lie below what an idle one reaches.
TEST(OverloadInRealTime, TenTimesTheCapacityIsShedFromTheLowestPriorityOn) {
  std::map<std::string, bool> claims;
  const auto all_hold = [&] {
    return !claims.empty() &&
           std::ranges::all_of(claims, [](const auto& each) { return each.second; });
  };
  for (int attempt = 0; attempt < 12 && !all_hold(); ++attempt) {
    flooded_pool flooded;
    flooded_pool::seen flood;
    const double capacity = flooded.capacity();
    flooded.offer(10 * capacity, 1s, flood);
    claims["it is seen"] |= flooded.pool().stats().overloaded;
    flooded_pool::seen later;
    flooded.offer(capacity / 4, 1s, later);
    flooded.pool().wait_idle();
    const pool_stats ended = flooded.pool().stats();
    EXPECT_TRUE(ended.tasks.balanced());
    claims["it is over a second later"] |= !ended.overloaded;

    const double goodput = flood.served[0] + flood.served[1] + flood.served[2];
    claims["most of the capacity is used"] |= goodput >= 0.8 * capacity;
    claims["all of the highest is served"] |=
        flood.served[0] >= flood.offered[0] * 99 / 100 && ended.shed[0] == 0;
    claims["the lowest is shed first"] |= flood.served[2] <= flood.offered[2] / 20;
    std::ranges::sort(flood.refusals);
    claims["a refusal comes at once"] |=
        !flood.refusals.empty() && flood.refusals[flood.refusals.size() * 95 / 100] <= 1ms;
  }
  for (const auto& [claim, has_held] : claims) EXPECT_TRUE(has_held) << claim;
}

TEST(OverloadOptions, ThatContradictEachOtherAreRefusedInOneSentence) {
  const auto refused = [](const shedding_options& how) -> std::string {
    pool_options options = test::sized(1);
    options.shedding = how;
    try {
      worker_pool pool{options};
      return "accepted";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused({.target = 0ns}),
            "worker_pool 'test': shedding.target must be above 0, is 0 ns");
  EXPECT_EQ(refused({.target = 2ms, .interval = 1ms}),
            "worker_pool 'test': shedding.interval (1000000 ns) must not be below shedding.target "
            "(2000000 ns)");
}

}  // namespace
}  // namespace millpool

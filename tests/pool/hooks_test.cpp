// pool_options::admit and on_task_end: where policies stand.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace millpool {
namespace {

using AdmitHook = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(AdmitHook);

TEST_P(AdmitHook, RefusesWithItsOwnReasonBeforeAPlaceIsTaken) {
  pool_options chosen = options();
  chosen.admit = [](const submission_info& asks) -> std::optional<submit_errc> {
    EXPECT_EQ(asks.pool, "test");
    if (asks.task_class == "shut") return submit_errc::breaker_open;
    if (asks.priority == 7) return submit_errc::shed;
    return std::nullopt;
  };
  worker_pool pool{chosen};
  const task_class shut = pool.add_class({.name = "shut"});
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
  EXPECT_EQ(pool.post(shut, [cargo = new_payload()] {}).error(), submit_errc::breaker_open);
  EXPECT_EQ(pool.try_post(task_options{.priority = 7}, [] {}).error(), submit_errc::shed);
  EXPECT_THROW(pool.submit(shut, [] {}).get(), submit_error);
  const std::vector<void (*)()> two(2, [] {});
  EXPECT_EQ(pool.post_bulk(two, task_options{.task_class = shut}), 0U);
  EXPECT_EQ(pool.post_bulk(two), 2U);
  pool.wait_idle();
  const pool_stats seen = pool.stats();
  EXPECT_EQ(seen.refused[static_cast<std::size_t>(submit_errc::breaker_open)], 4U);
  EXPECT_EQ(seen.refused[static_cast<std::size_t>(submit_errc::shed)], 1U);
  EXPECT_EQ(seen.tasks.accepted, 3U);
}

TEST_P(AdmitHook, OfAClassIsAskedForItsOwnSubmissionsAfterThePools) {
  pool_options chosen = options();
  std::atomic<int> asked_pool{0};
  chosen.admit = [&](const submission_info& asks) -> std::optional<submit_errc> {
    ++asked_pool;
    return asks.priority == 7 ? std::optional{submit_errc::shed} : std::nullopt;
  };
  worker_pool pool{chosen};
  std::atomic<int> permits{2};
  const auto admit = [&](const submission_info& asks) -> std::optional<submit_errc> {
    EXPECT_EQ(asks.task_class, "mail");
    return permits-- > 0 ? std::nullopt : std::optional{submit_errc::rate_limited};
  };
  const task_class mail = pool.add_class({.name = "mail", .admit = admit});
  const task_class other = pool.add_class({.name = "other"});
  EXPECT_EQ(pool.submit(mail, [] { return 1; }).get(), 1);
  EXPECT_EQ(pool.post(task_options{.priority = 7, .task_class = mail}, [] {}).error(),
            submit_errc::shed);
  EXPECT_EQ(pool.submit(mail, [] { return 2; }).get(), 2);
  EXPECT_EQ(pool.post(mail, [cargo = new_payload()] {}).error(), submit_errc::rate_limited);
  EXPECT_EQ(pool.submit(other, [] { return 3; }).get(), 3);
  EXPECT_EQ(pool.submit([] { return 4; }).get(), 4);
  // What a task submits is asked for as well, and a task whose time has come.
  EXPECT_EQ(pool.submit([&] { return pool.post(mail, [] {}).error(); }).get(),
            submit_errc::rate_limited);
  EXPECT_THROW(pool.submit_after(duration{1}, [] {}, {.task_class = mail}).get(), submit_error);
  EXPECT_EQ(asked_pool, 9);
}

TEST_P(AdmitHook, OfAClassSufficesWithoutOneOfThePools) {
  worker_pool pool{options()};
  const auto shuts = [](const submission_info&) -> std::optional<submit_errc> {
    return submit_errc::limit_exceeded;
  };
  const task_class shut = pool.add_class({.name = "shut", .admit = shuts});
  EXPECT_EQ(pool.post(shut, [] {}).error(), submit_errc::limit_exceeded);
  EXPECT_EQ(pool.submit([&] { return pool.post(shut, [] {}).error(); }).get(),
            submit_errc::limit_exceeded);
}

using EndHook = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(EndHook);

TEST_P(EndHook, IsToldOfEachEndOnceAndBeforeTheResultIsSeen) {
  std::array<std::atomic<int>, task_state_count> told{};
  const auto count_of = [&](task_state state) {
    return told[static_cast<std::size_t>(state)].load();
  };
  pool_options chosen = options();
  chosen.on_task_end = [&](const task_end_info& end) {
    EXPECT_GE(end.waited, duration::zero());
    EXPECT_GE(end.ran, duration::zero());
    EXPECT_EQ(end.task_class, end.state == task_state::failed ? "bad" : "");
    ++told[static_cast<std::size_t>(end.state)];
  };
  chosen.on_unhandled = [](std::exception_ptr, const unhandled_info&) {};
  const auto door = std::make_shared<test::gate>();  // the one left behind still looks at it
  ledger tasks;
  {
    worker_pool pool{chosen};
    const task_class bad = pool.add_class({.name = "bad"});
    pool.submit([] {}).get();
    EXPECT_EQ(count_of(task_state::succeeded), 1);
    pool.post(bad, [] { throw 1; });
    pool.submit(task_options{.deadline = time_point::min()}, [] {}).wait();
    EXPECT_EQ(count_of(task_state::expired), 1);
    pool.wait_idle();
    pool.pause();
    ASSERT_TRUE(pool.try_post([] {}));
    (void)pool.purge();
    EXPECT_EQ(count_of(task_state::discarded), 1);
    pool.resume();
    test::gate started;
    auto stuck = pool.submit([door, &started, cargo = new_payload()] {
      started.open();
      door->pass();
    });
    started.pass();
    auto late = pool.submit([] {});
    tasks = pool.shutdown({.drain = duration::zero(), .cancel = duration::zero()}).tasks;
  }
  door->open();
  for (std::size_t i = 0; i < task_state_count; ++i) {
    EXPECT_EQ(static_cast<std::uint64_t>(told[i]), tasks.of(static_cast<task_state>(i))) << i;
  }
  EXPECT_EQ(count_of(task_state::abandoned), 1);
}

}  // namespace
}  // namespace millpool

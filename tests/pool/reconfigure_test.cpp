// Options that change while the pool runs: each takes effect, all or none do, and nothing is lost.
#include "tests/support/reconfigure.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/complaint.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::blocked_submitter;
using test::change;
using test::complaint_of;
using test::fill;
using test::reconfigure;

using Reconfigure = test::PoolTest;
using ReconfigureShaped = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(ReconfigureShaped);

// ---- what it tells
// ------------------------------------------------------------------------------------

TEST_F(Reconfigure, TellsExactlyWhatChanged) {
  pool_options options = test::sized(1);
  options.stuck_after = 1min;
  worker_pool pool{options};
  const auto changes = reconfigure(pool, [](pool_options& o) {
    o.min_workers = 0;
    o.max_workers = 3;
    o.queue_capacity = 5000;
    o.delayed_capacity = 7;
    o.when_full = full_policy::discard_lowest;
    o.block_for = 1500ms;
    o.keep_alive = 2min;
    o.aging = {.bound = 7us, .share = 3};
    o.max_compensation = 0;
    o.stuck_after = 1ns + 1min;
    o.at_destruction = {.drain = 3s, .cancel = 0s};
  });
  EXPECT_EQ(changes, (std::vector<option_change>{{"min_workers", "1", "0"},
                                                 {"max_workers", "1", "3"},
                                                 {"queue_capacity", "1024", "5000"},
                                                 {"delayed_capacity", "65536", "7"},
                                                 {"when_full", "block", "discard_lowest"},
                                                 {"block_for", "1 s", "1500 ms"},
                                                 {"keep_alive", "60 s", "120 s"},
                                                 {"aging.bound", "1 s", "7 us"},
                                                 {"aging.share", "8", "3"},
                                                 {"max_compensation", "64", "0"},
                                                 {"stuck_after", "60 s", "60000000001 ns"},
                                                 {"at_destruction.drain", "forever", "3 s"},
                                                 {"at_destruction.cancel", "forever", "0 s"}}));
  std::ostringstream line;
  line << changes.at(2);
  EXPECT_EQ(line.str(), "queue_capacity: 1024 -> 5000");
  EXPECT_TRUE(pool.reconfigure(pool.options()).empty()) << "they are in force";
  const auto back = reconfigure(pool, [&](pool_options& o) { o.queue_capacity = 1024; });
  EXPECT_EQ(back, (std::vector<option_change>{{"queue_capacity", "5000", "1024"}}));
}

TEST_F(Reconfigure, OptionsAreThoseInForceWithTheHooks) {
  pool_options options = test::sized(1);
  std::atomic<int> asked{0};
  options.admit = [&](const submission_info&) -> std::optional<submit_errc> {
    ++asked;
    return {};
  };
  worker_pool pool{options};
  pool.resize(0, 2);
  pool.set_queue_capacity(77);
  const pool_options now = pool.options();
  EXPECT_EQ(now.name, "test");
  EXPECT_EQ(now.min_workers, 0U);
  EXPECT_EQ(now.max_workers, 2U);
  EXPECT_EQ(now.queue_capacity, 77U);
  EXPECT_EQ(now.time, &steady());
  ASSERT_TRUE(now.admit);
  (void)now.admit({});
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(reconfigure(pool, [](pool_options& o) { o.queue_capacity = 78; }),
            (std::vector<option_change>{{"queue_capacity", "77", "78"}}));
}

TEST_F(Reconfigure, FromFreshOptionsLeavesTheFunctionsAsTheyAre) {
  std::atomic<int> ends{0};
  pool_options options = test::sized(1);
  options.on_task_end = [&](const task_end_info&) { ++ends; };
  worker_pool pool{options};
  pool_options fresh = test::sized(1);
  fresh.keep_alive = 1s;
  EXPECT_EQ(pool.reconfigure(fresh).size(), 1U);
  pool.submit([] {}).get();
  EXPECT_EQ(ends, 1);
}

// ---- what it refuses
// ------------------------------------------------------------------------------------

struct bad {
  change spoil;
  std::string complaint;  // behind the pool's name
};

void set_scaling(pool_options& o) {
  o.scaling.decide = [](const scaling_inputs& in) {
    return scaling_decision{in.workers, in.workers, "same", in};
  };
}

// Each names both options, or the option and why its value is none.
std::vector<bad> contradictions() {
  return {
      {[](auto& o) { o.max_workers = 0; }, "max_workers must be at least 1, is 0"},
      {[](auto& o) {
         o.min_workers = 5;
         o.max_workers = 4;
       },
       "min_workers (5) must not exceed max_workers (4)"},
      {[](auto& o) { o.queue_capacity = 0; },
       "queue_capacity must be at least 1, is 0: with when_full = block no submission would ever "
       "find room"},
      {[](auto& o) {
         o.queue_capacity = 0;
         o.when_full = full_policy::reject;
       },
       "queue_capacity must be at least 1, is 0: with when_full = reject no submission would ever "
       "find room"},
      {[](auto& o) { o.when_full = static_cast<full_policy>(7); },
       "when_full must be a full_policy, is 7"},
      {[](auto& o) { o.aging.share = 0; }, "aging.share must be at least 1, is 0"},
      {[](auto& o) { o.aging.bound = -1ns; }, "aging.bound must not be negative, is -1 ns"},
      {[](auto& o) { o.block_for = -1ns; }, "block_for must not be negative, is -1 ns"},
      {[](auto& o) { o.keep_alive = -1ns; }, "keep_alive must not be negative, is -1 ns"},
      {[](auto& o) { o.stuck_after = 1us; }, "stuck_after must be at least 1000000 ns, is 1000 ns"},
      {[](auto& o) { o.queue_capacity = 31; },
       "scaling.queue_depth_threshold (32) must not exceed queue_capacity (31): it would never be "
       "reached"},
  };
}

TEST_F(Reconfigure, OptionsThatContradictEachOtherAreRefusedAtConstruction) {
  for (const bad& each : contradictions()) {
    pool_options options = test::sized(1);
    set_scaling(options);
    each.spoil(options);
    EXPECT_EQ(complaint_of([&] { const worker_pool pool{options}; }),
              "worker_pool 'test': " + each.complaint);
  }
}

TEST_F(Reconfigure, ABadOptionChangesNothingAtAll) {
  pool_options options = test::sized(1);
  set_scaling(options);
  options.stuck_after = 1min;
  worker_pool pool{options};
  for (const bad& each : contradictions()) {
    const auto attempt = [&] {
      reconfigure(pool, [&](pool_options& o) {
        o.max_workers = 3;  // those are good
        o.queue_capacity = 5000;
        o.delayed_capacity = 1;
        o.max_compensation = 1;
        each.spoil(o);
      });
    };
    EXPECT_EQ(complaint_of(attempt), "worker_pool 'test': reconfigure: " + each.complaint);
    EXPECT_TRUE(pool.reconfigure(options).empty()) << "after: " << each.complaint;
    EXPECT_EQ(pool.stats().queue_capacity, 1024U);
    EXPECT_EQ(pool.stats().max_workers, 1U);
  }
}

TEST_F(Reconfigure, WhatStaysIsRefusedByName) {
  manual_clock other;
  const auto hook = [](const auto&...) {};
  const std::string is_unset = " is unset as long as the pool lives, and cannot be set";
  const std::vector<bad> all{
      {[](auto& o) { o.name = "mill"; },
       "name is 'test' as long as the pool lives, and cannot become 'mill'"},
      {[&](auto& o) { o.time = &other; },
       "time is the same clock as long as the pool lives, and cannot become another"},
      {[](auto& o) { o.time = nullptr; },
       "time is the same clock as long as the pool lives, and cannot become another"},
      {[](auto& o) { o.scaling.queue_depth_threshold = 33; },
       "scaling.queue_depth_threshold is 32 as long as the pool lives, and cannot become 33"},
      {[](auto& o) { o.scaling.target_queue_wait = 6ms; },
       "scaling.target_queue_wait is 5 ms as long as the pool lives, and cannot become 6 ms"},
      {[](auto& o) { o.scaling.interval = 11ms; },
       "scaling.interval is 10 ms as long as the pool lives, and cannot become 11 ms"},
      {[](auto& o) { o.stuck_after = 3s; },
       "stuck_after is unset as long as the pool lives, and cannot become 3 s"},
      {[](auto& o) { set_scaling(o); }, "scaling.decide" + is_unset},
      {[&](auto& o) { o.scaling.on_decision = hook; }, "scaling.on_decision" + is_unset},
      {[&](auto& o) { o.on_stuck = hook; }, "on_stuck" + is_unset},
      {[](auto& o) { o.admit = [](const auto&) { return std::optional<submit_errc>{}; }; },
       "admit" + is_unset},
      {[&](auto& o) { o.on_task_end = hook; }, "on_task_end" + is_unset},
      {[&](auto& o) { o.on_unhandled = hook; }, "on_unhandled" + is_unset},
      {[&](auto& o) { o.on_worker_start = hook; }, "on_worker_start" + is_unset},
      {[&](auto& o) { o.on_worker_stop = hook; }, "on_worker_stop" + is_unset},
      {[&](auto& o) { o.on_deadlock = hook; }, "on_deadlock" + is_unset},
      {[&](auto& o) { o.on_thread_failure = hook; }, "on_thread_failure" + is_unset},
      {[](auto& o) { o.start_thread = [](auto body) { return std::thread{body}; }; },
       "start_thread" + is_unset},
  };
  worker_pool pool{test::sized(1)};
  for (const bad& each : all) {
    EXPECT_EQ(complaint_of([&] { reconfigure(pool, each.spoil); }),
              "worker_pool 'test': reconfigure: " + each.complaint);
  }
}

TEST_F(Reconfigure, TheCapacityByItselfIsCheckedTheSame) {
  pool_options options = test::sized(1);
  set_scaling(options);
  worker_pool pool{options};
  const std::string who = "worker_pool 'test': set_queue_capacity: ";
  EXPECT_EQ(complaint_of([&] { pool.set_queue_capacity(0); }),
            who +
                "queue_capacity must be at least 1, is 0: with when_full = block no submission "
                "would ever find room");
  EXPECT_EQ(complaint_of([&] { pool.set_queue_capacity(31); }),
            who +
                "scaling.queue_depth_threshold (32) must not exceed queue_capacity (31): it would "
                "never be reached");
  EXPECT_EQ(pool.stats().queue_capacity, 1024U);
}

// ---- how many workers
// ------------------------------------------------------------------------------------

TEST_F(Reconfigure, OfTheBoundsStartsWorkersAndLetsThemGo) {
  worker_pool pool{test::sized(2)};
  reconfigure(pool, [](pool_options& o) { o.min_workers = o.max_workers = 5; });
  EXPECT_EQ(pool.stats().workers.total, 5U);
  reconfigure(pool, [](pool_options& o) { o.min_workers = o.max_workers = 1; });
  test::await([&] { return pool.stats().workers.total == 1; });
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
}

TEST_F(Reconfigure, OfAnUnsetNumberOfWorkersIsAsInANewPool) {
  pool_options unset;
  unset.name = "test";
  const pool_options by_default = worker_pool{unset}.options();
  worker_pool pool{test::sized(1)};
  pool.reconfigure(unset);
  EXPECT_EQ(pool.options().min_workers, by_default.min_workers);
  EXPECT_EQ(pool.options().max_workers, by_default.max_workers);
  EXPECT_EQ(pool.stats().workers.total, by_default.min_workers);
}

TEST_F(Reconfigure, OfKeepAliveIsCountedByWorkersThatAreIdleAlready) {
  manual_clock time;
  pool_options options = test::sized(1);
  options.max_workers = 4;
  options.keep_alive = duration::max();
  options.time = &time;
  worker_pool pool{options};
  { const test::occupation busy{pool, 4}; }
  test::await([&] { return test::all_asleep(test::threads_named("test/")); });
  time.advance(24h);
  EXPECT_EQ(pool.stats().workers.total, 4U);
  reconfigure(pool, [](pool_options& o) { o.keep_alive = 1min; });
  test::await([&] {
    time.advance(1min);
    return pool.stats().workers.total == 1;
  });
}

TEST_F(Reconfigure, OfKeepAliveIsCountedByWorkersThatSitAside) {
  manual_clock time;
  std::atomic<std::size_t> answer{4};
  pool_options options = test::sized(1);
  options.max_workers = 5;  // one more, so that it is asked
  options.keep_alive = duration::max();
  options.time = &time;
  options.scaling.queue_depth_threshold = 4;
  options.scaling.decide = [&](const scaling_inputs& in) {
    return scaling_decision{in.workers, answer, "told", in};
  };
  worker_pool pool{options};
  EXPECT_EQ(pool.prestart(4), 4U);
  {
    const test::occupation busy{pool, 4};
    answer = 1;
    for (int i = 0; i < 4; ++i) pool.post([] {});
    test::await([&] {
      time.advance(1ms);
      return pool.stats().active_workers == 1;
    });
  }
  test::await([&] { return test::all_asleep(test::threads_named("test/")); });
  EXPECT_EQ(pool.stats().workers.total, 4U) << "three of them aside";
  reconfigure(pool, [](pool_options& o) { o.keep_alive = 1min; });
  test::await([&] {
    time.advance(1min);
    return pool.stats().workers.total == 1;
  });
}

TEST_F(Reconfigure, OfMaxCompensationLetsAnotherTakeTheBlockedOnesPlace) {
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  worker_pool pool{options};
  test::gate door;
  auto blocked = pool.submit([&] {
    const blocking_region waits;
    door.pass();
  });
  test::await([&] { return pool.stats().workers.blocked == 1; });
  auto behind = pool.submit([] {});
  reconfigure(pool, [](pool_options& o) { o.max_compensation = 1; });
  behind.get();  // while the other still waits
  reconfigure(pool, [](pool_options& o) { o.max_compensation = 0; });
  test::await([&] { return pool.stats().workers.total == 1; });
  door.open();
  blocked.get();
}

// ---- how many tasks
// ------------------------------------------------------------------------------------

TEST_P(ReconfigureShaped, OfALargerCapacityLetsAllIn) {
  worker_pool pool{options()};
  const test::occupation busy{pool, workers()};
  auto waiting = fill(pool);
  std::array<blocked_submitter, 3> blocked{blocked_submitter{pool, [] {}},
                                           blocked_submitter{pool, [] {}},
                                           blocked_submitter{pool, [] {}}};
  for (const auto& each : blocked) EXPECT_FALSE(each.is_back());
  reconfigure(pool, [](pool_options& o) { o.queue_capacity += 3; });
  for (auto& each : blocked) EXPECT_TRUE(each.answer());
  EXPECT_FALSE(pool.try_post([] {})) << "and no more";
}

TEST_P(ReconfigureShaped, OfASmallerCapacityLosesNothingThatWaits) {
  worker_pool pool{options()};
  std::vector<future<void>> waiting;
  {
    const test::occupation busy{pool, workers()};
    reconfigure(pool, [](pool_options& o) { o.queue_capacity += 100; });
    waiting = fill(pool);
    reconfigure(pool, [](pool_options& o) { o.queue_capacity = 1; });
    EXPECT_FALSE(pool.try_post([] {}));
    EXPECT_EQ(pool.stats().queue_capacity, 1U);
  }
  EXPECT_EQ(waiting.size(), GetParam().capacity + 100);
  for (auto& each : waiting) each.get();
}

TEST_F(Reconfigure, OfDelayedCapacityCountsWhatIsThere) {
  manual_clock time;
  pool_options options = test::sized(1);
  options.delayed_capacity = 1;
  options.time = &time;
  worker_pool pool{options};
  auto first = pool.submit_after(1min, [] {});
  EXPECT_EQ(pool.submit_after(1min, [] {}).take().state(), task_state::discarded);
  reconfigure(pool, [](pool_options& o) { o.delayed_capacity = 2; });
  auto second = pool.submit_after(1min, [] {});
  reconfigure(pool, [](pool_options& o) { o.delayed_capacity = 0; });
  EXPECT_EQ(pool.submit_after(1min, [] {}).take().state(), task_state::discarded);
  time.advance(1min);
  first.get();
  second.get();
}

TEST_F(Reconfigure, OfAgingServesTheLowerLaneSooner) {
  manual_clock time;
  pool_options options = test::sized(1);
  options.aging = {.bound = 1h, .share = 1};
  options.time = &time;
  worker_pool pool{options};
  std::mutex mutex;
  std::vector<unsigned> order;
  const auto note = [&](unsigned priority) {
    pool.post(task_options{.priority = priority}, [&, priority] {
      const std::lock_guard lock{mutex};
      order.push_back(priority);
    });
  };
  const auto run = [&] {
    order.clear();
    {
      const test::occupation busy{pool, 1};
      note(7);
      for (int i = 0; i < 4; ++i) note(1);
      time.advance(1min);
    }
    const std::lock_guard lock{mutex};
    return order;
  };
  EXPECT_EQ(run(), (std::vector{1U, 1U, 1U, 1U, 7U}));
  reconfigure(pool, [](pool_options& o) { o.aging.bound = 1s; });
  EXPECT_NE(run().back(), 7U);
  reconfigure(pool, [](pool_options& o) { o.aging.share = 100; });
  EXPECT_EQ(run(), (std::vector{1U, 1U, 1U, 1U, 7U}));
}

// ---- the rest
// ------------------------------------------------------------------------------------

TEST_F(Reconfigure, OfStuckAfterFindsATaskThatHangsAlready) {
  std::atomic<bool> reported{false};
  pool_options options = test::sized(1);
  options.stuck_after = 24h;
  options.on_stuck = [&](const stuck_info&) { reported = true; };
  worker_pool pool{options};
  const test::occupation busy{pool, 1};
  EXPECT_FALSE(reported);
  reconfigure(pool, [](pool_options& o) { o.stuck_after = 8ms; });
  test::await([&] { return reported.load(); });
}

TEST_F(Reconfigure, OfThePlanAtDestructionIsWhatTheDestructorDoes) {
  future<void> waits;
  {
    worker_pool pool{test::sized(1)};
    test::gate started;
    pool.post([&](task_context& context) {
      started.open();
      test::await([&] { return context.stop_requested(); });
    });
    started.pass();
    waits = pool.submit([] {});
    reconfigure(pool, [](pool_options& o) { o.at_destruction.drain = 0s; });
  }
  EXPECT_EQ(waits.take().state(), task_state::cancelled);
}

TEST_F(Reconfigure, MayBeCalledByTheHookThatItCalls) {
  worker_pool* self = nullptr;
  std::atomic<bool> fails{false};
  std::atomic<int> told{0};
  pool_options options = test::sized(1);
  options.start_thread = [&](std::function<void()> body) {
    if (fails) {
      throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
    }
    return std::thread{std::move(body)};
  };
  options.on_thread_failure = [&](const std::system_error&) {
    ++told;
    self->resize(1, 1);
  };
  worker_pool pool{options};
  self = &pool;
  fails = true;
  reconfigure(pool, [](pool_options& o) { o.min_workers = o.max_workers = 3; });
  EXPECT_EQ(told, 1);
  EXPECT_EQ(pool.options().max_workers, 1U);
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST_F(Reconfigure, ByATaskOfItsOwnAndAfterShutdownIsAllowed) {
  worker_pool pool{test::sized(1)};
  const auto changes = pool.submit([&] {
    return reconfigure(pool, [](pool_options& o) { o.min_workers = o.max_workers = 2; });
  });
  pool.wait_idle();
  EXPECT_EQ(pool.stats().workers.total, 2U);
  pool.shutdown();
  EXPECT_EQ(reconfigure(pool, [](pool_options& o) { o.keep_alive = 1s; }).size(), 1U);
  EXPECT_EQ(pool.post([] {}).error(), submit_errc::closed);
}

// The differences that two callers are told of form one chain, and every look finds the options of
// one call: so no call falls into another.
TEST_F(Reconfigure, ByTwoAtOnceIsOneAfterTheOther) {
  worker_pool pool{test::sized(1, 100)};
  const auto as_one = [](std::size_t n) {
    return [n](pool_options& o) {
      o.queue_capacity = 100 + n;
      o.delayed_capacity = 1000 + n;
      o.max_compensation = n;
    };
  };
  reconfigure(pool, as_one(0));
  std::array<std::vector<option_change>, 2> told;
  test::run_together(3, [&](int who) {
    for (int i = 1; i <= test::scaled(3000); ++i) {
      if (who == 2) {
        const pool_options now = pool.options();
        ASSERT_EQ(now.delayed_capacity, now.queue_capacity + 900);
        ASSERT_EQ(now.max_compensation, now.queue_capacity - 100);
        continue;
      }
      const auto n = static_cast<std::size_t>(i) % 3 + (who == 0 ? 0 : 2);
      for (auto& each : reconfigure(pool, as_one(n))) told.at(who).push_back(std::move(each));
    }
  });
  std::map<std::string, int> entered;  // less often left
  for (const auto& all : told) {
    for (const option_change& each : all) {
      EXPECT_NE(each.from, each.to);
      if (each.name != "queue_capacity") continue;
      ++entered[each.to];
      --entered[each.from];
    }
  }
  --entered[std::to_string(pool.options().queue_capacity)];
  ++entered["100"];
  for (const auto& [value, times] : entered) EXPECT_EQ(times, 0) << value;
  EXPECT_EQ(pool.stats().queue_capacity, pool.options().queue_capacity);
}

TEST_P(ReconfigureShaped, Stress_UnderLoadLosesNothing) {
  constexpr int submitters = 3;
  const int each = test::scaled(4000);
  std::atomic<int> ran{0};
  std::atomic<int> accepted{0};
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::jthread changer{[&] {
    for (std::size_t i = 0; !over; ++i) {
      reconfigure(pool, [&](pool_options& o) {
        o.when_full = static_cast<full_policy>(i % 7);
        o.block_for = duration{static_cast<duration::rep>(i % 5) * 10'000};
        o.queue_capacity = i % 3 == 0 ? 1 : i % 3 == 1 ? 70 : 1024;
        o.min_workers = i % 4;
        o.max_workers = i % 4 + 1 + i % 3;
        o.max_compensation = i % 2;
        o.keep_alive = duration{static_cast<duration::rep>(i % 2) * 1'000'000};
        o.aging.share = static_cast<std::uint32_t>(i % 2) + 1;
      });
    }
  }};
  test::run_together(submitters, [&](int who) {
    for (int i = 0; i < each; ++i) {
      const task_options wish{.priority = static_cast<unsigned>(i + who) % 8};
      const bool taken = pool.post(wish,
                                   [&, kept = new_payload()] {
                                     ++ran;
                                     if (pool.post([&] { ++ran; })) ++accepted;
                                   })
                             .has_value();
      if (taken) ++accepted;
    }
  });
  pool.wait_idle();
  over = true;
  changer.join();
  const pool_stats now = pool.stats();
  EXPECT_TRUE(now.tasks.balanced()) << now.tasks;
  EXPECT_EQ(now.tasks.inside(), 0U);
  EXPECT_EQ(now.tasks.accepted, static_cast<std::uint64_t>(accepted));
  EXPECT_EQ(now.tasks.succeeded, static_cast<std::uint64_t>(ran));
  EXPECT_EQ(now.tasks.accepted, now.tasks.succeeded + now.tasks.discarded) << now.tasks;
}

}  // namespace
}  // namespace millpool

// Whose turn it is: workers that are reserved for the higher priorities, fair keys with a weight,
// and what a waiting task lends to the one that it waits for.
#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/join.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/attendance.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/process.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

constexpr unsigned low = default_priority + 1;
const task_options of_low{.priority = low};

struct reserve {
  int workers;
  int reserved;
  [[nodiscard]] int limit() const { return workers - reserved; }
};
constexpr reserve reserves[] = {{2, 1}, {3, 1}, {8, 2}, {8, 7}};

pool_options reserving(const reserve& of, std::size_t capacity = 1024) {
  pool_options options = test::sized(static_cast<std::size_t>(of.workers), capacity);
  options.reserved_workers = static_cast<std::size_t>(of.reserved);
  return options;
}

/// Low tasks that stay until they are let go: as many as the pool lets start, and `more`. First
/// each submits some others.
class low_crowd {
 public:
  low_crowd(worker_pool& pool, const reserve& of, int more, int others = 0) : pool_{pool} {
    for (int i = 0; i < of.limit() + more; ++i) {
      pool.post(of_low, [this, others] {
        for (int j = 0; j < others; ++j) pool_.post(of_low, [] {});
        here_.during([this] { door_.pass(); });
      });
    }
    test::await([&] { return here_.inside() >= of.limit(); });  // or for ever
  }
  ~low_crowd() {
    let_go();
    pool_.wait_idle();
  }
  low_crowd(const low_crowd&) = delete;
  low_crowd& operator=(const low_crowd&) = delete;

  void let_go() { door_.open(); }
  [[nodiscard]] int most() const { return here_.most(); }

 private:
  worker_pool& pool_;
  test::gate door_;
  test::attendance here_;
};

using ReservedWorkers = test::PoolTest;

TEST_F(ReservedWorkers, AreThereForOthersBesideAnyNumberOfLongLowTasks) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    low_crowd crowd{pool, each, 20};
    for (int i = 0; i < test::scaled(20); ++i) {
      // All at once, so that each of these workers is one of them; or for ever.
      std::latch all_there{each.reserved};
      std::vector<future<void>> all;
      for (int j = 0; j < each.reserved; ++j) {
        all.push_back(pool.submit([&] { all_there.arrive_and_wait(); }));
      }
      for (auto& one : all) one.get();
    }
    crowd.let_go();
    pool.wait_idle();
    EXPECT_EQ(crowd.most(), each.limit());
    EXPECT_EQ(pool.stats().tasks.accepted, pool.stats().tasks.succeeded);
  }
}

TEST_F(ReservedWorkers, ServePrioritiesDownToTheOneThatIsNamed) {
  for (unsigned lowest = 0; lowest < 7; ++lowest) {
    pool_options options = reserving({2, 1});
    options.reserved_priority = lowest;
    worker_pool pool{options};
    test::gate door;
    test::gate started;
    pool.post(task_options{.priority = lowest + 1}, [&] {
      started.open();
      door.pass();
    });
    started.pass();
    std::atomic<bool> another{false};
    pool.post(task_options{.priority = lowest + 1}, [&] { another = true; });
    pool.submit(task_options{.priority = lowest}, [] {}).get();
    EXPECT_FALSE(another);
    door.open();
    pool.wait_idle();
    EXPECT_TRUE(another);
  }
}

TEST_F(ReservedWorkers, AreThereForWhatLowTasksSubmit) {
  worker_pool pool{reserving({2, 1})};
  std::atomic<int> done{0};
  for (int i = 1; i <= test::scaled(50); ++i) {
    auto stays = pool.submit(of_low, [&, i] {
      for (int j = 0; j < 20; ++j) pool.post([&] { ++done; });
      // The pool is not told of this wait.
      test::await([&] { return done == 20 * i; });
    });
    stays.get();
  }
}

TEST_F(ReservedWorkers, AreNotForWhatIsSubmittedInsideEither) {
  for (const reserve& each : reserves) {
    for (const unsigned by : {default_priority, low}) {
      worker_pool pool{reserving(each, 100'000)};  // never full: nobody runs his own himself
      test::warm_up(pool);
      test::attendance seen;
      std::atomic<int> left{1000};
      std::function<void()> spawn = [&] {
        for (int j = 0; j < 8; ++j) {
          if (left.fetch_sub(1) <= 0) return;
          pool.post(of_low, [&] { seen.during([] { std::this_thread::yield(); }); });
        }
        pool.post(task_options{.priority = by}, [&] { spawn(); });
      };
      pool.post(task_options{.priority = by}, [&] { spawn(); });
      pool.wait_idle();
      EXPECT_LE(seen.most(), each.limit());
    }
  }
}

TEST_F(ReservedWorkers, AreNotForThePartsOfALowJoin) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    test::attendance seen;
    std::atomic<int> leaves{0};
    const std::function<void(int)> divide = [&](int depth) {
      if (depth > 0) {
        return join(
            pool, [&] { divide(depth - 1); }, [&] { divide(depth - 1); });
      }
      seen.during([] { std::this_thread::yield(); });
      ++leaves;
    };
    // One of these alone may spread; all together, too, as far as the limit. Who waits for a part
    // that another has taken is not at work, but comes back to it.
    for (int i = 0; i < test::scaled(50); ++i) pool.submit(of_low, [&] { divide(4); }).get();
    EXPECT_EQ(leaves, 16 * test::scaled(50));
    EXPECT_LE(seen.most(), each.limit() == 1 ? 1 : each.workers);
  }
}

TEST_F(ReservedWorkers, ServeAnUrgentJoinBesideALowOne) {
  worker_pool pool{reserving({3, 2})};
  low_crowd crowd{pool, {3, 2}, 5};
  for (int i = 0; i < test::scaled(50); ++i) {
    std::latch both{2};
    pool.submit([&] {
          join(
              pool, [&] { both.arrive_and_wait(); }, [&] { both.arrive_and_wait(); });
        })
        .get();
  }
}

TEST_F(ReservedWorkers, MayRunWhatAnotherTaskWaitsFor) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    low_crowd crowd{pool, each, 5};
    for (int i = 0; i < test::scaled(20); ++i) {
      auto urgent = pool.submit([&] {
        auto needed =
            pool.submit(of_low, [&] { return pool.submit(of_low, [] { return 7; }).get(); });
        return needed.get();
      });
      EXPECT_EQ(urgent.get(), 7);
    }
  }
}

TEST_F(ReservedWorkers, AreLeftByALowTaskThatBlocks) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    std::atomic<int> started{0};
    test::gate blocks;
    test::gate door;
    for (int i = 0; i < each.limit(); ++i) {
      pool.post(of_low, [&] {
        ++started;
        blocks.pass();
        const blocking_region here;
        door.pass();
      });
    }
    test::await([&] { return started == each.limit(); });
    auto next = pool.submit(of_low, [] {});
    blocks.open();
    next.get();  // or for ever
    door.open();
    pool.wait_idle();
    // And all is as before.
    low_crowd crowd{pool, each, 5};
    pool.submit([] {}).get();
    crowd.let_go();
    pool.wait_idle();
    EXPECT_EQ(crowd.most(), each.limit());
  }
}

TEST_F(ReservedWorkers, LeaveWhatALowTaskHasSubmittedToTheOtherLowOnes) {
  worker_pool pool{reserving({8, 2})};
  for (int i = 0; i < test::scaled(50); ++i) {
    std::atomic<int> done{0};
    auto stays = pool.submit(of_low, [&] {
      for (int j = 0; j < 20; ++j) pool.post(of_low, [&] { ++done; });
      test::await([&] { return done == 20; });  // or for ever
    });
    stays.get();
  }
}

// Each waits for one that another keeps, or has in the channel: none can be held back for good.
TEST_F(ReservedWorkers, DoNotKeepLowTasksFromWaitingForEachOther) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    const std::function<int(int)> sum = [&](int depth) -> int {
      if (depth == 0) return 1;
      auto a = pool.submit(of_low, [&, depth] { return sum(depth - 1); });
      auto b = pool.submit(of_low, [&, depth] { return sum(depth - 1); });
      return a.get() + b.get();
    };
    for (int i = 0; i < test::scaled(20); ++i) {
      EXPECT_EQ(pool.submit(of_low, [&] { return sum(5); }).get(), 32);
    }
  }
}

TEST_F(ReservedWorkers, SleepBesideLowTasksThatWait) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each)};
    low_crowd crowd{pool, each, 50, 5};
    const auto workers = static_cast<std::size_t>(each.workers);
    for (int looks = 0; !test::sleep_for_good(workers); ++looks) {
      ASSERT_LT(looks, 1500) << "some worker never goes to sleep";
    }
    const auto ids = test::threads_named("test/");
    const auto before = test::costs_of(ids);
    for (int i = 0; i < 200; ++i) pool.post(of_low, [] {});  // wakes nobody
    test::observe_for(20ms);
    EXPECT_EQ(test::costs_of(ids), before);
  }
}

TEST_F(ReservedWorkers, HoldNothingBackForGood) {
  for (const reserve& each : reserves) {
    for (int round = 0; round < test::scaled(50); ++round) {
      worker_pool pool{reserving(each)};
      test::attendance seen;
      std::atomic<int> ran{0};
      for (int i = 0; i < 100; ++i) {
        pool.post(task_options{.priority = static_cast<unsigned>(i % 8)}, [&, i] {
          if (i % 8 > static_cast<int>(default_priority)) {
            seen.during([] {});
          }
          ++ran;
        });
      }
      switch (round % 3) {
        case 0:
          EXPECT_TRUE(pool.drain());
          break;
        case 1:
          EXPECT_TRUE(pool.shutdown().drained);
          break;
        default:
          pool.wait_idle();
      }
      EXPECT_EQ(ran, 100);
      EXPECT_LE(seen.most(), each.limit());
    }
  }
}

TEST_F(ReservedWorkers, AreTheSameWhateverHasBeenPausedOrPurged) {
  worker_pool pool{reserving({3, 2})};
  test::warm_up(pool);
  std::atomic<int> ran{0};
  for (int i = 0; i < test::scaled(50); ++i) {
    test::gate started;
    test::gate door;
    pool.post(of_low, [&] {
      started.open();
      for (int j = 0; j < 10; ++j) pool.post(of_low, [&] { ++ran; });
      door.pass();
    });
    started.pass();
    pool.pause();
    door.open();
    if (i % 2 == 0) pool.purge();
    pool.resume();
    pool.wait_idle();
    low_crowd crowd{pool, {3, 2}, 5};
    pool.submit([] {}).get();
    crowd.let_go();
    pool.wait_idle();
    EXPECT_EQ(crowd.most(), 1);
  }
}

TEST_F(ReservedWorkers, AreSoManyOfWhatAResizeLeaves) {
  worker_pool pool{reserving({4, 1})};
  test::attendance seen;
  test::gate door;
  for (int i = 0; i < 20; ++i) pool.post(of_low, [&] { seen.during([&] { door.pass(); }); });
  test::await([&] { return seen.inside() == 3; });
  pool.resize(6, 6);
  test::await([&] { return seen.inside() == 5; });  // or for ever
  pool.submit([] {}).get();
  pool.resize(2, 2);
  door.open();
  pool.wait_idle();
  EXPECT_EQ(seen.most(), 5);
  low_crowd crowd{pool, {2, 1}, 5};
  pool.submit([] {}).get();
  crowd.let_go();
  pool.wait_idle();
  EXPECT_EQ(crowd.most(), 1);
}

// Those that are too many for the low lanes leave, and not the one that is left for the others.
TEST_F(ReservedWorkers, StayWhereTheOthersAreTooMany) {
  pool_options options = reserving({4, 1});
  options.max_compensation = 0;
  worker_pool pool{options};
  std::array<test::gate, 3> doors;
  std::atomic<int> inside{0};
  for (test::gate& door : doors) {
    pool.post(of_low, [&] {
      ++inside;
      door.pass();
    });
  }
  test::await([&] { return inside == 3; });
  pool.resize(2, 2);
  std::vector<future<void>> waiting;
  for (std::size_t i = 0; i < doors.size(); ++i) {
    pool.submit([] {}).get();  // or for ever
    waiting.push_back(pool.submit(of_low, [] {}));
    pool.submit([] {}).get();
    EXPECT_FALSE(waiting.back().is_ready());
    doors[i].open();
  }
  for (auto& each : waiting) each.get();
  test::await([&] { return pool.stats().workers.total == 2; });
  pool.submit([] {}).get();
}

// Also for each other: the two that come back find a third at work.
TEST_F(ReservedWorkers, StayWhereLowTasksComeBack) {
  worker_pool pool{reserving({3, 1})};
  test::gate come_back;
  test::gate door;
  std::atomic<int> blocked{0};
  std::atomic<int> back{0};
  for (int i = 0; i < 2; ++i) {
    pool.post(of_low, [&] {
      {
        const blocking_region here;
        ++blocked;
        come_back.pass();
      }
      ++back;
      door.pass();
    });
  }
  test::await([&] { return blocked == 2; });
  std::atomic<int> stand_in{0};
  for (int i = 0; i < 2; ++i) {
    pool.post(of_low, [&] {
      ++stand_in;
      door.pass();
    });
  }
  test::await([&] { return stand_in == 2; });  // or for ever
  come_back.open();
  test::await([&] { return back == 2; });
  for (int i = 0; i < test::scaled(100); ++i) pool.submit([] {}).get();  // or for ever
  door.open();
  pool.wait_idle();
  test::await([&] { return pool.stats().workers.total == 3; });
}

// Returns when the task blocks: until the one gate opens; and then it goes on until the other does.
void block_in_a_task(worker_pool& pool, const task_options& options, const test::gate& block,
                     const test::gate& door) {
  std::atomic<bool> blocked{false};
  pool.post(options, [&] {
    {
      const blocking_region here;
      blocked = true;
      block.pass();
    }
    door.pass();
  });
  test::await([&] { return blocked.load(); });
}

// Without stand-ins: a high task that blocks leaves less room for low ones, until it is back.
TEST_F(ReservedWorkers, AreNotHeldBackOnceWhoBlockedIsBack) {
  pool_options options = reserving({4, 1});
  options.max_compensation = 0;
  worker_pool pool{options};
  test::gate block;
  test::gate door;
  block_in_a_task(pool, {}, block, door);
  low_crowd crowd{pool, {3, 1}, 1};  // of which the third has no place
  block.open();
  test::await([&] { return crowd.most() == 3; });  // or for ever
  crowd.let_go();
  door.open();
}

TEST_F(ReservedWorkers, HaveOneMoreBesideALowTaskThatIsBackAndItsStandIn) {
  pool_options options = reserving({2, 1});
  options.max_compensation = 0;
  worker_pool pool{options};
  test::gate block;
  test::gate door;
  block_in_a_task(pool, of_low, block, door);
  std::atomic<bool> second{false};
  pool.post(of_low, [&] {
    second = true;
    door.pass();
  });
  test::await([&] { return second.load(); });
  auto waits = pool.submit([] {});
  block.open();
  waits.get();  // or for ever
  door.open();
}

// A task that hangs has a stand-in (P10); also where it is low.
TEST_F(ReservedWorkers, AreLeftByALowTaskThatIsStuck) {
  pool_options options = reserving({2, 1});
  options.stuck_after = 8ms;
  std::atomic<int> told{0};
  options.on_stuck = [&](const stuck_info&) { ++told; };
  worker_pool pool{options};
  test::gate door;
  pool.post(of_low, [&] { door.pass(); });
  pool.submit(of_low, [] {}).get();  // or for ever
  pool.submit([] {}).get();
  test::await([&] { return told > 0; });
  door.open();
  pool.wait_idle();
  // And all is as before.
  pool_options changed = pool.options();
  changed.stuck_after = 1h;
  pool.reconfigure(changed);
  low_crowd crowd{pool, {2, 1}, 5};
  for (int i = 0; i < test::scaled(100); ++i) pool.submit([] {}).get();
  EXPECT_EQ(crowd.most(), 1);
}

TEST_F(ReservedWorkers, ServeTheOthersWhereLowTasksHaveAged) {
  manual_clock time;
  pool_options options = reserving({2, 1});
  options.time = &time;
  options.aging = {.bound = 1s, .share = 1};
  worker_pool pool{options};
  low_crowd crowd{pool, {2, 1}, 5};
  time.advance(1h);
  for (int i = 0; i < 100; ++i) pool.submit([] {}).get();
}

// Where the channel is full, what comes by its time is put off.
TEST_F(ReservedWorkers, AreNotForWhatWasPutOffEither) {
  for (const reserve& each : reserves) {
    worker_pool pool{reserving(each, 1)};
    low_crowd crowd{pool, each, 1};  // and one that fills the channel
    test::attendance seen;
    std::vector<future<void>> all;
    for (int i = 0; i < 30; ++i) {
      all.push_back(pool.submit_after(
          0s, [&] { seen.during([] { std::this_thread::yield(); }); }, of_low));
    }
    auto urgent = pool.submit_after(0s, [] {});
    urgent.get();
    test::await([&] { return pool.stats().put_off == 30; });
    EXPECT_EQ(seen.most(), 0);
    crowd.let_go();
    for (auto& each_one : all) each_one.get();
    EXPECT_LE(seen.most(), each.limit());
  }
}

TEST_F(ReservedWorkers, AreLessThanAll) {
  const auto complaint = [](const std::function<void()>& about) -> std::string {
    try {
      about();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "none";
  };
  for (const int reserved : {4, 5}) {
    EXPECT_EQ(complaint([&] {
                const worker_pool pool{reserving({4, reserved})};
              }),
              "worker_pool 'test': reserved_workers (" + std::to_string(reserved) +
                  ") must be less than max_workers (4)");
  }
  pool_options sheds = reserving({4, 2});
  sheds.shedding = shedding_options{};
  EXPECT_EQ(
      complaint([&] { const worker_pool pool{sheds}; }),
      "worker_pool 'test': reserved_workers (2) cannot be combined with shedding, which takes "
      "an idle worker for a sign that nothing waits");
  worker_pool pool{reserving({4, 2})};
  EXPECT_EQ(complaint([&] { pool.resize(1, 2); }),
            "worker_pool 'test': resize: reserved_workers (2) must be less than max_workers (2)");
  pool_options options = reserving({4, 2});
  options.reserved_priority = 7;
  EXPECT_EQ(complaint([&] { const worker_pool other{options}; }),
            "worker_pool 'test': reserved_priority must be 0 (the highest) to 6, is 7");
}

// All that can happen at once, in a channel that is never full: there the limit is exact.
TEST_F(ReservedWorkers, Stress_NeverRunMoreLowTasksThanTheLimit) {
  for (const reserve& each : reserves) {
    pool_options options = reserving(each, 1'000'000);
    options.aging = {.bound = 0s, .share = 2};
    worker_pool pool{options};
    test::attendance seen;
    std::atomic<std::uint64_t> posted{0};
    const std::function<void(unsigned, int)> post = [&](unsigned draw, int depth) {
      const unsigned priority = draw % 8;
      task_options options_of_it{.priority = priority};
      if (draw / 8 % 8 == 0) options_of_it.serial_key = draw / 64 % 4;
      if (draw / 8 % 8 == 1) options_of_it.fair_key = draw / 64 % 4;
      ++posted;
      const auto work = [&, draw, depth, priority, cargo = new_payload()] {
        if (priority >= low) seen.come();
        if (draw / 256 % 4 == 0) std::this_thread::yield();
        if (depth > 0) {
          for (unsigned i = 0; i < 3; ++i) post(draw * 1103515245U + 12345U * (i + 1), depth - 1);
        }
        if (priority >= low) seen.go();
      };
      pool.post(options_of_it, work);
    };
    test::run_together(3, [&](int who) {
      std::minstd_rand random{static_cast<unsigned>(who + 1)};
      for (int i = 0; i < test::scaled(400); ++i) {
        post(static_cast<unsigned>(random()), 3);
        if (who == 0 && i % 50 == 0) {
          pool.pause();
          pool.resume();
        }
      }
    });
    pool.wait_idle();
    const ledger tasks = pool.shutdown().tasks;
    EXPECT_EQ(tasks.accepted, posted);
    EXPECT_EQ(tasks.succeeded, posted);
    EXPECT_LE(seen.most(), each.limit());
  }
}

// And in small ones, with every policy, waits and blocking: nothing is lost, and all ends.
TEST_F(ReservedWorkers, Stress_ConserveTasksInSmallChannels) {
  for (const reserve& each : reserves) {
    for (const std::size_t capacity : {1U, 8U, 64U}) {
      for (int policy = 0; policy <= static_cast<int>(full_policy::discard_lowest); ++policy) {
        pool_options options = reserving(each, capacity);
        options.when_full = static_cast<full_policy>(policy);
        worker_pool pool{options};
        test::run_together(3, [&](int who) {
          std::minstd_rand random{static_cast<unsigned>(who + 1)};
          for (int i = 0; i < test::scaled(100); ++i) {
            const auto draw = static_cast<unsigned>(random());
            pool.post(task_options{.priority = draw % 8}, [&, draw, cargo = new_payload()] {
              pool.post(task_options{.priority = draw / 8 % 8}, [c = new_payload()] {});
              auto inner = pool.submit(task_options{.priority = draw / 64 % 8}, [] {});
              if (draw / 512 % 2 == 0) static_cast<void>(inner.take());
              if (draw / 1024 % 8 == 0) {
                const blocking_region here;
                std::this_thread::yield();
              }
            });
          }
        });
        if (policy % 2 == 0) pool.wait_idle();
        const ledger tasks = pool.shutdown().tasks;
        EXPECT_EQ(tasks.accepted, tasks.succeeded + tasks.discarded) << tasks;
        EXPECT_EQ(tasks.inside(), 0U);
      }
    }
  }
}

// ---- fair keys with a weight

using FairWeight = test::PoolTest;

TEST_F(FairWeight, GivesAKeySoManyTurnsForEachOneOfAnother) {
  worker_pool pool{test::sized(1)};
  pool.pause();
  std::vector<int> order;
  for (int i = 0; i < 30; ++i) {
    pool.post(task_options{.fair_key = 1, .fair_weight = 3}, [&] { order.push_back(1); });
    pool.post(task_options{.fair_key = 2}, [&] { order.push_back(2); });
  }
  pool.resume();
  pool.wait_idle();
  ASSERT_EQ(order.size(), 60U);
  for (std::ptrdiff_t begin = 0; begin < 40; begin += 4) {
    EXPECT_EQ(std::count(order.begin() + begin, order.begin() + begin + 4, 2), 1) << begin;
  }
}

TEST_F(FairWeight, IsAtLeastOne) {
  worker_pool pool{test::sized(1)};
  try {
    pool.post(task_options{.fair_key = 1, .fair_weight = 0}, [] {});
    FAIL() << "not refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "task_options.fair_weight: must be at least 1, is 0");
  }
}

// ---- what a waiting task lends to the one that it waits for

/// More tasks of the middle priority than there are workers, none of which ends before the flood is
/// let go: who waits in the channel behind them waits for ever.
class middle_flood {
 public:
  middle_flood(worker_pool& pool, int tasks) {
    for (int i = 0; i < tasks; ++i) pool.post([this] { door_.pass(); });
  }
  void let_go() { door_.open(); }

 private:
  test::gate door_;
};

// One of these workers runs `urgent` first; no other ever runs anything but the flood.
class PriorityDonation : public test::PoolTest, public testing::WithParamInterface<int> {
 protected:
  PriorityDonation() { pool.pause(); }

  void expect_done(const std::function<int()>& urgent) {
    middle_flood behind{pool, 200};
    auto done = pool.submit(task_options{.priority = 0}, urgent);
    pool.resume();
    EXPECT_EQ(done.get(), 42);  // or for ever
    behind.let_go();
    pool.shutdown();
  }
  static task_options lowest() { return {.priority = 7}; }

  static pool_options options() {
    pool_options chosen = test::sized(static_cast<std::size_t>(GetParam()));
    chosen.max_compensation = 0;  // nobody comes to help
    chosen.aging.bound = 1h;
    return chosen;
  }
  worker_pool pool{options()};
};
INSTANTIATE_TEST_SUITE_P(, PriorityDonation, testing::Values(1, 2, 8),
                         testing::PrintToStringParamName());

TEST_P(PriorityDonation, ReachesWhatWaitsInTheChannel) {
  auto needed = pool.submit(lowest(), [] { return 42; });
  expect_done([&] { return needed.get(); });
}

TEST_P(PriorityDonation, ReachesWhatThatWaitsForInTurn) {
  auto last = pool.submit(lowest(), [] { return 40; });
  auto middle = pool.submit(task_options{.priority = 6}, [&] { return last.get() + 1; });
  auto first = pool.submit(lowest(), [&] { return middle.get() + 1; });
  expect_done([&] { return first.get(); });
}

TEST_P(PriorityDonation, ReachesATaskWithAFairKey) {
  std::vector<future<int>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(
        pool.submit(task_options{.priority = 7, .fair_key = static_cast<std::uint64_t>(i % 2)},
                    [i] { return i; }));
  }
  auto needed = pool.submit(task_options{.priority = 7, .fair_key = 1}, [] { return 42; });
  expect_done([&] { return needed.get(); });
}

TEST_P(PriorityDonation, ReachesATaskWithASerialKeyAndThoseBeforeIt) {
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    pool.post(task_options{.priority = 7, .serial_key = 1}, [&, i] { order.push_back(i); });
    pool.post(task_options{.priority = 7, .serial_key = 2}, [&] { order.push_back(-1); });
  }
  auto needed = pool.submit(task_options{.priority = 7, .serial_key = 1}, [&] { return 42; });
  pool.post(task_options{.priority = 7, .serial_key = 1}, [&] { order.push_back(5); });
  expect_done([&] {
    const int result = needed.get();
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
    return result;
  });
}

TEST_P(PriorityDonation, ReachesWhatWasPutOff) {
  std::optional<future<int>> needed;
  pool.set_queue_capacity(1);
  pool.post([] {});
  needed.emplace(pool.submit_after(
      0s, [] { return 42; }, lowest()));
  test::await([&] { return pool.stats().put_off == 1; });
  pool.set_queue_capacity(1024);
  expect_done([&] { return needed->get(); });
}

TEST_P(PriorityDonation, ReachesWhatItHasSubmittedItself) {
  expect_done([&] {
    std::vector<future<int>> all;
    for (int i = 0; i < 20; ++i) all.push_back(pool.submit(lowest(), [] { return 1; }));
    int sum = 22;
    for (auto& each : all) sum += each.get();
    return sum;
  });
}

}  // namespace
}  // namespace millpool

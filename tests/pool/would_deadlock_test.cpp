// Where the pool's tasks wait for each other for ever, one of the waits fails, and the others end.
// (A deadlock that is not found shows as this program's timeout.)
#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/join.hpp"
#include "millpool/result/task_group.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millpool {
namespace {

/// The deadlocks that a pool has told of.
class deadlock_reports {
 public:
  void add_to(pool_options& options) {
    options.on_deadlock = [this](const deadlock_info& info) {
      const std::lock_guard lock{mutex_};
      all_.push_back(info);
    };
  }
  [[nodiscard]] std::vector<deadlock_info> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<deadlock_info> all_;
};

/// What a wait came to: its value, or -1 where it would have been a deadlock. A future is used by
/// one thread at a time: whose task waits for its own has it until it ends.
int value_or_deadlock(future<int>& from) {
  try {
    return from.get();
  } catch (const submit_error& error) {
    EXPECT_EQ(error.code(), submit_errc::would_deadlock);
    EXPECT_TRUE(from.valid()) << "the wait fails, and not the task";
    return -1;
  }
}

class DeadlockTest : public test::PoolTest {
 protected:
  /// A pool that tells `told` of its deadlocks.
  [[nodiscard]] std::unique_ptr<worker_pool> make_pool(pool_options options) {
    told.add_to(options);
    return std::make_unique<worker_pool>(std::move(options));
  }

  /// Its account is even, and it has told of so many deadlocks.
  void expect_even(worker_pool& pool, std::size_t deadlocks) const {
    pool.wait_idle();
    const pool_stats stats = pool.stats();
    EXPECT_EQ(stats.deadlocks, deadlocks);
    EXPECT_EQ(told.all().size(), deadlocks);
    EXPECT_EQ(stats.tasks.inside(), 0U);
    EXPECT_TRUE(pool.shutdown().drained);
  }

  deadlock_reports told;
};

/// The same for several numbers of workers.
class WouldDeadlock : public DeadlockTest, public ::testing::WithParamInterface<int> {
 protected:
  [[nodiscard]] static int workers() { return GetParam(); }
  [[nodiscard]] std::unique_ptr<worker_pool> make_pool() {
    return DeadlockTest::make_pool(test::sized(static_cast<std::size_t>(workers())));
  }
};
[[nodiscard]] auto some_numbers() { return ::testing::Values(1, 2, 8); }
[[nodiscard]] std::string as_workers(const ::testing::TestParamInfo<int>& each) {
  return std::to_string(each.param) + "Workers";
}
INSTANTIATE_TEST_SUITE_P(, WouldDeadlock, some_numbers(), as_workers);

TEST_P(WouldDeadlock, ATaskThatWaitsForItself) {
  const auto pool = make_pool();
  future<int> own;
  test::gate handed_over;
  std::atomic<int> came_to{0};
  own = pool->submit([&] {
    handed_over.pass();
    came_to = value_or_deadlock(own);
    return 42;
  });
  handed_over.open();
  pool->wait_idle();
  EXPECT_EQ(came_to, -1);
  EXPECT_EQ(own.get(), 42) << "its task goes on, and ends";
  expect_even(*pool, 1);
  const deadlock_info info = told.all().at(0);
  ASSERT_EQ(info.waits.size(), 1U);
  EXPECT_EQ(info.waits[0].on, info.waits[0].worker);
  EXPECT_TRUE(info.waits[0].given_up);
}

// Each waits for the next one, and the last for the first.
class WaitsInARing : public WouldDeadlock {
 protected:
  void run(worker_pool& pool, int size) {
    std::vector<future<int>> futures(static_cast<std::size_t>(size));
    std::latch all_run{size};
    test::gate handed_over;
    std::atomic<int> failed{0};
    for (int i = 0; i < size; ++i) {
      futures[static_cast<std::size_t>(i)] = pool.submit([&, i] {
        {
          const blocking_region gathering;  // so that as many workers are added
          all_run.count_down();
          all_run.wait();
          handed_over.pass();
        }
        const int next = value_or_deadlock(futures[static_cast<std::size_t>((i + 1) % size)]);
        if (next == -1) ++failed;
        return next == -1 ? 1 : next + 1;
      });
    }
    all_run.wait();
    handed_over.open();
    pool.wait_idle();
    EXPECT_EQ(failed, 1) << "one wait fails, and no more";
  }
};
INSTANTIATE_TEST_SUITE_P(, WaitsInARing, some_numbers(), as_workers);

TEST_P(WaitsInARing, OfTwo) {
  const auto pool = make_pool();
  run(*pool, 2);
  expect_even(*pool, 1);
  const deadlock_info info = told.all().at(0);
  EXPECT_EQ(info.pool, "test");
  ASSERT_EQ(info.waits.size(), 2U);
  EXPECT_EQ(info.waits[0].on, info.waits[1].worker);
  EXPECT_EQ(info.waits[1].on, info.waits[0].worker);
  EXPECT_NE(info.waits[0].worker, info.waits[1].worker);
  EXPECT_TRUE(info.waits[0].given_up) << "the youngest";
  EXPECT_FALSE(info.waits[1].given_up);
}

TEST_P(WaitsInARing, OfThirtyTwo) {
  const auto pool = make_pool();
  run(*pool, 32);
  expect_even(*pool, 1);
  EXPECT_EQ(told.all().at(0).waits.size(), 32U);
}

TEST_P(WaitsInARing, OfTwoAgainAndAgain) {
  const auto pool = make_pool();
  const int rounds = test::scaled(500);
  for (int i = 0; i < rounds; ++i) run(*pool, 2);
  expect_even(*pool, static_cast<std::size_t>(rounds));
}

// The inner one runs on the outer one's thread, or on another, and waits for it.
TEST_P(WouldDeadlock, ATaskThatWaitsForTheOneThatWaitsForIt) {
  const auto pool = make_pool();
  for (int i = 0; i < test::scaled(200); ++i) {
    future<void> outer;
    test::gate handed_over;
    std::atomic<int> failed{0};
    const auto count_failure = [&](const future<void>& awaited) {
      try {
        awaited.wait();
      } catch (const submit_error& error) {
        EXPECT_EQ(error.code(), submit_errc::would_deadlock);
        ++failed;
      }
    };
    outer = pool->submit([&] {
      handed_over.pass();
      count_failure(pool->submit([&] { count_failure(outer); }));
    });
    handed_over.open();
    pool->wait_idle();
    EXPECT_EQ(failed, 1) << "one wait fails, and no more";
    EXPECT_TRUE(outer.is_ready());
  }
  expect_even(*pool, static_cast<std::size_t>(test::scaled(200)));
}

// A worker cannot leave the group's destructor: so it is the future's wait that is given up, though
// it may be the older one.
TEST_P(WouldDeadlock, ATaskOfAGroupThatWaitsForTheOneThatWaitsForTheGroup) {
  const auto pool = make_pool();
  for (int i = 0; i < test::scaled(200); ++i) {
    future<int> outer;
    test::gate handed_over;
    std::atomic<int> came_to{0};
    outer = pool->submit([&] {
      handed_over.pass();
      task_group group{*pool};
      EXPECT_TRUE(group.run([&] { came_to = value_or_deadlock(outer); }).has_value());
      group.wait();
      return 42;
    });
    handed_over.open();
    pool->wait_idle();
    EXPECT_EQ(came_to, -1);
    EXPECT_EQ(outer.get(), 42);
  }
  expect_even(*pool, static_cast<std::size_t>(test::scaled(200)));
}

TEST_P(WouldDeadlock, ATaskThatWaitsForItsOwnGroup) {
  const auto pool = make_pool();
  task_group group{*pool};
  std::atomic<bool> threw{false};
  EXPECT_TRUE(group
                  .run([&] {
                    try {
                      group.wait();
                    } catch (const submit_error& error) {
                      threw = error.code() == submit_errc::would_deadlock;
                    }
                  })
                  .has_value());
  pool->wait_idle();
  EXPECT_TRUE(threw);
  group.wait();  // it is good for another turn
  EXPECT_TRUE(group.run([] {}).has_value());
  group.wait();
  expect_even(*pool, 1);
}

// Half of a join() cannot be left behind either.
TEST_P(WouldDeadlock, HalfOfAJoinThatWaitsForTheWhole) {
  const auto pool = make_pool();
  future<int> whole;
  test::gate handed_over;
  std::atomic<int> came_to{0};
  whole = pool->submit([&] {
    handed_over.pass();
    std::atomic<bool> other_has_begun{false};
    join(
        *pool,
        [&] {
          if (workers() == 1) return;
          const blocking_region waiting;
          test::await([&] { return other_has_begun.load(); });
        },
        [&] {
          other_has_begun = true;
          came_to = value_or_deadlock(whole);
        });
    return 42;
  });
  handed_over.open();
  pool->wait_idle();
  EXPECT_EQ(came_to, -1);
  EXPECT_EQ(whole.get(), 42);
  expect_even(*pool, 1);
}

TEST_P(WouldDeadlock, ATaskThatWaitsForOneOfItsOwnSerialKey) {
  const auto pool = make_pool();
  const task_class billing = pool->add_class({.name = "billing"});
  const task_class paying = pool->add_class({.name = "paying"});
  std::optional<future<int>> second;
  auto first = pool->submit(task_options{.serial_key = 7, .task_class = billing}, [&] {
    second = pool->submit(task_options{.serial_key = 7, .task_class = paying}, [] { return 42; });
    return value_or_deadlock(*second);
  });
  EXPECT_EQ(first.get(), -1);
  EXPECT_EQ(second->get(), 42) << "its turn comes when the first is over";
  expect_even(*pool, 1);
  const deadlock_info info = told.all().at(0);
  ASSERT_EQ(info.waits.size(), 1U);
  EXPECT_EQ(info.waits[0].why, deadlock_wait::cause::wants_key);
  EXPECT_EQ(info.waits[0].task_class, "billing");
  EXPECT_EQ(info.waits[0].awaited_class, "paying");
  EXPECT_EQ(info.waits[0].on, info.waits[0].worker);
}

TEST_P(WouldDeadlock, InEachWayToWaitForAFuture) {
  const auto pool = make_pool();
  future<int> own;
  test::gate handed_over;
  own = pool->submit([&] {
    handed_over.pass();
    EXPECT_THROW(own.wait(), submit_error);
    EXPECT_THROW((void)own.take(), submit_error);
    EXPECT_FALSE(own.wait_until(no_deadline));
    return value_or_deadlock(own);
  });
  handed_over.open();
  pool->wait_idle();
  EXPECT_EQ(own.get(), -1);
  expect_even(*pool, 4);
}

// ---- a standstill: no circle, but nobody is left to run what all wait for

// The first task waits for the second, which waits for what the first one's worker keeps.
TEST_F(DeadlockTest, NoWorkerIsLeftForWhatAWaitingOneKeeps) {
  pool_options options = test::sized(2);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  for (int i = 0; i < test::scaled(200); ++i) {
    future<int> kept;
    future<int> other;
    std::latch both{2};
    test::gate kept_is_there;
    test::gate handed_over;
    std::atomic<int> failed{0};
    auto first = pool->submit([&] {
      both.arrive_and_wait();
      kept = pool->submit([] { return 1; });
      kept_is_there.open();
      handed_over.pass();
      try {
        other.wait();
      } catch (const submit_error&) {
        ++failed;
      }
    });
    other = pool->submit([&] {
      both.arrive_and_wait();
      kept_is_there.pass();
      handed_over.pass();
      return value_or_deadlock(kept) == -1 ? -2 : 2;
    });
    handed_over.open();
    pool->wait_idle();
    const int seen = other.get();
    EXPECT_EQ(failed + (seen == -2 ? 1 : 0), 1) << "one wait fails, and no more";
    EXPECT_EQ(kept.valid() ? value_or_deadlock(kept) : 1, 1);
  }
  expect_even(*pool, static_cast<std::size_t>(test::scaled(200)));
  EXPECT_EQ(told.all().at(0).waits.size(), 2U);
}

/// A chain of tasks that each wait for the next, of more links than one thread runs one inside the
/// other. \return how many were waited for.
int deep_chain(worker_pool& pool, int links) {
  if (links == 0) return 0;
  auto next = pool.submit([&pool, links] { return deep_chain(pool, links - 1); });
  const int waited_for = value_or_deadlock(next);
  return waited_for == -1 ? 0 : 1 + waited_for;
}

TEST_F(DeadlockTest, NoStackIsLeftForAChainThatIsTooLong) {
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  EXPECT_EQ(pool->submit([&] { return deep_chain(*pool, 1500); }).get(), 999);
  expect_even(*pool, 1);  // what nobody waited for has run, too
  const deadlock_info info = told.all().at(0);
  ASSERT_EQ(info.waits.size(), 1U);
  EXPECT_EQ(info.waits[0].why, deadlock_wait::cause::wants_worker);
  EXPECT_EQ(info.waits[0].on, "");
}

TEST_F(DeadlockTest, IsNoneWhereAWorkerMayBeAdded) {
  pool_options options = test::sized(1);
  options.max_compensation = 1;
  const auto pool = make_pool(options);
  EXPECT_EQ(pool->submit([&] { return deep_chain(*pool, 1500); }).get(), 1500);
  expect_even(*pool, 0);
}

// One task of the group runs; another wants the key of the one that waits for the group.
TEST_F(DeadlockTest, AGroupThatRunsAndOfWhichOneWantsTheKeyOfItsWaiter) {
  const auto pool = make_pool(test::sized(2));
  task_group group{*pool};
  test::gate door;
  std::atomic<bool> runs{false};
  auto outer = pool->submit(task_options{.serial_key = 7}, [&] {
    EXPECT_TRUE(group
                    .run([&] {
                      runs = true;
                      door.pass();
                    })
                    .has_value());
    EXPECT_TRUE(group.run(task_options{.serial_key = 7}, [] {}).has_value());
    test::await([&] { return runs.load(); });
    EXPECT_THROW(group.wait(), submit_error);
  });
  outer.get();
  door.open();
  group.wait();
  expect_even(*pool, 1);
  const deadlock_info info = told.all().at(0);
  ASSERT_EQ(info.waits.size(), 1U);
  EXPECT_EQ(info.waits[0].why, deadlock_wait::cause::wants_key);
  EXPECT_EQ(info.waits[0].on, info.waits[0].worker);
}

// Each of two tasks destroys the other one's group. No wait can be given up, and so that is told,
// and nothing else: the end of the pool is the end of it.
TEST_F(DeadlockTest, IsToldWhereNoWaitCanBeGivenUp) {
  const auto pool = make_pool(test::sized(2));
  std::vector<std::unique_ptr<task_group<worker_pool>>> groups;
  for (int i = 0; i < 2; ++i) groups.push_back(std::make_unique<task_group<worker_pool>>(*pool));
  test::gate all_there;
  std::latch both{2};
  std::atomic<int> left{0};
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(groups[i]
                    ->run([&, i] {
                      all_there.pass();
                      both.arrive_and_wait();
                      groups[1 - i].reset();
                      ++left;
                    })
                    .has_value());
  }
  all_there.open();
  test::await([&] { return told.all().size() == 1; });
  const deadlock_info info = told.all().at(0);
  EXPECT_EQ(info.waits.size(), 2U);
  for (const deadlock_wait& each : info.waits) EXPECT_FALSE(each.given_up);
  pool->pause();
  pool->resume();
  pool->resize(3, 3);
  EXPECT_EQ(pool->stats().deadlocks, 1U) << "once is enough";
  EXPECT_EQ(pool->abandon(), 2U);
  test::await([&] { return left == 2; });
}

// ---- what is none

TEST_F(DeadlockTest, IsNoneWhereAWaitHasATimeLimit) {
  manual_clock time;
  pool_options options = test::sized(2);
  options.max_compensation = 0;
  options.time = &time;
  const auto pool = make_pool(options);
  future<int> one;
  future<int> two;
  test::gate handed_over;
  one = pool->submit([&] {
    handed_over.pass();
    return two.wait_for(std::chrono::hours{1}) ? 1 : 0;
  });
  two = pool->submit([&] {
    handed_over.pass();
    return value_or_deadlock(one) + 1;
  });
  handed_over.open();
  test::await([&] { return pool->stats().workers.blocked == 2; });
  time.advance(std::chrono::hours{1});
  pool->wait_idle();
  EXPECT_EQ(two.get(), 1);
  expect_even(*pool, 0);
}

TEST_F(DeadlockTest, IsNoneWhereAWorkerIsInABlockingRegion) {
  pool_options options = test::sized(2);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  test::gate door;
  auto one = pool->submit([&] {
    const blocking_region waiting;
    door.pass();
    return 1;
  });
  auto two = pool->submit([&] { return value_or_deadlock(one) + 1; });
  test::await([&] { return pool->stats().workers.blocked == 2; });
  door.open();
  EXPECT_EQ(two.get(), 2);
  expect_even(*pool, 0);
}

TEST_F(DeadlockTest, IsNoneWhereAnotherPoolIsWaitedFor) {
  worker_pool another{test::sized(1)};
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  test::gate door;
  auto far = another.submit([&] {
    door.pass();
    return 1;
  });
  auto near = pool->submit([&] { return value_or_deadlock(far) + 1; });
  test::await([&] { return pool->stats().workers.blocked == 1; });
  pool->post([] {});
  door.open();
  EXPECT_EQ(near.get(), 2);
  expect_even(*pool, 0);
}

TEST_F(DeadlockTest, IsNoneWhereASubmissionMayDisplaceWhatIsWaitedFor) {
  pool_options options = test::sized(1, 1);
  options.when_full = full_policy::discard_oldest;
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  auto outer = pool->submit(task_options{.serial_key = 7}, [&] {
    auto inner = pool->submit(task_options{.serial_key = 7}, [] {});
    return inner.take().state();
  });
  test::await([&] { return outer.is_ready() || pool->stats().workers.blocked == 1; });
  pool->post([] {});
  EXPECT_EQ(outer.get(), task_state::discarded);
  expect_even(*pool, 0);
}

/// A task that has begun a pause and waits for another one, in a pool of one worker. \return what
/// the wait comes to; it has begun by now.
future<int> wait_in_a_pause(worker_pool& pool) {
  auto outer = pool.submit([&] {
    pool.pause();
    auto inner = pool.submit([] { return 1; });
    return value_or_deadlock(inner);
  });
  test::await([&] { return outer.is_ready() || pool.stats().workers.blocked == 1; });
  return outer;
}

TEST_F(DeadlockTest, IsNoneInAPause) {
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  auto outer = wait_in_a_pause(*pool);
  // Before the end of the pause, in which the first one finds nothing to run as it begins to wait:
  // it may not have looked yet.
  pool->resize(2, 2);
  pool->resume();
  EXPECT_EQ(outer.get(), 1);
  expect_even(*pool, 0);
}

// ---- one that arises later: those who wait already are asked again

TEST_F(DeadlockTest, IsFoundWhenAPauseEnds) {
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  auto outer = wait_in_a_pause(*pool);
  EXPECT_TRUE(told.all().empty());
  pool->resume();
  EXPECT_EQ(outer.get(), -1);  // or for ever
  expect_even(*pool, 1);
}

TEST_F(DeadlockTest, IsFoundWhenNoWorkerCanBeAddedAnyMore) {
  pool_options options = test::sized(1);
  options.max_workers = 2;
  options.max_compensation = 0;
  std::atomic<int> started{0};
  options.start_thread = [&](std::function<void()> body) {
    if (++started > 1) throw std::runtime_error{"no more"};
    return std::thread{std::move(body)};
  };
  const auto pool = make_pool(options);
  auto outer = pool->submit([&] { return deep_chain(*pool, 1500); });
  test::await([&] { return outer.is_ready() || pool->stats().workers.blocked == 1; });
  EXPECT_TRUE(told.all().empty());
  pool->resize(1, 1);
  EXPECT_EQ(outer.get(), 999);  // or for ever
  expect_even(*pool, 1);
}

TEST_F(DeadlockTest, IsFoundWhenNothingIsDisplacedAnyMore) {
  pool_options options = test::sized(1, 1);
  options.when_full = full_policy::discard_oldest;
  options.max_compensation = 0;
  const auto pool = make_pool(options);
  auto outer = pool->submit(task_options{.serial_key = 7}, [&] {
    auto inner = pool->submit(task_options{.serial_key = 7}, [] { return 1; });
    return value_or_deadlock(inner);
  });
  test::await([&] { return outer.is_ready() || pool->stats().workers.blocked == 1; });
  EXPECT_TRUE(told.all().empty());
  options = pool->options();
  options.when_full = full_policy::block;
  pool->reconfigure(options);
  EXPECT_EQ(outer.get(), -1);  // or for ever
  expect_even(*pool, 1);
}

TEST_F(DeadlockTest, IsNoneAfterAPauseWhereAnotherMayStandIn) {
  const auto pool = make_pool(test::sized(1));
  auto outer = wait_in_a_pause(*pool);
  pool->resume();
  EXPECT_EQ(outer.get(), 1);  // or for ever
  expect_even(*pool, 0);
}

// Of what an overload may shed it is not known whether it will be.
TEST_F(DeadlockTest, IsFoundWhereLoadIsShed) {
  pool_options options = test::sized(1);
  options.max_compensation = 0;
  options.shedding = shedding_options{};
  const auto pool = make_pool(options);
  auto outer = pool->submit(task_options{.serial_key = 7}, [&] {
    auto inner = pool->submit(task_options{.serial_key = 7}, [] { return 1; });
    return value_or_deadlock(inner);
  });
  EXPECT_EQ(outer.get(), -1);  // or for ever
  expect_even(*pool, 1);
}

int tree(worker_pool& pool, int height) {
  if (height == 0) return 1;
  auto left = pool.submit([&pool, height] { return tree(pool, height - 1); });
  int right = 0;
  int middle = 0;
  task_group group{pool};
  EXPECT_TRUE(group.run([&] { middle = tree(pool, height - 1); }).has_value());
  join(
      pool, [&] { group.wait(); }, [&] { right = tree(pool, height - 1); });
  return left.get() + middle + right;
}

TEST_P(WouldDeadlock, IsNoneWhereTasksWaitForWhatTheyHaveSubmitted) {
  const auto pool = make_pool();
  EXPECT_EQ(pool->submit([&] { return tree(*pool, 8); }).get(), 6561);
  expect_even(*pool, 0);
}

// Each task waits for some of those before it, wherever they run.
TEST_P(WouldDeadlock, Stress_IsNoneWhereEachWaitsForThoseBeforeIt) {
  const auto pool = make_pool();
  std::mt19937 random{1};
  std::vector<future<int>> free;
  const int count = test::scaled(50'000);
  int in_all = 0;
  for (int i = 0; i < count; ++i) {
    auto awaited = std::make_shared<std::vector<future<int>>>();
    for (int takes = static_cast<int>(random() % 3); takes > 0 && !free.empty(); --takes) {
      std::swap(free[random() % free.size()], free.back());
      awaited->push_back(std::move(free.back()));
      free.pop_back();
    }
    free.push_back(pool->submit([awaited] {
      int sum = 1;
      for (future<int>& each : *awaited) sum += each.get();
      return sum;
    }));
  }
  for (future<int>& each : free) in_all += each.get();
  EXPECT_EQ(in_all, count);
  expect_even(*pool, 0);
}

// ---- how it is told

TEST_F(DeadlockTest, IsPrintedWhereNobodyAsksForIt) {
  testing::internal::CaptureStderr();
  {
    worker_pool pool{test::sized(1)};
    const task_class billing = pool.add_class({.name = "billing"});
    future<int> own;
    test::gate handed_over;
    own = pool.submit(billing, [&] {
      handed_over.pass();
      return value_or_deadlock(own);
    });
    handed_over.open();
    pool.wait_idle();
    EXPECT_EQ(own.get(), -1);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "millpool: pool 'test': these waits could never end:\n"
            "  test/0, in a task of class 'billing', waits for a task of class 'billing' that runs "
            "on test/0: given up\n");
}

TEST_F(DeadlockTest, MayBeToldToAHookThatWaitsForTheSamePool) {
  pool_options options = test::sized(1);
  worker_pool* of_hook = nullptr;
  std::atomic<int> asked{0};
  options.on_deadlock = [&](const deadlock_info&) {
    asked = of_hook->submit([] { return 1; }).get();
  };
  worker_pool pool{options};
  of_hook = &pool;
  future<int> own;
  test::gate handed_over;
  own = pool.submit([&] {
    handed_over.pass();
    return value_or_deadlock(own);
  });
  handed_over.open();
  pool.wait_idle();
  EXPECT_EQ(own.get(), -1);
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace millpool

// task_group: several tasks are waited for as one, and none outlives the group.
#include "millpool/result/task_group.hpp"

#include "millpool/pool/worker_pool.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

namespace millpool {
namespace {

struct TaskGroup : testing::TestWithParam<std::size_t> {
  worker_pool pool{{.min_workers = GetParam(), .max_workers = GetParam(), .queue_capacity = 4}};
};
INSTANTIATE_TEST_SUITE_P(Workers, TaskGroup, testing::Values(1u, 2u, 8u));

TEST_P(TaskGroup, WaitsForAllItsTasks) {
  task_group group{pool};
  std::atomic<int> runs{0};
  group.wait();  // of none
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(group.run([&] { ++runs; }));
  group.wait();
  EXPECT_EQ(runs, 100);
  ASSERT_TRUE(group.run([&, one = std::make_unique<int>(1)] { runs += *one; }));
  group.wait();
  EXPECT_EQ(runs, 101);
}

TEST_P(TaskGroup, ThrowsTheFirstErrorOnceAndIsGoodAfterwards) {
  task_group group{pool};
  std::atomic<int> runs{0};
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(group.run([&] {
      ++runs;
      throw std::runtime_error{"each throws"};
    }));
  }
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_EQ(runs, 10);
  group.wait();
}

TEST_P(TaskGroup, CancelsTheOthersOnTheFirstErrorIfItIsToldTo) {
  test::gate open;
  task_group group{pool, {.cancel_on_error = true}};
  ASSERT_TRUE(group.run([&] {
    open.pass();
    throw std::runtime_error{"first"};
  }));
  // Starts beside the first, and is told to stop; or, with one worker, does not start at all.
  ASSERT_TRUE(group.run([](task_context& context) {
    while (!context.stop_requested()) std::this_thread::yield();
  }));
  const std::stop_token stop = group.stop_token();
  EXPECT_FALSE(stop.stop_requested());
  open.open();
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_TRUE(stop.stop_requested());
}

TEST_P(TaskGroup, RunsTasksAgainOnceTheCancelledOnesWereWaitedFor) {
  task_group group{pool};
  group.cancel();
  EXPECT_TRUE(group.stop_token().stop_requested());
  group.wait();
  std::atomic<int> runs{0};
  ASSERT_TRUE(group.run([&] { ++runs; }));
  group.wait();
  EXPECT_EQ(runs, 1);
}

TEST_P(TaskGroup, LetsTheOthersRunOnAfterAnErrorUnlessToldOtherwise) {
  task_group group{pool};
  ASSERT_TRUE(group.run([] { throw std::runtime_error{"first"}; }));
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_FALSE(group.stop_token().stop_requested());
}

TEST_P(TaskGroup, EndsTasksThatHaveNotStartedAsCancelledWithoutAnError) {
  test::gate open;
  task_group group{pool};
  std::atomic<int> runs{0};
  std::atomic<std::size_t> busy{0};
  for (std::size_t i = 0; i < GetParam(); ++i) {
    ASSERT_TRUE(group.run([&] {
      ++busy;
      open.pass();
    }));
  }
  test::await([&] { return busy == GetParam(); });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(group.run([&] { ++runs; }));
  group.cancel();
  open.open();
  group.wait();
  EXPECT_EQ(runs, 0);
  pool.wait_idle();
  EXPECT_EQ(pool.stats().tasks.cancelled, 3U);
}

TEST_P(TaskGroup, ItsEndCancelsAndWaits) {
  std::atomic<int> inside{0};
  {
    task_group group{pool};
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(group.run([&](task_context& context) {
        ++inside;
        while (!context.stop_requested()) std::this_thread::yield();
        --inside;
      }));
    }
  }
  EXPECT_EQ(inside, 0);
}

TEST_P(TaskGroup, ThrowsARefusalAtItsWaitOnceSoThatAWaitWithoutOneMeansThatAllHasRun) {
  task_group group{pool};
  pool.close();
  EXPECT_EQ(group.run([] {}).error(), submit_errc::closed);
  EXPECT_THROW(group.wait(), submit_error);
  group.wait();
}

TEST_P(TaskGroup, IsLeftAsItWasWhenATasksMoveThrows) {
  test::census people;
  task_group group{pool};
  auto task = [one = test::counted{people, 1}] { (void)one; };
  people.moves_until_throw = 0;
  EXPECT_THROW((void)group.run(std::move(task)), test::move_failed);
  group.wait();
}

TEST_P(TaskGroup, P2_ATasksCapturesAreGoneWhenTheWaitReturns) {
  test::census people;
  task_group group{pool};
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(group.run([one = test::counted{people, i}] { (void)one; }));
  group.wait();
  EXPECT_EQ(people.alive(), 0);
}

// A tree of groups, each waited for inside a task.
TEST_P(TaskGroup, P5_MayBeWaitedForInsideATaskAtAnyDepth) {
  std::atomic<int> leaves{0};
  const std::function<void(int)> grow = [&](int depth) {
    if (depth == 0) {
      ++leaves;
      return;
    }
    task_group group{pool};
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(group.run([&, depth] { grow(depth - 1); }));
    group.wait();
  };
  pool.submit([&] { grow(5); }).get();
  EXPECT_EQ(leaves, 3 * 3 * 3 * 3 * 3);
}

TEST_P(TaskGroup, Stress_TasksOfAGroupMayAddToIt) {
  for (int round = 0; round < test::scaled(100); ++round) {
    task_group group{pool};
    std::atomic<int> runs{0};
    const std::function<void(int)> spread = [&](int depth) {
      ++runs;
      for (int i = 0; depth > 0 && i < 2; ++i) {
        ASSERT_TRUE(group.run([&, depth] { spread(depth - 1); }));
      }
    };
    ASSERT_TRUE(group.run([&] { spread(6); }));
    group.wait();
    ASSERT_EQ(runs, 127);
  }
}

// The last task may still be on its way out of the group when the wait returns.
TEST_P(TaskGroup, Stress_MayGoAsSoonAsItsWaitReturns) {
  std::atomic<int> runs{0};
  const int rounds = test::scaled(2'000);
  for (int round = 0; round < rounds; ++round) {
    task_group group{pool};
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(group.run([&] { ++runs; }));
    group.wait();
    ASSERT_EQ(runs, 3 * (round + 1));
  }
}

// One worker waits for the group, the other is in a task of it that ends when all others have run.
TEST_P(TaskGroup, P5_AWorkerThatWaitsIsToldOfTasksThatComeMeanwhile) {
  worker_pool two{{.min_workers = 2, .max_workers = 2, .max_compensation = 0}};
  std::atomic<int> runs{0};
  two.submit([&] {
       task_group group{two};
       std::atomic<bool> begun{false};
       ASSERT_TRUE(group.run([&] {
         begun = true;
         test::await([&] { return runs == 100; });
       }));
       test::await([&] { return begun.load(); });
       const std::jthread outside{[&] {
         for (int i = 0; i < 100; ++i) ASSERT_TRUE(group.run([&] { ++runs; }));
       }};
       group.wait();
     })
      .get();
  EXPECT_EQ(runs, 100);
}

TEST_P(TaskGroup, CountsARefusedTaskOutWhileOthersRun) {
  worker_pool full{
      {.min_workers = 1, .max_workers = 1, .queue_capacity = 1, .when_full = full_policy::reject}};
  test::gate open;
  std::atomic<bool> begun{false};
  int runs = 0;
  task_group group{full};
  ASSERT_TRUE(group.run([&] {
    begun = true;
    open.pass();
    ++runs;
  }));
  test::await([&] { return begun.load(); });
  ASSERT_TRUE(group.run([&] { ++runs; }));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(group.run([&] { ++runs; }).has_value());
  open.open();
  EXPECT_THROW(group.wait(), submit_error);
  EXPECT_EQ(runs, 2);
}

// A task that comes in just when a cancelled group starts afresh is stopped or runs, no third.
TEST_P(TaskGroup, Stress_MayBeCancelledAndWaitedForWhileTasksComeIn) {
  task_group group{pool};
  std::atomic<int> ended{0};
  const int count = test::scaled(2'000);
  test::run_together(2, [&](int self) {
    if (self == 0) {
      for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(group.run([&](task_context& context) {
          if (!context.stop_requested()) ++ended;
        }));
      }
    } else {
      for (int i = 0; i < count / 10; ++i) {
        group.cancel();
        group.wait();
      }
    }
  });
  group.wait();
  pool.wait_idle();
  const auto tasks = pool.stats().tasks;
  EXPECT_EQ(tasks.succeeded + tasks.cancelled, static_cast<std::uint64_t>(count));
  EXPECT_LE(ended, static_cast<int>(tasks.succeeded));
}

}  // namespace
}  // namespace millpool

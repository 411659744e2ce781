// future: it always completes, and gives its result once.
#include "millpool/result/future.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/gate.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

/// A future without a pool, and its producer's end.
template <class T>
struct promise {
  completion_ref<result_state<T>> state{new result_state<T>{steady()}};
  future<T> get_future() { return future<T>{state}; }
  template <class F>
  void run(F f) {
    state->keep_result_of(f);
    state.release()->complete(task_state::succeeded);
  }
};

TEST(Future, GivesWhatTheTaskReturned) {
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
  EXPECT_EQ(*pool.submit([] { return std::make_unique<int>(7); }).get(), 7);
  pool.submit([] {}).get();
}

TEST(Future, ThrowsWhatTheTaskThrew) {
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};
  auto failed = pool.submit([]() -> int { throw std::out_of_range{"here"}; });
  EXPECT_THROW(failed.get(), std::out_of_range);
  auto taken = pool.submit([] { throw 5; }).take();
  EXPECT_EQ(taken.state(), task_state::failed);
  EXPECT_FALSE(taken);
  EXPECT_THROW(std::rethrow_exception(taken.error()), int);
}

TEST(Future, IsValidUntilItIsRead) {
  promise<int> made;
  future<int> none;
  EXPECT_FALSE(none.valid());
  future<int> one = made.get_future();
  EXPECT_TRUE(one.valid());
  EXPECT_FALSE(one.is_ready());
  made.run([] { return 1; });
  EXPECT_TRUE(one.is_ready());
  future<int> moved = std::move(one);
  EXPECT_FALSE(one.valid());  // NOLINT(bugprone-use-after-move): stated
  EXPECT_EQ(moved.get(), 1);
  EXPECT_FALSE(moved.valid());
}

TEST(FutureDeathTest, SaysSoWhenItIsReadTwice) {
  promise<int> made;
  auto one = made.get_future();
  made.run([] { return 1; });
  one.get();
  EXPECT_DEATH((void)one.is_ready(), "this future was read");
}

TEST(Future, OfARefusedSubmissionIsReadyAndSaysWhy) {
  auto refused = future<int>::refused(submit_errc::full);
  EXPECT_TRUE(refused.is_ready());
  try {
    refused.get();
    FAIL() << "get() throws";
  } catch (const submit_error& error) {
    EXPECT_EQ(error.code(), submit_errc::full);
  }
}

TEST(Future, TellsEveryEndApart) {
  for (task_state state :
       {task_state::cancelled, task_state::expired, task_state::discarded, task_state::abandoned}) {
    promise<int> made;
    auto stopped = made.get_future();
    made.state.release()->complete(state);
    try {
      stopped.get();
      FAIL() << "get() throws";
    } catch (const task_stopped& error) {
      EXPECT_EQ(error.state(), state);
    }
  }
}

TEST(Future, OfATaskThatThrewTaskStoppedIsCancelled) {
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};
  auto stopped = pool.submit([]() -> int { throw task_stopped{}; });
  EXPECT_EQ(stopped.take().state(), task_state::cancelled);
}

TEST(Future, WaitsNoLongerThanItIsTold) {
  manual_clock time;
  auto state = completion_ref<result_state<int>>{new result_state<int>{time}};
  future<int> late{state};
  EXPECT_FALSE(late.wait_for(0ns));
  EXPECT_FALSE(late.wait_until(time.now() - 1h));
  const time_point until = time.now() + 1h;
  std::jthread mover{[&] { time.advance(1h); }};
  EXPECT_FALSE(late.wait_until(until));
  EXPECT_GE(time.now(), until);
  state.release()->complete(task_state::cancelled);
  EXPECT_TRUE(late.wait_for(0ns));
}

TEST(Future, OutlivesItsPool) {
  auto pool = std::make_unique<worker_pool>(pool_options{.min_workers = 1, .max_workers = 1});
  auto answer = pool->submit([] { return std::string(100, 'x'); });
  pool.reset();
  EXPECT_EQ(answer.get().size(), 100u);
}

TEST(Future, MayBeDroppedAndTheTaskRunsAllTheSame) {
  std::atomic<int> runs{0};
  {
    worker_pool pool{{.min_workers = 1, .max_workers = 1}};
    for (int i = 0; i < 100; ++i) (void)pool.submit([&] { return ++runs; });
  }
  EXPECT_EQ(runs, 100);
}

TEST(Future, P2_IsReadyOnlyWhenTheTaskAndItsCapturesAreDestroyed) {
  test::census people;
  worker_pool pool{{.min_workers = 2, .max_workers = 2}};
  for (int i = 0; i < 200; ++i) {
    auto answer = pool.submit([one = test::counted{people, i}] { return one.number(); });
    EXPECT_EQ(answer.get(), i);
    ASSERT_EQ(people.alive(), 0);
  }
}

TEST(Future, DestroysAResultThatNobodyReads) {
  test::census people;
  {
    worker_pool pool{{.min_workers = 1, .max_workers = 1}};
    for (int i = 0; i < 10; ++i)
      (void)pool.submit([&people, i] { return test::counted{people, i}; });
  }
  EXPECT_GE(people.births, 10);
  EXPECT_EQ(people.alive(), 0);
}

TEST(Future, ThrowsWhatMovingItsResultThrew) {
  test::census people;
  {
    promise<test::counted> made;
    auto answer = made.get_future();
    made.run([&] { return test::counted{people, 3}; });
    people.moves_until_throw = 0;
    EXPECT_THROW(answer.get(), test::move_failed);
  }
  EXPECT_EQ(people.alive(), 0);
}

struct alignas(64) wide {
  [[nodiscard]] bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
  char bytes[64] = {};
};

TEST(Future, KeepsTheAlignmentOfItsResult) {
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};
  std::vector<future<wide>> all;
  for (int i = 0; i < 10; ++i) all.push_back(pool.submit([] { return wide{}; }));
  for (auto& each : all) {
    auto ended = each.take();
    EXPECT_TRUE(ended.value().aligned());
  }
}

TEST(Future, P5_AWorkerMayWaitForItsOwnPoolAtAnyDepth) {
  for (std::size_t workers : {1u, 2u, 8u}) {
    worker_pool pool{{.min_workers = workers, .max_workers = workers, .queue_capacity = 1}};
    const std::function<int(int)> sum_to = [&](int n) -> int {
      return n == 0 ? 0 : n + pool.submit([&, n] { return sum_to(n - 1); }).get();
    };
    EXPECT_EQ(pool.submit([&] { return sum_to(50); }).get(), 50 * 51 / 2);
  }
}

}  // namespace
}  // namespace millpool

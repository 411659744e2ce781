// future::then: what is to happen next happens once, whoever comes first.
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/future.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>

namespace millpool {
namespace {

struct Then : testing::Test {
  test::census people;  // outlives the pool, whose worker may be the last to let go of a result
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};

  /// A future whose task has not ended before open.open().
  template <class F>
  auto later(F f) {
    return pool.submit([this, f = std::move(f)]() mutable {
      open.pass();
      return f();
    });
  }
  /// A future that is ready.
  template <class F>
  auto now(F f) {
    auto made = pool.submit(std::move(f));
    made.wait();
    return made;
  }
  test::gate open;
};

TEST_F(Then, IsGivenTheValueWhenItComes) {
  auto next = later([] { return 20; }).then([](int n) { return n + 1; }).then([](int n) {
    return std::make_unique<int>(2 * n);
  });
  EXPECT_FALSE(next.is_ready());
  open.open();
  EXPECT_EQ(*next.get(), 42);
}

TEST_F(Then, RunsAtOnceIfTheValueIsThere) {
  const auto here = std::this_thread::get_id();
  bool ran_here = false;
  now([] { return 1; }).then([&](int) { ran_here = std::this_thread::get_id() == here; }).get();
  EXPECT_TRUE(ran_here);
}

TEST_F(Then, MayGiveAndTakeNothing) {
  int calls = 0;
  now([] {}).then([&] { ++calls; }).then([&] { ++calls; }).get();
  EXPECT_EQ(calls, 2);
}

TEST_F(Then, MovesTheValueThrough) {
  auto next =
      now([] { return std::make_unique<int>(5); }).then([](std::unique_ptr<int> p) { return p; });
  EXPECT_EQ(*next.get(), 5);
}

TEST_F(Then, IsNotCalledWhenTheTaskFailsAndTheErrorPassesOn) {
  bool called = false;
  auto next = later([]() -> int { throw std::out_of_range{"x"}; }).then([&](int n) {
    called = true;
    return n;
  });
  open.open();
  EXPECT_THROW(next.get(), std::out_of_range);
  EXPECT_FALSE(called);
}

TEST_F(Then, PassesAStopOnAsAStop) {
  std::stop_source stop;
  stop.request_stop();
  auto next =
      pool.submit({.stop_token = stop.get_token()}, [] { return 1; }).then([](int n) { return n; });
  EXPECT_EQ(next.take().state(), task_state::cancelled);
}

TEST_F(Then, KeepsWhatTheNextStepThrows) {
  auto next = now([] { return 1; }).then([](int) -> int { throw std::runtime_error{"later"}; });
  EXPECT_THROW(next.get(), std::runtime_error);
}

TEST_F(Then, IsGivenTheReadyFutureIfItAsksForOneHoweverTheTaskEnded) {
  auto next = now([]() -> int { throw std::out_of_range{"x"}; }).then([](future<int> ended) {
    return ended.is_ready() && ended.take().state() == task_state::failed;
  });
  EXPECT_TRUE(next.get());
}

TEST_F(Then, P2_DestroysItsCallableBeforeItsResultIsSeen) {
  auto next = later([] { return 1; }).then([one = test::counted{people, 1}](int n) {
    return n + one.number();
  });
  open.open();
  EXPECT_EQ(next.get(), 2);
  EXPECT_EQ(people.alive(), 0);
}

TEST_F(Then, KeepsAMoveThatThrows) {
  auto first = now([&] { return test::counted{people, 1}; });
  people.moves_until_throw = 0;
  auto next = std::move(first).then([](const test::counted& one) { return one.number(); });
  EXPECT_THROW(next.get(), test::move_failed);
}

TEST_F(Then, RunsOfARefusedFutureOnlyWhatAsksForTheFuture) {
  EXPECT_THROW(future<int>::refused(submit_errc::full).then([](int n) { return n; }).get(),
               submit_error);
}

TEST_F(Then, Stress_RunsExactlyOnceInARaceWithTheTask) {
  std::atomic<int> runs{0};
  const int rounds = test::scaled(20'000);
  for (int i = 0; i < rounds; ++i) {
    auto next = pool.submit([i] { return i; }).then([&](int n) {
      ++runs;
      return n;
    });
    ASSERT_EQ(next.get(), i);
  }
  EXPECT_EQ(runs, rounds);
}

}  // namespace
}  // namespace millpool

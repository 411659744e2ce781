// Promise P4: after close() a submission is refused, and what was accepted runs. After the cancel
// step returns, no task starts.
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using P4_Closing = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P4_Closing);

TEST_P(P4_Closing, RefusesEveryKindOfSubmission) {
  worker_pool pool{options()};
  pool.close();
  pool.close();  // twice is once
  EXPECT_EQ(pool.post(test::nothing).error(), submit_errc::closed);
  EXPECT_EQ(pool.try_post(test::nothing).error(), submit_errc::closed);
  EXPECT_EQ(pool.try_submit(test::nothing).error(), submit_errc::closed);
  EXPECT_EQ(pool.submit_for(std::chrono::hours{1}, test::nothing).error(), submit_errc::closed);
  EXPECT_EQ(pool.submit_until(no_deadline, test::nothing).error(), submit_errc::closed);
  task_group group{pool};
  EXPECT_EQ(group.run(test::nothing).error(), submit_errc::closed);
  result_channel<void> results{1};
  EXPECT_EQ(results.submit(pool, test::nothing).error(), submit_errc::closed);
  std::vector<std::function<void()>> many(3, test::nothing);
  EXPECT_EQ(pool.post_bulk(many), 0U);
  many.assign(3, test::nothing);
  for (auto& each : pool.submit_bulk(many)) EXPECT_THROW(each.get(), submit_error);
  try {
    pool.submit(test::nothing).get();
    ADD_FAILURE() << "the future of a refused submission has no value";
  } catch (const submit_error& refused) {
    EXPECT_EQ(refused.code(), submit_errc::closed);
  }
  EXPECT_EQ(pool.shutdown().tasks.accepted, 0U);
}

TEST_P(P4_Closing, RefusesUnderEveryPolicy) {
  for (int policy = 0; policy <= static_cast<int>(full_policy::discard_lowest); ++policy) {
    pool_options chosen = options();
    chosen.when_full = static_cast<full_policy>(policy);
    worker_pool pool{chosen};
    test::occupation busy{pool, workers()};
    while (pool.try_post(test::nothing)) {
    }
    pool.close();
    EXPECT_EQ(pool.post(test::nothing).error(), submit_errc::closed) << to_string(chosen.when_full);
  }
}

TEST_P(P4_Closing, LetsRunWhatWasAccepted) {
  std::atomic<int> ran{0};
  worker_pool pool{options()};
  int accepted = 0;
  {
    test::occupation busy{pool, workers()};
    while (pool.try_post([&, cargo = new_payload()] { ++ran; })) ++accepted;
    pool.close();
    busy.let_go();
    EXPECT_TRUE(pool.drain());
  }
  EXPECT_EQ(accepted, capacity());
  EXPECT_EQ(ran, accepted);
}

TEST_P(P4_Closing, LetsRunWhatWasAcceptedByAPausedPool) {
  std::atomic<int> ran{0};
  worker_pool pool{options()};
  pool.pause();
  for (int i = 0; i < capacity(); ++i) ASSERT_TRUE(pool.try_post([&] { ++ran; }));
  pool.close();
  EXPECT_TRUE(pool.drain());
  EXPECT_EQ(ran, capacity());
}

TEST_P(P4_Closing, RefusesASubmitterThatWaits) {
  worker_pool pool{options()};
  test::occupation busy{pool, workers()};
  while (pool.try_post(test::nothing)) {
  }
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&] { EXPECT_EQ(pool.post(test::nothing).error(), submit_errc::closed); });
  }
  pool.close();  // before or after they wait, the outcome must be the same
}

TEST_P(P4_Closing, StartsNoTaskAfterTheCancelStepReturned) {
  for (const full_policy policy :
       {full_policy::block, full_policy::caller_runs, full_policy::discard_oldest}) {
    for (int round = 0; round < test::scaled(50); ++round) {
      std::atomic<bool> cancelled{false};
      std::atomic<int> late{0};
      pool_options chosen = options();
      chosen.when_full = policy;
      worker_pool pool{chosen};
      {
        std::vector<std::jthread> producers;
        for (int i = 0; i < 3; ++i) {
          producers.emplace_back([&] {
            const auto task = [&, cargo = new_payload()] { late += cancelled ? 1 : 0; };
            while (pool.post(task)) {
            }
          });
        }
        test::await([&] { return pool.stats().tasks.ended() > 20; });
        EXPECT_TRUE(pool.cancel());
        cancelled = true;
        EXPECT_EQ(pool.stats().tasks.inside(), 0U);
      }
      pool.shutdown();
      EXPECT_EQ(late, 0);
    }
  }
}

TEST_P(P4_Closing, CancelsWhatWaitsAndTellsWhatRunsToStop) {
  worker_pool pool{options()};
  std::atomic<int> running{0};
  std::vector<future<void>> told;
  for (int i = 0; i < workers(); ++i) {
    told.push_back(pool.submit([&](task_context& context) {
      ++running;
      while (!context.stop_requested()) std::this_thread::yield();
      throw task_stopped{};
    }));
  }
  test::await([&] { return running == workers(); });
  auto waiting = pool.submit([cargo = new_payload()] {});
  EXPECT_TRUE(pool.cancel());
  EXPECT_EQ(waiting.take().state(), task_state::cancelled);
  for (auto& each : told) EXPECT_EQ(each.take().state(), task_state::cancelled);
  EXPECT_EQ(pool.shutdown().tasks.cancelled, GetParam().workers + 1);
}

// A clock at which a worker can be stopped: it reads the time between taking a task and starting
// it.
class stopping_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    if (reader_is_worker && armed_) {
      at_the_clock_.open();
      go_on_.pass();
    }
    return steady().now();
  }
  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    return deadline;
  }
  void stop_workers() { armed_ = true; }
  void await_one() const { at_the_clock_.pass(); }
  void let_go() const { go_on_.open(); }

  static inline thread_local bool reader_is_worker = false;

 private:
  std::atomic<bool> armed_{false};
  mutable test::gate at_the_clock_;
  mutable test::gate go_on_;
};

TEST_P(P4_Closing, CancelStopsATaskThatAWorkerHasTakenAndNotStarted) {
  stopping_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  chosen.on_worker_start = [](const worker_info&) { stopping_clock::reader_is_worker = true; };
  worker_pool pool{chosen};
  pool.submit([] {}).get();
  time.stop_workers();
  std::atomic<bool> ran{false};
  auto taken = pool.submit([&] { ran = true; });
  time.await_one();
  EXPECT_FALSE(pool.cancel(duration::zero()));
  time.let_go();
  EXPECT_EQ(taken.take().state(), task_state::cancelled);
  EXPECT_FALSE(ran);
}

TEST_P(P4_Closing, CancelGivesUpWaitingAtItsLimit) {
  worker_pool pool{options()};
  test::occupation busy{pool, workers()};
  EXPECT_FALSE(pool.cancel(duration::zero()));
  busy.let_go();
  EXPECT_TRUE(pool.cancel());
}

}  // namespace
}  // namespace millpool

// What one submission may wish for: when to expire, when to stop, and what its task can ask.
#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/virtual_timeline.hpp"

#include <chrono>
#include <optional>
#include <stop_token>

namespace millpool {
namespace {

using namespace std::chrono_literals;

class TaskOptions : public test::ShapedPoolTest {
 protected:
  pool_options in_virtual_time() {
    pool_options chosen = options();
    chosen.time = &time;
    return chosen;
  }
  // Submits with `wish` at once; lets the task start `late` after that. \return how it ended.
  task_state state_after(const task_options& wish, duration late) {
    worker_pool pool{in_virtual_time()};
    test::virtual_timeline play{time, pool};
    std::optional<future<void>> task;
    pool.pause();
    task = pool.submit(wish, [cargo = new_payload()] {});
    time.advance(late);
    pool.resume();
    return task->take().state();
  }

  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(TaskOptions);

TEST_P(TaskOptions, StartByExpiresATaskThatStartsTooLate) {
  EXPECT_EQ(state_after({.start_by = 10s}, 9s), task_state::succeeded);
  EXPECT_EQ(state_after({.start_by = 10s}, 10s), task_state::expired);
  EXPECT_EQ(state_after({.start_by = 10s}, 1h), task_state::expired);
}

TEST_P(TaskOptions, DeadlineExpiresATaskThatStartsTooLate) {
  EXPECT_EQ(state_after({.deadline = time.now() + 10s}, 9s), task_state::succeeded);
  EXPECT_EQ(state_after({.deadline = time.now() + 10s}, 10s), task_state::expired);
}

TEST_P(TaskOptions, TheEarlierOfStartByAndDeadlineCounts) {
  EXPECT_EQ(state_after({.start_by = 5s, .deadline = time.now() + 10s}, 7s), task_state::expired);
  EXPECT_EQ(state_after({.start_by = 10s, .deadline = time.now() + 5s}, 7s), task_state::expired);
}

TEST_P(TaskOptions, TimeoutCountsFromTheStartAndExpiresNothing) {
  EXPECT_EQ(state_after({.timeout = 1s}, 1h), task_state::succeeded);
}

TEST_P(TaskOptions, TimeoutTellsTheTaskToStop) {
  worker_pool pool{in_virtual_time()};
  auto told = pool.submit({.timeout = 10s}, [this](task_context& context) {
    EXPECT_EQ(context.remaining(), 10s);
    EXPECT_EQ(context.deadline(), time.now() + 10s);
    time.advance(4s);
    EXPECT_EQ(context.remaining(), 6s);
    EXPECT_FALSE(context.stop_requested());
    time.advance(6s);
    EXPECT_EQ(context.remaining(), 0s);
    EXPECT_TRUE(context.stop_requested());
    time.advance(1s);
    EXPECT_EQ(context.remaining(), 0s);
  });
  told.get();
}

TEST_P(TaskOptions, TheEarlierOfTimeoutAndDeadlineWins) {
  worker_pool pool{in_virtual_time()};
  const auto remaining = [](task_context& context) { return context.remaining(); };
  EXPECT_EQ(pool.submit({.timeout = 3s, .deadline = time.now() + 8s}, remaining).get(), 3s);
  EXPECT_EQ(pool.submit({.timeout = 9s, .deadline = time.now() + 8s}, remaining).get(), 8s);
  EXPECT_EQ(pool.submit({.deadline = time.now() + 8s}, remaining).get(), 8s);
  EXPECT_EQ(pool.submit(remaining).get(), duration::max());
  EXPECT_EQ(pool.submit({.timeout = duration::max()}, remaining).get(), duration::max());
}

TEST_P(TaskOptions, StopTokenCancelsATaskThatHasNotStarted) {
  worker_pool pool{in_virtual_time()};
  std::stop_source stop;
  pool.pause();
  auto cancelled = pool.submit({.stop_token = stop.get_token()}, [] {});
  stop.request_stop();
  pool.resume();
  EXPECT_EQ(cancelled.take().state(), task_state::cancelled);
}

TEST_P(TaskOptions, StopTokenTellsARunningTask) {
  worker_pool pool{in_virtual_time()};
  std::stop_source stop;
  pool.submit({.stop_token = stop.get_token()},
              [&](task_context& context) {
                EXPECT_FALSE(context.stop_requested());
                EXPECT_EQ(context.stop_token(), stop.get_token());
                stop.request_stop();
                EXPECT_TRUE(context.stop_requested());
              })
      .get();
}

TEST_P(TaskOptions, AttemptIsHandedOn) {
  worker_pool pool{in_virtual_time()};
  const auto attempt = [](task_context& context) { return context.attempt(); };
  EXPECT_EQ(pool.submit(attempt).get(), 1U);
  EXPECT_EQ(pool.submit({.attempt = 3}, attempt).get(), 3U);
}

TEST_P(TaskOptions, HoldForATaskThatItsSubmitterRuns) {
  pool_options chosen = in_virtual_time();
  chosen.when_full = full_policy::caller_runs;
  worker_pool pool{chosen};
  const test::occupation busy{pool, workers()};
  while (pool.try_post([] {})) {
  }
  const auto remaining = [](task_context& context) { return context.remaining(); };
  EXPECT_EQ(pool.submit({.timeout = 3s}, remaining).get(), 3s);
  EXPECT_EQ(pool.submit({.start_by = 0s}, remaining).take().state(), task_state::expired);
}

TEST_P(TaskOptions, AVirtualTimelineGivesTheSameEndsEveryTime) {
  worker_pool pool{in_virtual_time()};
  test::virtual_timeline play{time, pool};
  std::vector<future<void>> tasks;
  play.at(0s, [&] {
    pool.pause();
    tasks.push_back(pool.submit({.start_by = 2s}, [] {}));
    pool.resume();
  });
  play.at(1s, [&] { tasks.push_back(pool.submit({.deadline = time.now()}, [] {})); });
  play.at(2s, [&] { tasks.push_back(pool.submit({.start_by = 1s}, [] {})); });
  play.run();
  EXPECT_EQ(tasks.at(0).take().state(), task_state::succeeded);
  EXPECT_EQ(tasks.at(1).take().state(), task_state::expired);
  EXPECT_EQ(tasks.at(2).take().state(), task_state::succeeded);
}

}  // namespace
}  // namespace millpool

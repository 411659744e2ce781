// The four steps of a shutdown, their limits in virtual time, and the report.
#include "millpool/base/manual_clock.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

class Shutdown : public test::ShapedPoolTest {
 protected:
  pool_options in_virtual_time() {
    pool_options chosen = options();
    chosen.time = &time;
    return chosen;
  }
  // Runs `steps` while virtual time goes by. \return what it returned.
  template <class Steps>
  auto as_time_goes_by(Steps steps) {
    std::atomic<bool> over{false};
    std::jthread hands{[&] {
      while (!over) {
        time.advance(1s);
        std::this_thread::yield();
      }
    }};
    auto result = steps();
    over = true;
    return result;
  }

  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(Shutdown);

TEST_P(Shutdown, DrainsIfItMay) {
  worker_pool pool{in_virtual_time()};
  for (int i = 0; i < 10; ++i) pool.post([] {});
  const auto report = pool.shutdown({.drain = 1min, .cancel = 0s});
  EXPECT_TRUE(report.drained);
  EXPECT_FALSE(report.cancelled);
  EXPECT_EQ(report.tasks.succeeded, 10U);
  EXPECT_TRUE(report.left_behind.empty());
}

TEST_P(Shutdown, CancelsWhatTheDrainStepLeftOver) {
  worker_pool pool{in_virtual_time()};
  std::atomic<int> running{0};
  for (int i = 0; i < workers(); ++i) {
    pool.post([&](task_context& context) {
      ++running;
      while (!context.stop_requested()) std::this_thread::yield();
    });
    test::await([&] { return running > i; });
  }
  auto waiting = pool.submit([] {});
  const auto report = as_time_goes_by([&] { return pool.shutdown({.drain = 1min}); });
  EXPECT_FALSE(report.drained);
  EXPECT_TRUE(report.cancelled);
  EXPECT_GE(report.drain_took, 1min);
  EXPECT_EQ(report.tasks.cancelled, 1U);
  EXPECT_EQ(report.tasks.succeeded, GetParam().workers) << "they returned when told to";
  EXPECT_EQ(report.tasks.inside(), 0U);
  EXPECT_EQ(waiting.take().state(), task_state::cancelled);
}

// A pool in which every worker is held by a task that hears nothing.
struct held_pool {
  std::shared_ptr<test::gate> door = std::make_shared<test::gate>();
  std::shared_ptr<std::atomic<int>> inside = std::make_shared<std::atomic<int>>(0);
  std::vector<future<int>> futures;

  void hold(worker_pool& pool, int workers, std::atomic<int>& payloads) {
    for (int i = 0; i < workers; ++i) {
      futures.push_back(
          pool.submit([door = door, inside = inside, cargo = test::payload{payloads}] {
            ++*inside;
            door->pass();
            --*inside;
            return 42;
          }));
      test::await([&] { return *inside > i; });
    }
  }
};

TEST_P(Shutdown, AbandonsWhatHearsNothingAndSaysWho) {
  held_pool held;
  {
    worker_pool pool{in_virtual_time()};
    held.hold(pool, workers(), payloads_alive);
    const auto report =
        as_time_goes_by([&] { return pool.shutdown({.drain = 1min, .cancel = 1min}); });
    EXPECT_EQ(report.tasks.abandoned, GetParam().workers);
    EXPECT_EQ(report.tasks.inside(), 0U);
    EXPECT_GE(report.cancel_took, 1min);
    EXPECT_EQ(report.left_behind.size(), GetParam().workers);
    EXPECT_EQ(report.left_behind.at(0), "test/0");
    for (auto& each : held.futures) {
      ASSERT_TRUE(each.is_ready());
      EXPECT_EQ(each.take().state(), task_state::abandoned);
    }
    std::ostringstream text;
    text << report;
    EXPECT_NE(text.str().find("left behind: test/0"), std::string::npos) << text.str();
  }
  held.door->open();  // the late finishers come to their end after the pool
  test::await([&] { return test::threads_named("test/").empty(); });
}

TEST_P(Shutdown, ALateFinisherCallsNoHookOfAPoolThatIsGone) {
  held_pool held;
  auto stops = std::make_shared<std::atomic<int>>(0);
  {
    pool_options chosen = in_virtual_time();
    chosen.on_worker_stop = [stops](const worker_info&) { ++*stops; };
    chosen.at_destruction = {.drain = 0s, .cancel = 0s};
    worker_pool pool{chosen};
    held.hold(pool, workers(), payloads_alive);
  }
  held.door->open();
  test::await([&] { return test::threads_named("test/").empty(); });
  EXPECT_EQ(*stops, 0);
}

TEST_P(Shutdown, AbandonedTasksOfGroupsAndChannelsAreTold) {
  test::gate door;
  std::atomic<int> inside{0};
  const auto hold = [&] {
    ++inside;
    door.pass();
    --inside;
  };
  worker_pool pool{in_virtual_time()};
  pool.resize(2, 2);
  task_group group{pool};
  result_channel<void> results{1};
  (void)group.run(hold);
  (void)results.submit(pool, hold);
  test::await([&] { return inside == 2; });
  EXPECT_EQ(pool.abandon(), 2U);
  group.wait();
  EXPECT_EQ(results.pop()->state(), task_state::abandoned);
  door.open();
  test::await([&] { return inside == 0; });
}

TEST_P(Shutdown, MayBeToldStepByStep) {
  worker_pool pool{in_virtual_time()};
  held_pool held;
  held.hold(pool, workers(), payloads_alive);
  auto waiting = pool.submit([] {});
  pool.close();
  EXPECT_FALSE(pool.drain(0s));
  EXPECT_FALSE(waiting.is_ready());
  EXPECT_FALSE(pool.cancel(0s));
  EXPECT_EQ(waiting.take().state(), task_state::cancelled);
  EXPECT_EQ(pool.abandon(), GetParam().workers);
  EXPECT_EQ(pool.abandon(), 0U);
  EXPECT_EQ(pool.shutdown().tasks.abandoned, GetParam().workers);
  held.door->open();
  test::await([&] { return test::threads_named("test/").empty(); });
}

TEST_P(Shutdown, CalledAgainGivesTheFirstReport) {
  worker_pool pool{in_virtual_time()};
  pool.post([] {});
  const auto first = pool.shutdown();
  const auto second = pool.shutdown({.drain = 0s, .cancel = 0s});
  EXPECT_EQ(first.tasks, second.tasks);
  EXPECT_EQ(first.drained, second.drained);
  EXPECT_EQ(pool.stats().workers.total, 0U);
}

TEST_P(Shutdown, ByManyAtOnceIsDoneOnce) {
  for (int i = 0; i < test::scaled(50); ++i) {
    worker_pool pool{in_virtual_time()};
    for (int j = 0; j < 20; ++j) pool.post([cargo = new_payload()] {});
    test::run_together(4, [&](int who) {
      if (who == 0) (void)pool.cancel();
      const auto report = pool.shutdown();
      EXPECT_EQ(report.tasks.accepted, 20U);
      EXPECT_EQ(report.tasks.ended(), 20U);
    });
  }
}

TEST_P(Shutdown, FromATaskLeavesThatTaskAlone) {
  worker_pool pool{in_virtual_time()};
  auto report = pool.submit([&] { return pool.shutdown(); }).get();
  EXPECT_EQ(report.tasks.running, 1U) << "the one that asked";
  EXPECT_TRUE(report.tasks.balanced());
}

TEST_P(Shutdown, WithCallersThatRunTasksThemselvesEndsTheirsToo) {
  for (int i = 0; i < test::scaled(100); ++i) {
    pool_options chosen = in_virtual_time();
    chosen.when_full = full_policy::caller_runs;
    worker_pool pool{chosen};
    std::vector<std::jthread> producers;
    for (int j = 0; j < 2; ++j) {
      producers.emplace_back([&] {
        while (pool.post([cargo = new_payload()] {})) {
        }
      });
    }
    test::await([&] { return pool.stats().tasks.ended() > 5; });
    const auto report = pool.shutdown({.drain = 0s, .cancel = 0s});
    EXPECT_EQ(report.tasks.inside(), 0U);
    EXPECT_TRUE(report.tasks.balanced());
  }
}

}  // namespace
}  // namespace millpool

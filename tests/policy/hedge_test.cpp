#include "millpool/policy/hedge.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <atomic>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace millpool {
namespace {

using std::chrono::seconds;

class Hedge : public test::PoolTest {
 protected:
  [[nodiscard]] pool_options options() const {
    pool_options chosen = test::sized(4);
    chosen.time = &time;
    return chosen;
  }
  manual_clock time;
  std::atomic<int> calls{0};
};

TEST_F(Hedge, IsNotMadeOfWhatEndsInTime) {
  worker_pool pool{options()};
  auto got = submit_hedged(pool, {.after = seconds{1}}, [&, p = new_payload()] { return ++calls; });
  EXPECT_EQ(got.get(), 1);
  time.advance(seconds{1});
  pool.wait_idle();
  test::await([&] { return pool.stats().delayed == 0; });
  pool.wait_idle();
  EXPECT_EQ(calls, 1);
}

TEST_F(Hedge, GivesWhatIsThereFirstAndStopsTheOther) {
  worker_pool pool{options()};
  std::atomic<bool> stopped{false};
  auto got = submit_hedged(pool, {.after = seconds{1}}, [&](task_context& task) {
    const int call = ++calls;
    if (call == 1) {
      while (!task.stop_requested()) std::this_thread::yield();
      stopped = true;
    }
    return call;
  });
  test::await([&] { return calls == 1; });
  time.advance(seconds{1});
  EXPECT_EQ(got.get(), 2);
  pool.wait_idle();
  EXPECT_TRUE(stopped);
}

TEST_F(Hedge, MakesNoMoreThanItsPolicyAndItsBudgetAllow) {
  worker_pool pool{options()};
  for (const bool has_budget : {false, true}) {
    retry_budget budget{1.0};
    test::gate door;
    calls = 0;
    auto got = submit_hedged(
        pool, {.after = seconds{1}, .max_hedges = 2},
        [&] {
          ++calls;
          door.pass();
        },
        {}, has_budget ? &budget : nullptr);
    test::await([&] { return calls == 1; });
    test::await([&] {
      time.advance(seconds{1});
      return calls == (has_budget ? 2 : 3) && pool.stats().delayed == 0;
    });
    door.open();
    got.get();
    pool.wait_idle();
    EXPECT_EQ(calls, has_budget ? 2 : 3);
  }
}

TEST_F(Hedge, GivesTheLastErrorWhereAllHaveFailed) {
  worker_pool pool{options()};
  test::gate door;
  auto got = submit_hedged(pool, {.after = seconds{1}}, [&]() -> int {
    const int call = ++calls;
    if (call == 1) door.pass();
    throw std::runtime_error{"error " + std::to_string(call)};
  });
  test::await([&] { return calls == 1; });
  time.advance(seconds{1});
  test::await([&] { return calls == 2; });
  EXPECT_FALSE(got.is_ready());
  door.open();
  try {
    got.get();
    FAIL() << "it succeeded";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string{error.what()}.substr(0, 6), "error ");
  }
}

TEST_F(Hedge, IsStoppedByWhoSubmittedIt) {
  worker_pool pool{options()};
  std::stop_source stop;
  auto got = submit_hedged(pool, {.after = seconds{1}},
                           [&](task_context& task) -> int {
                             ++calls;
                             while (!task.stop_requested()) std::this_thread::yield();
                             throw task_stopped{};
                           },
                           {.stop_token = stop.get_token()});
  test::await([&] { return calls == 1; });
  stop.request_stop();
  EXPECT_THROW(got.get(), task_stopped);
}

TEST_F(Hedge, IsRefusedWithItsSubmission) {
  worker_pool pool{options()};
  pool.close();
  auto got = submit_hedged(pool, {.after = seconds{1}}, [p = new_payload()] {});
  EXPECT_THROW(got.get(), submit_error);
  EXPECT_THROW((void)submit_hedged(pool, {.after = duration::zero()}, [] {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace millpool

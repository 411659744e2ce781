// co_await on a future: the coroutine goes on once, with the result or the exception.
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/future.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <latch>
#include <memory>
#include <stdexcept>

namespace millpool {
namespace {

/// A coroutine that begins at once, and destroys itself at its end.
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Coroutines are free functions: what they use is in their parameters, not in a lambda's captures.
detached store(future<int> from, int& to, std::latch& done) {
  to = co_await std::move(from);
  done.count_down();
}

detached store_pointer(future<std::unique_ptr<int>> from, int& to, std::latch& done) {
  const std::unique_ptr<int> value = co_await std::move(from);
  to = *value;
  done.count_down();
}

detached catch_error(future<int> from, std::string& to, std::latch& done) {
  try {
    (void)co_await std::move(from);
    to = "a value";
  } catch (const std::exception& error) {
    to = error.what();
  }
  done.count_down();
}

detached two_steps(worker_pool& pool, int& to, std::latch& done) {
  const int first = co_await pool.submit([] { return 20; });
  const int second = co_await pool.submit([first] { return first + 1; });
  co_await pool.submit([] {});
  to = 2 * second;
  done.count_down();
}

detached count(future<int> from, std::atomic<int>& sum, std::latch& done, test::counted) {
  sum += co_await std::move(from);
  done.count_down();
}

struct Coroutine : testing::Test {
  worker_pool pool{{.min_workers = 2, .max_workers = 2}};
  std::latch done{1};
};

TEST_F(Coroutine, GoesOnWithTheResultWhenItComes) {
  test::gate open;
  int seen = 0;
  store(pool.submit([&] {
    open.pass();
    return 42;
  }),
        seen, done);
  EXPECT_EQ(seen, 0);
  open.open();
  done.wait();
  EXPECT_EQ(seen, 42);
}

TEST_F(Coroutine, DoesNotSuspendForAResultThatIsThere) {
  auto ready = pool.submit([] { return 7; });
  ready.wait();
  int seen = 0;
  store(std::move(ready), seen, done);
  EXPECT_EQ(seen, 7);
}

TEST_F(Coroutine, TakesAMoveOnlyResult) {
  int seen = 0;
  store_pointer(pool.submit([] { return std::make_unique<int>(3); }), seen, done);
  done.wait();
  EXPECT_EQ(seen, 3);
}

TEST_F(Coroutine, IsThrownWhatTheTaskThrew) {
  std::string seen;
  catch_error(pool.submit([]() -> int { throw std::runtime_error{"from the task"}; }), seen, done);
  done.wait();
  EXPECT_EQ(seen, "from the task");
}

TEST_F(Coroutine, IsThrownARefusal) {
  std::string seen;
  catch_error(future<int>::refused(submit_errc::closed), seen, done);
  EXPECT_EQ(seen, "millpool: the submission was refused: closed");
}

TEST_F(Coroutine, AwaitsOneTaskAfterTheOther) {
  int seen = 0;
  two_steps(pool, seen, done);
  done.wait();
  EXPECT_EQ(seen, 42);
}

TEST_F(Coroutine, Stress_GoesOnExactlyOnceInARaceWithTheTask) {
  const int rounds = test::scaled(10'000);
  std::atomic<int> sum{0};
  std::latch all{rounds};
  test::census people;
  for (int i = 0; i < rounds; ++i) {
    count(pool.submit([] { return 1; }), sum, all, test::counted{people, i});
  }
  all.wait();
  pool.wait_idle();
  EXPECT_EQ(sum, rounds);
  EXPECT_EQ(people.alive(), 0);
}

}  // namespace
}  // namespace millpool

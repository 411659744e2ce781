// The policies together, by the real clock, in front of something that is down for a while.
#include "millpool/policy/pool_breaker.hpp"
#include "millpool/policy/rate_limiter.hpp"
#include "millpool/policy/retry.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

/// Fails until it has been up for good, and counts its calls.
class server {
 public:
  int call() {
    ++calls_;
    if (!is_up_) {
      ++in_vain_;
      throw std::runtime_error{"down"};
    }
    return 42;
  }
  void start() { is_up_ = true; }
  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] int in_vain() const { return in_vain_; }

 private:
  std::atomic<bool> is_up_{false};
  std::atomic<int> calls_{0};
  std::atomic<int> in_vain_{0};
};

class PoliciesInRealTime : public test::PoolTest {
 protected:
  server backend;
};

TEST_F(PoliciesInRealTime, ABreakerHoldsTheQueueUntilTheServerIsBack) {
  const auto judged = break_by({.name = "backend",
                                .minimum_calls = 10,
                                .sliding_window = sliding_window::count(10),
                                .wait_in_open = 20ms,
                                .permitted_calls_in_half_open = 2});
  pool_options options = test::sized(4);
  options.breaker = judged;
  worker_pool pool{options};
  std::vector<future<int>> all;
  for (int i = 0; i < 500; ++i) all.push_back(pool.submit([this] { return backend.call(); }));
  test::await([&] { return judged->breaker().state() != breaker_state::closed; });
  // It has tried again, in vain.
  test::await(
      [&] { return judged->breaker().stats().not_permitted > 0 && backend.in_vain() > 20; });
  EXPECT_LT(backend.in_vain(), 400) << "most of what waits is spared";
  backend.start();
  int served = 0;
  for (auto& each : all) {
    if (each.take().state() == task_state::succeeded) ++served;
  }
  EXPECT_EQ(served + backend.in_vain(), 500);
  EXPECT_EQ(backend.calls(), 500);
  EXPECT_EQ(judged->breaker().state(), breaker_state::closed);
}

TEST_F(PoliciesInRealTime, RetriesWaitInATimerAndThenSucceed) {
  worker_pool pool{test::sized(1)};
  const auto begun = clock_type::now();
  auto answer = submit_with_retry(
      pool, {.max_attempts = 3, .backoff = 20ms, .jitter = retry_policy::randomness::none},
      [this](const task_context& context) {
        if (context.attempt() == 3) backend.start();
        return backend.call();
      });
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1) << "the only worker is free meanwhile";
  EXPECT_EQ(answer.get(), 42);
  EXPECT_GE(clock_type::now() - begun, 60ms) << "20 and 40 ms between attempts";
  EXPECT_EQ(backend.calls(), 3);
}

TEST_F(PoliciesInRealTime, RetriesAddNoMoreThanATenthOfTheLoad) {
  worker_pool pool{test::sized(2)};
  retry_budget budget{0.1};
  std::vector<future<int>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(submit_with_retry(
        pool, {.max_attempts = 5, .backoff = 1ms}, [this] { return backend.call(); }, {}, &budget));
  }
  for (auto& each : all) EXPECT_THROW(each.get(), std::runtime_error);
  EXPECT_LE(backend.calls(), 220);
  EXPECT_GT(backend.calls(), 200);
}

TEST_F(PoliciesInRealTime, ARateIsKeptAtThePoolsDoor) {
  rate_limiter limit{{.permits = 100, .per = 100ms, .burst = 10}};
  pool_options options = test::sized(2);
  options.admit = [&](const submission_info&) -> std::optional<submit_errc> {
    if (limit.try_acquire()) return std::nullopt;
    return submit_errc::rate_limited;
  };
  worker_pool pool{options};
  const auto begun = clock_type::now();
  for (int accepted = 0; accepted < 100;) {
    if (pool.post([] {})) ++accepted;
  }
  EXPECT_GE(clock_type::now() - begun, 90ms) << "a thousand a second, but for the first ten";
}

}  // namespace
}  // namespace millpool

#include "millpool/policy/retry.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/telemetry/trace_context.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using randomness = retry_policy::randomness;

constexpr auto most_random = std::numeric_limits<std::uint64_t>::max();

TEST(RetryPolicy, WaitsLongerEachTimeUpToItsLimit) {
  const retry_policy policy{
      .backoff = seconds{1}, .multiplier = 3, .max_delay = seconds{10}, .jitter = randomness::none};
  EXPECT_EQ(policy.delay_after(1, 0), seconds{1});
  EXPECT_EQ(policy.delay_after(2, 0), seconds{3});
  EXPECT_EQ(policy.delay_after(3, 0), seconds{9});
  EXPECT_EQ(policy.delay_after(4, 0), seconds{10});
  EXPECT_EQ(policy.delay_after(4'000'000'000U, 0), seconds{10});
  const retry_policy at_once{.backoff = duration::zero(), .jitter = randomness::none};
  EXPECT_EQ(at_once.delay_after(4'000'000'000U, 0), duration::zero());
}

TEST(RetryPolicy, SpreadsWhatFailedAtOnce) {
  retry_policy policy{.backoff = seconds{1}, .multiplier = 1, .jitter = randomness::full};
  EXPECT_EQ(policy.delay_after(1, 0), duration::zero());
  EXPECT_LE(policy.delay_after(1, most_random), seconds{1});
  EXPECT_GT(policy.delay_after(1, most_random), milliseconds{999});
  policy.jitter = randomness::equal;
  EXPECT_EQ(policy.delay_after(1, 0), milliseconds{500});
  EXPECT_LE(policy.delay_after(1, most_random), seconds{1});
}

TEST(RetryPolicy, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW((retry_policy{.max_attempts = 0}.check()), std::invalid_argument);
  EXPECT_THROW((retry_policy{.backoff = -seconds{1}}.check()), std::invalid_argument);
  EXPECT_THROW((retry_policy{.multiplier = 0.5}.check()), std::invalid_argument);
  EXPECT_THROW((retry_policy{.multiplier = std::nan("")}.check()), std::invalid_argument);
  EXPECT_THROW((retry_policy{.backoff = seconds{2}, .max_delay = seconds{1}}.check()),
               std::invalid_argument);
  EXPECT_THROW(retry_budget{-0.1}, std::invalid_argument);
  EXPECT_THROW(retry_budget{std::nan("")}, std::invalid_argument);
}

// P7: at most a tenth of what was offered.
TEST(P7_RetryBudget, Stress_RetriesNeverExceedTheirPartOfTheLoad) {
  retry_budget budget{0.1, 1'000'000};
  std::atomic<int> spent{0};
  const int each = test::scaled(20'000);
  test::run_together(4, [&](int) {
    for (int i = 0; i < each; ++i) {
      budget.earn();
      spent += budget.try_spend();
      spent += budget.try_spend();
    }
  });
  EXPECT_EQ(spent.load(), 4 * each / 10);
}

TEST(RetryBudget, KeepsNoMoreThanItsMost) {
  retry_budget budget{0.5, 3};
  EXPECT_FALSE(budget.try_spend());
  for (int i = 0; i < 100; ++i) budget.earn();
  EXPECT_EQ(budget.available(), 3U);
}

class Retry : public test::ShapedPoolTest {
 protected:
  [[nodiscard]] pool_options options() {
    pool_options chosen = test::ShapedPoolTest::options();
    chosen.time = &time;
    return chosen;
  }
  [[nodiscard]] retry_policy after_a_second(unsigned attempts = 3) {
    return {.max_attempts = attempts,
            .backoff = seconds{1},
            .multiplier = 1,
            .jitter = randomness::none};
  }
  // The attempt is over, and the next one waits for its time.
  static void await_delayed(worker_pool& pool) {
    test::await([&] { return pool.stats().delayed == 1; });
  }
  manual_clock time;
};
MILLPOOL_IN_ALL_SHAPES(Retry);

TEST_P(Retry, GivesWhatTheFirstSuccessReturns) {
  worker_pool pool{options()};
  std::atomic<unsigned> calls{0};
  auto got = submit_with_retry(pool, after_a_second(), [&, p = new_payload()](task_context& task) {
    EXPECT_EQ(task.attempt(), ++calls);
    if (calls < 3) throw std::runtime_error{"not yet"};
    return 42;
  });
  for (unsigned failed = 1; failed < 3; ++failed) {
    test::await([&] { return calls == failed && pool.stats().delayed == 1; });
    pool.wait_idle();
    EXPECT_EQ(pool.stats().tasks.inside(), 0U);  // no worker waits meanwhile
    EXPECT_FALSE(got.is_ready());
    time.advance(seconds{1});
  }
  EXPECT_EQ(got.get(), 42);
  EXPECT_EQ(calls, 3U);
}

TEST_P(Retry, GivesTheLastErrorInTheEnd) {
  worker_pool pool{options()};
  std::atomic<int> calls{0};
  auto got = submit_with_retry(pool, after_a_second(2), [&]() -> int {
    throw std::runtime_error{"error " + std::to_string(++calls)};
  });
  await_delayed(pool);
  time.advance(seconds{1});
  try {
    got.get();
    FAIL() << "it succeeded";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "error 2");
  }
  EXPECT_EQ(calls, 2);
}

TEST_P(Retry, TriesAgainOnlyWhatIsWorthIt) {
  worker_pool pool{options()};
  auto policy = after_a_second();
  policy.retry_if = [](const std::exception_ptr&) { return false; };
  std::atomic<int> calls{0};
  auto got = submit_with_retry(pool, policy, [&] {
    ++calls;
    throw std::runtime_error{"x"};
  });
  EXPECT_THROW(got.get(), std::runtime_error);
  EXPECT_EQ(calls, 1);
}

TEST_P(Retry, DoesNotTryAgainWhatWasStoppedOrIsTooLate) {
  worker_pool pool{options()};
  std::stop_source stop;
  auto stopped = submit_with_retry(pool, after_a_second(),
                                   [&] {
                                     stop.request_stop();
                                     throw std::runtime_error{"x"};
                                   },
                                   {.stop_token = stop.get_token()});
  EXPECT_THROW(stopped.get(), std::runtime_error);
  auto late = submit_with_retry(pool, after_a_second(), [] { throw std::runtime_error{"x"}; },
                                {.deadline = time.now() + seconds{1}});
  EXPECT_THROW(late.get(), std::runtime_error);
  auto cancelled = submit_with_retry(pool, after_a_second(), [] { throw task_stopped{}; });
  EXPECT_THROW(cancelled.get(), task_stopped);
  EXPECT_EQ(pool.stats().delayed, 0U);
}

TEST_P(Retry, EndsWithItsPool) {
  std::optional<worker_pool> pool{std::in_place, options()};
  auto got = submit_with_retry(*pool, after_a_second(),
                               [p = new_payload()] { throw std::runtime_error{"the task's"}; });
  await_delayed(*pool);
  pool.reset();
  EXPECT_THROW(got.get(), std::runtime_error);
}

TEST_P(Retry, ARefusedSubmissionIsNoAttempt) {
  worker_pool pool{options()};
  pool.close();
  auto got = submit_with_retry(pool, after_a_second(), [p = new_payload()] {});
  EXPECT_THROW(got.get(), submit_error);
}

TEST_P(Retry, SpendsFromItsBudget) {
  worker_pool pool{options()};
  retry_budget budget{0.5};
  std::atomic<int> calls{0};
  const auto fails = [&] {
    ++calls;
    throw std::runtime_error{"x"};
  };
  auto first = submit_with_retry(pool, after_a_second(2), fails, {}, &budget);
  EXPECT_THROW(first.get(), std::runtime_error);  // half a retry is none
  auto second = submit_with_retry(pool, after_a_second(2), fails, {}, &budget);
  await_delayed(pool);
  time.advance(seconds{1});
  EXPECT_THROW(second.get(), std::runtime_error);
  EXPECT_EQ(calls, 3);
}

TEST_P(Retry, EachAttemptWorksForTheTraceOfWhoWantsIt) {
  worker_pool pool{options()};
  const trace_context trace = trace_context::start();
  std::atomic<int> right{0};
  const trace_scope here{&trace};
  auto ended = submit_with_retry(pool, {.max_attempts = 3, .backoff = duration::zero()}, [&] {
    const trace_context* const works_for = trace_context::current();
    if (works_for != nullptr && works_for->span_id == trace.span_id) ++right;
    throw std::runtime_error{"again"};
  });
  EXPECT_THROW(ended.get(), std::runtime_error);
  EXPECT_EQ(right, 3);
}

}  // namespace
}  // namespace millpool

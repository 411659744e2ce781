#include "millpool/policy/circuit_breaker.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct breaker_fixture {
  manual_clock time;
  std::vector<std::string> transitions{};

  breaker_options options() {
    return {.name = "b",
            .minimum_calls = 10,
            .sliding_window = sliding_window::count(20),
            .permitted_calls_in_half_open = 3,
            .on_transition =
                [this](const breaker_transition& each) {
                  transitions.push_back(std::string{to_string(each.from)} + " > " +
                                        std::string{to_string(each.to)});
                },
            .time = &time};
  }
};

void succeed(circuit_breaker& breaker, int times = 1) {
  for (int i = 0; i < times; ++i) breaker.try_acquire().value().succeed();
}
void fail(circuit_breaker& breaker, int times = 1) {
  for (int i = 0; i < times; ++i) breaker.try_acquire().value().fail();
}
void open(circuit_breaker& breaker) {
  while (breaker.state() == breaker_state::closed) fail(breaker);
}

TEST(CircuitBreaker, CountsInBulkAsOneByOne) {
  for (const bool in_bulk : {false, true}) {
    breaker_fixture f;
    circuit_breaker breaker{f.options()};
    const auto end = [&](int good, int bad) {
      if (in_bulk) {
        breaker.record(static_cast<std::uint64_t>(good), static_cast<std::uint64_t>(bad));
      } else {
        succeed(breaker, good);
        fail(breaker, bad);
      }
    };
    end(40, 1);  // 19 and 1 of them are in the window
    EXPECT_EQ(breaker.stats().calls, 20U);
    EXPECT_EQ(breaker.stats().failed, 1U);
    EXPECT_EQ(breaker.state(), breaker_state::closed);
    end(18, 1);
    EXPECT_EQ(breaker.state(), breaker_state::open) << "two of twenty";
    breaker.record(5, 5);
    EXPECT_EQ(breaker.stats().calls, 20U) << "what was not asked for counts where all pass";
  }
}

TEST(CircuitBreaker, CountsInBulkByTime) {
  breaker_fixture f;
  breaker_options by_time = f.options();
  by_time.sliding_window = sliding_window::time(seconds{10});
  by_time.failure_rate_threshold = 0.5;
  circuit_breaker breaker{by_time};
  breaker.record(1'000'000, 1);
  f.time.advance(seconds{5});
  breaker.record(3, 4);
  EXPECT_EQ(breaker.stats().calls, 1'000'008U);
  EXPECT_EQ(breaker.stats().failed, 5U);
  f.time.advance(seconds{6});
  breaker.record(0, 9);
  EXPECT_EQ(breaker.stats().calls, 16U);
  EXPECT_EQ(breaker.state(), breaker_state::open);
}

TEST(CircuitBreaker, OpensAboveFivePercentAndNotAtFive) {
  circuit_breaker breaker{{.minimum_calls = 100}};
  succeed(breaker, 95);
  fail(breaker, 5);
  EXPECT_EQ(breaker.state(), breaker_state::closed);
  fail(breaker);  // 6 of the last 100
  EXPECT_EQ(breaker.state(), breaker_state::open);
  EXPECT_EQ(breaker.try_acquire().error(), submit_errc::breaker_open);
}

TEST(CircuitBreaker, DecidesNothingBeforeItHasSeenTheMinimum) {
  breaker_fixture f;
  circuit_breaker breaker{f.options()};
  fail(breaker, 9);
  EXPECT_EQ(breaker.state(), breaker_state::closed);
  succeed(breaker);  // the tenth call, a success: nine of ten have failed
  EXPECT_EQ(breaker.state(), breaker_state::open);
}

TEST(CircuitBreaker, ForgetsWhatHasLeftTheWindowOfCalls) {
  breaker_fixture f;
  auto options = f.options();
  options.failure_rate_threshold = 0.5;
  circuit_breaker breaker{options};
  fail(breaker, 4);
  succeed(breaker, 6);
  succeed(breaker, 10);
  fail(breaker, 4);  // they push the first four out
  EXPECT_EQ(breaker.stats().failed, 4U);
  EXPECT_EQ(breaker.stats().calls, 20U);
}

TEST(CircuitBreaker, ForgetsWhatHasLeftTheWindowOfTime) {
  breaker_fixture f;
  auto options = f.options();
  options.sliding_window = sliding_window::time(seconds{10});
  circuit_breaker breaker{options};
  fail(breaker, 3);
  f.time.advance(seconds{9});
  fail(breaker, 3);
  EXPECT_EQ(breaker.stats().failed, 6U);
  f.time.advance(seconds{1});
  EXPECT_EQ(breaker.stats().failed, 3U);
  f.time.advance(seconds{9});
  EXPECT_EQ(breaker.stats().failed, 0U);
  fail(breaker, 9);
  f.time.advance(std::chrono::hours{24 * 365});  // far more seconds than the window has
  fail(breaker);
  EXPECT_EQ(breaker.stats().calls, 1U);
  EXPECT_EQ(breaker.state(), breaker_state::closed);
}

TEST(CircuitBreaker, OpensForSlowCalls) {
  breaker_fixture f;
  auto options = f.options();
  options.slow_call_rate_threshold = 0.3;
  options.slow_call_duration = milliseconds{100};
  circuit_breaker breaker{options};
  for (int i = 0; i < 10; ++i) {
    auto call = breaker.try_acquire();
    f.time.advance(milliseconds{i < 4 ? 101 : 100});
    call->succeed();
  }
  EXPECT_EQ(breaker.state(), breaker_state::open);
}

TEST(CircuitBreaker, AsksAgainAfterItsWaitAndClosesIfThatSucceeds) {
  breaker_fixture f;
  circuit_breaker breaker{f.options()};
  open(breaker);
  f.time.advance(seconds{60} - duration{1});
  EXPECT_FALSE(breaker.try_acquire());
  f.time.advance(duration{1});
  EXPECT_EQ(breaker.retry_at(), f.time.now());
  {
    std::vector<circuit_breaker::call> probes;
    for (int i = 0; i < 3; ++i) probes.push_back(breaker.try_acquire().value());
    EXPECT_FALSE(breaker.try_acquire());  // no more than are permitted
    for (auto& each : probes) each.succeed();
  }
  EXPECT_EQ(breaker.state(), breaker_state::closed);
  EXPECT_EQ(breaker.stats().calls, 0U);
  EXPECT_THAT(f.transitions,
              ElementsAre("closed > open", "open > half_open", "half_open > closed"));
}

TEST(CircuitBreaker, OpensAgainIfAProbeFailsAndWaitsLonger) {
  breaker_fixture f;
  auto options = f.options();
  options.backoff = 2.0;
  options.max_wait_in_open = minutes{3};
  circuit_breaker breaker{options};
  open(breaker);
  for (const auto wait : {minutes{1}, minutes{2}, minutes{3}, minutes{3}}) {
    EXPECT_EQ(breaker.retry_at() - f.time.now(), wait);
    f.time.advance(wait);
    succeed(breaker, 2);
    fail(breaker);
    EXPECT_EQ(breaker.state(), breaker_state::open);
  }
  f.time.advance(minutes{3});
  succeed(breaker, 3);
  open(breaker);
  EXPECT_EQ(breaker.retry_at() - f.time.now(), minutes{1});
}

TEST(CircuitBreaker, AProbeThatNeverEndsCountsAsFailedOnceItsLeaseIsOver) {
  breaker_fixture f;
  auto options = f.options();
  options.probe_lease = seconds{5};
  circuit_breaker breaker{options};
  open(breaker);
  f.time.advance(minutes{1});
  auto lost = breaker.try_acquire();
  succeed(breaker, 2);
  EXPECT_EQ(breaker.state(), breaker_state::half_open);
  f.time.advance(seconds{5});
  EXPECT_FALSE(breaker.try_acquire());
  EXPECT_EQ(breaker.state(), breaker_state::open);
  f.time.advance(minutes{1});
  auto probe = breaker.try_acquire();
  lost->succeed();  // of a half_open that is over
  succeed(breaker, 2);
  EXPECT_EQ(breaker.state(), breaker_state::half_open);
  probe->succeed();
  EXPECT_EQ(breaker.state(), breaker_state::closed);
}

TEST(CircuitBreaker, ADroppedProbeMakesRoomForAnother) {
  breaker_fixture f;
  circuit_breaker breaker{f.options()};
  open(breaker);
  f.time.advance(minutes{1});
  for (int i = 0; i < 10; ++i) breaker.try_acquire().value().drop();
  { const auto untold = breaker.try_acquire(); }
  EXPECT_EQ(breaker.state(), breaker_state::half_open);
  succeed(breaker, 3);
  EXPECT_EQ(breaker.state(), breaker_state::closed);
}

TEST(CircuitBreaker, WhatWasBegunBeforeItOpenedTellsNothingOfARecovery) {
  breaker_fixture f;
  circuit_breaker breaker{f.options()};
  std::vector<circuit_breaker::call> stale;
  for (int i = 0; i < 10; ++i) stale.push_back(breaker.try_acquire().value());
  open(breaker);
  f.time.advance(minutes{1});
  auto probe = breaker.try_acquire();
  for (auto& each : stale) each.succeed();
  EXPECT_EQ(breaker.state(), breaker_state::half_open);
  EXPECT_EQ(breaker.stats().calls, 0U);
  probe->succeed();
  EXPECT_EQ(breaker.stats().calls, 1U);
}

TEST(CircuitBreaker, AWindowOfTimeDoesNotForgetProbes) {
  breaker_fixture f;
  auto options = f.options();
  options.sliding_window = sliding_window::time(seconds{1});
  circuit_breaker breaker{options};
  open(breaker);
  f.time.advance(minutes{1});
  fail(breaker);
  f.time.advance(seconds{30});
  succeed(breaker, 2);
  EXPECT_EQ(breaker.state(), breaker_state::open);
}

TEST(CircuitBreaker, IsSteeredByHand) {
  breaker_fixture f;
  circuit_breaker breaker{f.options()};
  breaker.transition_to(breaker_state::forced_open);
  f.time.advance(std::chrono::hours{1});
  EXPECT_FALSE(breaker.try_acquire());
  breaker.transition_to(breaker_state::disabled);
  fail(breaker, 20);
  EXPECT_EQ(breaker.stats().calls, 0U);
  breaker.transition_to(breaker_state::metrics_only);
  fail(breaker, 20);
  EXPECT_EQ(breaker.state(), breaker_state::metrics_only);
  EXPECT_EQ(breaker.stats().failure_rate, 1.0);
  breaker.transition_to(breaker_state::closed);
  EXPECT_EQ(breaker.stats().calls, 0U);
  EXPECT_EQ(breaker.stats().not_permitted, 1U);
}

TEST(CircuitBreaker, RunsAndTellsWhatIsAFailure) {
  breaker_fixture f;
  auto options = f.options();
  options.is_failure = [](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::invalid_argument&) {
      return false;  // the caller's fault
    } catch (...) {
      return true;
    }
  };
  circuit_breaker breaker{options};
  EXPECT_EQ(breaker.run([] { return 7; }), 7);
  EXPECT_TRUE(breaker.run([] {}));
  EXPECT_THROW((void)breaker.run([] { throw std::invalid_argument{"x"}; }), std::invalid_argument);
  EXPECT_EQ(breaker.stats().failed, 0U);
  EXPECT_THROW((void)breaker.run([]() -> int { throw std::runtime_error{"x"}; }),
               std::runtime_error);
  EXPECT_EQ(breaker.stats().failed, 1U);
  EXPECT_EQ(breaker.stats().calls, 4U);
  open(breaker);
  EXPECT_EQ(breaker.run([] { return 7; }).error(), submit_errc::breaker_open);
}

TEST(CircuitBreaker, RefusesOptionsThatMakeNoSense) {
  const auto refusal = [](breaker_options options) {
    options.name = "b";
    try {
      const circuit_breaker breaker{options};
    } catch (const std::invalid_argument& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  EXPECT_EQ(refusal({.failure_rate_threshold = 1.0}),
            "circuit_breaker 'b': failure_rate_threshold must be at least 0 and below 1, is "
            "1.000000");
  EXPECT_THAT(refusal({.failure_rate_threshold = -0.1}), HasSubstr("is -0.1"));
  EXPECT_THAT(refusal({.failure_rate_threshold = std::nan("")}), HasSubstr("is nan"));
  EXPECT_THAT(refusal({.slow_call_rate_threshold = 2.0}), HasSubstr("slow_call_rate_threshold"));
  EXPECT_THAT(refusal({.slow_call_duration = {}}), HasSubstr("slow_call_duration"));
  EXPECT_THAT(refusal({.minimum_calls = 0}), HasSubstr("minimum_calls must be at least 1"));
  EXPECT_EQ(refusal({.minimum_calls = 11, .sliding_window = sliding_window::count(10)}),
            "circuit_breaker 'b': minimum_calls is 11, more than the sliding_window of 10 calls "
            "holds");
  EXPECT_THAT(refusal({.sliding_window = sliding_window::count(0)}), HasSubstr("holds 0"));
  EXPECT_THAT(refusal({.sliding_window = sliding_window::time(seconds{3601})}), HasSubstr("3601"));
  EXPECT_THAT(refusal({.wait_in_open = {}}), HasSubstr("wait_in_open must be above 0"));
  EXPECT_THAT(refusal({.backoff = 0.5}), HasSubstr("backoff must be at least 1"));
  EXPECT_THAT(refusal({.wait_in_open = seconds{2}, .max_wait_in_open = seconds{1}}),
              HasSubstr("max_wait_in_open is below wait_in_open"));
  EXPECT_THAT(refusal({.permitted_calls_in_half_open = 0}), HasSubstr("permitted_calls"));
  EXPECT_THAT(refusal({.probe_lease = {}}), HasSubstr("probe_lease"));
  EXPECT_THAT(refusal({.time = nullptr}), HasSubstr("time must be a clock"));
}

TEST(CircuitBreaker, Stress_PermitsExactlySoManyProbesWhoeverAsks) {
  manual_clock time;
  circuit_breaker breaker{{.minimum_calls = 1,
                           .sliding_window = sliding_window::count(8),
                           .wait_in_open = milliseconds{1},
                           .permitted_calls_in_half_open = 3,
                           .time = &time}};
  const int rounds = test::scaled(300);
  for (int round = 0; round < rounds; ++round) {
    open(breaker);
    time.advance(milliseconds{1});
    std::atomic<int> probes{0};
    std::atomic<int> asked{0};
    test::run_together(4, [&](int) {
      auto first = breaker.try_acquire();
      auto second = breaker.try_acquire();
      probes += first.has_value() + second.has_value();
      ++asked;
      while (asked.load() < 4) std::this_thread::yield();  // none ends before all have asked
      if (first) first->succeed();
      if (second) second->succeed();
    });
    ASSERT_EQ(probes.load(), 3);
    ASSERT_EQ(breaker.state(), breaker_state::closed);
  }
}

TEST(CircuitBreaker, Stress_CountsEachCallOnce) {
  circuit_breaker breaker{{.failure_rate_threshold = 0.99,
                           .minimum_calls = 1'000'000,
                           .sliding_window = sliding_window::count(1'000'000)}};
  const int each = test::scaled(50'000);
  test::run_together(4, [&](int who) {
    for (int i = 0; i < each; ++i) {
      auto call = breaker.try_acquire();
      (i + who) % 2 == 0 ? call->fail() : call->succeed();
    }
  });
  EXPECT_EQ(breaker.stats().calls, static_cast<std::size_t>(4 * each));
  EXPECT_EQ(breaker.stats().failed, static_cast<std::size_t>(2 * each));
}

}  // namespace
}  // namespace millpool

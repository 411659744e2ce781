#include "millpool/policy/rate_limiter.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

int take_all(rate_limiter& limit) {
  int taken = 0;
  while (limit.try_acquire()) ++taken;
  return taken;
}

TEST(RateLimiter, AdmitsABurstAndThenAsMuchAsTimeBrings) {
  manual_clock time;
  rate_limiter limit{{.permits = 10, .burst = 3, .time = &time}};
  EXPECT_EQ(take_all(limit), 3);
  EXPECT_EQ(limit.try_acquire().error(), submit_errc::rate_limited);
  time.advance(milliseconds{100} - duration{1});
  EXPECT_EQ(take_all(limit), 0);
  time.advance(duration{1});
  EXPECT_EQ(take_all(limit), 1);
  time.advance(milliseconds{250});
  EXPECT_EQ(take_all(limit), 2);  // and a half, which is kept
  time.advance(milliseconds{50});
  EXPECT_EQ(take_all(limit), 1);
  time.advance(hours{24 * 365 * 100});  // a rest brings no more than the burst
  EXPECT_EQ(take_all(limit), 3);
}

TEST(RateLimiter, RoundsNothing) {
  manual_clock time;
  rate_limiter limit{{.permits = 3, .burst = 2, .time = &time}};  // a third of a second each
  int taken = take_all(limit);
  for (int i = 0; i < 100'000; ++i) {
    time.advance(milliseconds{1});
    taken += take_all(limit);
  }
  EXPECT_EQ(taken, 2 + 300);
}

TEST(RateLimiter, SaysWhenToComeAgain) {
  manual_clock time;
  rate_limiter limit{{.permits = 7, .per = seconds{2}, .burst = 5, .time = &time}};
  EXPECT_EQ(limit.wait_for(5), duration::zero());
  EXPECT_EQ(limit.wait_for(6), duration::max());
  ASSERT_TRUE(limit.try_acquire(5));
  for (const std::uint64_t weight : {1U, 2U, 5U}) {
    const duration wait = limit.wait_for(weight);
    time.advance(wait - duration{1});
    EXPECT_FALSE(limit.try_acquire(weight));
    time.advance(duration{1});
    EXPECT_TRUE(limit.try_acquire(weight));
    EXPECT_EQ(limit.available(), 0U);
  }
}

TEST(RateLimiter, TakesTheLargestNumbers) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  manual_clock time;
  rate_limiter limit{{.permits = most, .per = duration::max(), .burst = most, .time = &time}};
  EXPECT_TRUE(limit.try_acquire(most));
  time.advance(hours{24 * 365 * 100});
  EXPECT_GT(limit.available(), most / 4);  // of the 292 years of `per`
  EXPECT_FALSE(limit.try_acquire(most));
}

TEST(RateLimiter, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW((rate_limiter{{.permits = 0}}), std::invalid_argument);
  EXPECT_THROW((rate_limiter{{.per = duration::zero()}}), std::invalid_argument);
  EXPECT_THROW((rate_limiter{{.time = nullptr}}), std::invalid_argument);
}

// P7: in any span of time, at most burst + rate x span.
TEST(P7_RateLimiter, IsNeverExceededInAnySpanOfTime) {
  std::mt19937 random{1};
  for (int round = 0; round < 200; ++round) {
    manual_clock time;
    const std::uint64_t permits = 1 + random() % 20;
    const auto per = duration{1 + random() % 1000};
    const std::uint64_t burst = 1 + random() % 10;
    rate_limiter limit{{.permits = permits, .per = per, .burst = burst, .time = &time}};
    std::vector<std::uint64_t> taken(300);  // a nanosecond each
    for (auto& each : taken) {
      for (unsigned tries = random() % 8; tries > 0; --tries)
        each += limit.try_acquire().has_value();
      time.advance(duration{1});
    }
    for (std::size_t from = 0; from < taken.size(); ++from) {
      std::uint64_t sum = 0;
      for (std::size_t to = from; to < taken.size(); ++to) {
        sum += taken[to];
        const std::uint64_t span = to - from;
        ASSERT_LE(sum, burst + permits * span / static_cast<std::uint64_t>(per.count()));
      }
    }
  }
}

TEST(P7_RateLimiter, Stress_AdmitsExactlyWhatThereIs) {
  manual_clock time;
  rate_limiter limit{{.permits = 1000, .burst = 1000, .time = &time}};
  const int rounds = test::scaled(50);
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> taken{0};
    test::run_together(4, [&](int) {
      for (int i = 0; i < 1000; ++i) taken += limit.try_acquire().has_value();
    });
    ASSERT_EQ(taken.load(), 1000);
    time.advance(seconds{1});
  }
}

TEST(RateLimiter, OfAClassRefusesWhatIsAboveItAtThePoolsDoor) {
  // snippet: class_rate
  rate_limiter mails{{.permits = 100, .per = 1min}};  // outlives the pool
  worker_pool pool;
  const task_class mail = pool.add_class(
      {.name = "mail", .admit = [&](const submission_info&) -> std::optional<submit_errc> {
         const auto taken = mails.try_acquire();
         return taken ? std::nullopt : std::optional{taken.error()};
       }});
  // end snippet
  int accepted = 0;
  for (int i = 0; i < 200; ++i) accepted += pool.post(mail, [] {}) ? 1 : 0;
  EXPECT_GE(accepted, 100);
  EXPECT_LT(accepted, 200) << "it would take a minute";
  EXPECT_TRUE(pool.post([] {}));
}

}  // namespace
}  // namespace millpool

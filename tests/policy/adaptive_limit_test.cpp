#include "millpool/policy/adaptive_limit.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <stdexcept>
#include <utility>

namespace millpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using latency_of = std::function<duration(std::size_t in_use)>;

struct limit_fixture {
  manual_clock time;
  adaptive_limit limit{{.time = &time}};

  // A backend that answers in order, and a client that always has more to ask.
  void serve(duration span, const latency_of& latency) {
    const time_point end = time.now() + span;
    std::deque<permit> under_way;
    while (time.now() < end) {
      while (auto one = limit.try_acquire()) under_way.push_back(std::move(*one));
      time.advance(latency(under_way.size()) / static_cast<int>(under_way.size()));
      under_way.front().record();
      under_way.pop_front();
    }
  }
};

// So many at a time are served in 10 ms each; what is beyond waits.
latency_of backend_of(std::size_t servers) {
  return [servers](std::size_t in_use) {
    return duration{milliseconds{10}} * std::max(in_use, servers) / servers;
  };
}

TEST(AdaptiveLimit, GrowsWhileLatencyStaysAsItIs) {
  limit_fixture f;
  f.serve(seconds{200}, [](std::size_t) { return milliseconds{20}; });
  EXPECT_EQ(f.limit.limit(), 1000U);  // its bound
}

TEST(AdaptiveLimit, FindsWhatABackendServesAtATime) {
  limit_fixture f;
  for (const int span : {30, 3600}) {  // it is there soon, and stays there
    f.serve(seconds{span}, backend_of(50));
    EXPECT_GE(f.limit.limit(), 50U);
    EXPECT_LE(f.limit.limit(), 100U);
  }
}

TEST(AdaptiveLimit, FindsItWhenItBeginsFarTooHigh) {
  limit_fixture f;
  f.serve(seconds{300}, backend_of(3));
  EXPECT_GE(f.limit.limit(), 3U);
  EXPECT_LE(f.limit.limit(), 3U + 4 * f.limit.options().queue_size);
}

TEST(AdaptiveLimit, FallsWhenABackendSlowsDown) {
  limit_fixture f;
  f.serve(seconds{30}, backend_of(50));
  const std::size_t before = f.limit.limit();
  f.serve(seconds{5}, backend_of(5));
  EXPECT_LT(f.limit.limit(), before / 2);
}

TEST(AdaptiveLimit, LearnsNothingFromWhatIsDropped) {
  limit_fixture f;
  for (int i = 0; i < 1000; ++i) f.limit.try_acquire().value().drop();
  EXPECT_EQ(f.limit.limit(), 20U);
}

TEST(AdaptiveLimit, LearnsNothingWhileLittleIsUnderWay) {
  limit_fixture f;
  for (int i = 0; i < 1000; ++i) {
    auto one = f.limit.try_acquire();
    f.time.advance(milliseconds{1});
    one->record();
  }
  EXPECT_EQ(f.limit.limit(), 20U);
}

TEST(AdaptiveLimit, RefusesOptionsThatMakeNoSense) {
  const auto refusal = [](adaptive_limit_options options) {
    try {
      const adaptive_limit limit{options};
    } catch (const std::invalid_argument& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  EXPECT_EQ(refusal({.min_limit = 0}), "adaptive_limit: min_limit must be at least 1, is 0");
  EXPECT_EQ(refusal({.min_limit = 5, .max_limit = 4}),
            "adaptive_limit: max_limit is 4, less than min_limit, which is 5");
  EXPECT_EQ(refusal({.initial_limit = 2000}),
            "adaptive_limit: initial_limit is 2000, not between min_limit and max_limit");
  EXPECT_NE(refusal({.tolerance = 0.9}), "");
  EXPECT_NE(refusal({.smoothing = 0.0}), "");
  EXPECT_NE(refusal({.smoothing = 1.1}), "");
  EXPECT_NE(refusal({.window = {}}), "");
  EXPECT_NE(refusal({.window = seconds{60}}), "");
  EXPECT_NE(refusal({.time = nullptr}), "");
}

TEST(P7_AdaptiveLimit, Stress_IsNeverExceeded) {
  // It cannot grow: its bound is what must hold.
  adaptive_limit limit{{.initial_limit = 3, .max_limit = 3}};
  std::atomic<int> held{0};
  std::atomic<bool> exceeded{false};
  const int rounds = test::scaled(50'000);
  test::run_together(4, [&](int) {
    for (int i = 0; i < rounds; ++i) {
      auto one = limit.try_acquire();
      if (!one) continue;
      if (++held > 3) exceeded = true;
      --held;
      i % 2 == 0 ? one->record() : one->drop();
    }
  });
  EXPECT_FALSE(exceeded.load());
  EXPECT_EQ(limit.in_use(), 0U);
}

}  // namespace
}  // namespace millpool

// A limit on who is at work for the lower lanes: by itself, and in the channel.
#include "millpool/channel/lane_limit.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/channel/task_channel.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

TEST(LaneLimit, IsOffAtFirst) {
  const lane_limit limit;
  EXPECT_FALSE(limit.is_on());
  for (std::size_t lane = 0; lane < lane_count; ++lane) EXPECT_FALSE(limit.limits(lane));
  EXPECT_EQ(limit.shut_lanes(), 0U);
}

TEST(LaneLimit, LetsSoManyInAndNoMore) {
  lane_limit limit{5, 2};
  EXPECT_TRUE(limit.is_on());
  EXPECT_FALSE(limit.limits(4));
  EXPECT_TRUE(limit.limits(5) && limit.limits(7));
  EXPECT_TRUE(limit.try_enter());
  EXPECT_EQ(limit.shut_lanes(), 0U);
  EXPECT_TRUE(limit.try_enter());
  EXPECT_FALSE(limit.try_enter());
  EXPECT_TRUE(limit.is_surely_full());
  EXPECT_EQ(limit.shut_lanes() & 0xffU, 0xe0U);
  limit.enter();  // who comes back
  limit.leave();
  EXPECT_FALSE(limit.try_enter());
  limit.leave();
  EXPECT_TRUE(limit.try_enter());
  limit.set_most(3);
  EXPECT_TRUE(limit.try_enter());
  EXPECT_EQ(limit.excess(), 0U);
  limit.set_most(1);
  EXPECT_EQ(limit.excess(), 2U);
  EXPECT_TRUE(limit.leave());
  EXPECT_TRUE(limit.leave());
  EXPECT_EQ(limit.excess(), 0U);
  EXPECT_TRUE(limit.is_full()) << "who is in stays";
  EXPECT_FALSE(limit.leave());
}

// One changes how many may, others come and go: who sees none above it at the end was told of all.
TEST(LaneLimit, Stress_TellsOfEachExcess) {
  lane_limit limit{5, 3};
  for (int round = 0; round < test::scaled(200); ++round) {
    std::atomic<bool> was_told{false};
    std::atomic<std::size_t> left{0};
    test::run_together(4, [&](int thread) {
      if (thread == 0) {
        limit.set_most(round % 2 == 0 ? 1 : 3);
        left = limit.excess();
      } else {
        for (int i = 0; i < 100; ++i) {
          if (limit.try_enter() && limit.leave()) was_told = true;
        }
      }
    });
    EXPECT_EQ(limit.excess(), 0U);
    EXPECT_TRUE(left == 0 || was_told);
  }
}

TEST(LaneLimit, Stress_IsNeverExceeded) {
  lane_limit limit{5, 2};
  std::atomic<int> inside{0};
  test::run_together(4, [&](int) {
    for (int i = 0; i < test::scaled(20'000); ++i) {
      if (!limit.try_enter()) continue;
      EXPECT_LE(++inside, 2);
      --inside;
      limit.leave();
    }
  });
  EXPECT_TRUE(limit.try_enter() && limit.try_enter() && !limit.try_enter());
}

struct LimitedChannel : testing::Test {
  void push(int number, std::size_t lane) {
    ASSERT_EQ(channel.try_push(std::move(number), lane, time.now()), queue_status::success);
    time.advance(1ms);
  }
  /// As one who has not entered. \return nothing: nothing is to be had.
  std::optional<int> take(std::size_t more = 0) {
    entered = false;
    batch.clear();
    auto next = channel.try_take(
        more, held, [&](int&& each, const arrival&) { batch.push_back(each); }, &entered);
    if (!next) return std::nullopt;
    return next->value;
  }

  manual_clock time;
  serial_keys keys;
  lane_limit limit{5, 1};
  task_channel<int> channel{256, {.bound = 1s, .share = 2}, time, &keys, &limit};
  bool entered = false;
  std::size_t held = 0;
  std::vector<int> batch;
};

TEST_F(LimitedChannel, GivesOfTheLimitedLanesOnlyToWhoCanEnter) {
  push(50, 5);
  push(51, 5);
  push(40, 4);
  EXPECT_EQ(take(), 40);
  EXPECT_FALSE(entered);
  EXPECT_EQ(take(), 50);
  EXPECT_TRUE(entered);
  EXPECT_FALSE(channel.can_take());
  EXPECT_EQ(take(), std::nullopt);
  EXPECT_FALSE(entered);
  EXPECT_FALSE(channel.is_at_its_end());
  push(41, 4);
  EXPECT_TRUE(channel.can_take());
  EXPECT_EQ(take(), 41);
  limit.leave();
  EXPECT_TRUE(channel.can_take());
  EXPECT_EQ(take(), 51);
  EXPECT_TRUE(entered);
}

TEST_F(LimitedChannel, GivesAllToWhoHasEnteredOrDoesNotSay) {
  push(50, 5);
  push(51, 5);
  push(52, 5);
  EXPECT_EQ(take(), 50);
  EXPECT_TRUE(entered);
  std::size_t none = 0;
  bool is_in = true;
  EXPECT_EQ(channel
                .try_take(
                    0, none, [](int&&, const arrival&) {}, &is_in)
                ->value,
            51);
  EXPECT_EQ(channel.try_pop(), 52);
}

TEST_F(LimitedChannel, IsClosedToNobodyWhileItHoldsSomethingBack) {
  push(50, 5);
  push(51, 5);
  EXPECT_EQ(take(), 50);
  channel.close();
  std::size_t none = 0;
  bool is_in = false;
  const auto keep = [](int&&, const arrival&) {};
  EXPECT_EQ(channel.try_take(0, none, keep, &is_in).error(), queue_status::empty);
  limit.leave();
  EXPECT_EQ(channel.try_take(0, none, keep, &is_in)->value, 51);
  is_in = false;
  EXPECT_EQ(channel.try_take(0, none, keep, &is_in).error(), queue_status::closed);
}

TEST_F(LimitedChannel, ServesTheOthersAsIfWhatIsHeldBackWereNotThere) {
  push(50, 5);
  push(51, 5);
  EXPECT_EQ(take(), 50);
  time.advance(10s);  // the other has aged
  for (int i = 40; i < 48; ++i) push(i, 4);
  EXPECT_EQ(take(7), 40);
  EXPECT_EQ(batch, (std::vector{41, 42, 43, 44, 45, 46, 47})) << "one batch: nothing else is due";
  for (int i = 30; i < 34; ++i) push(i, 3);
  for (int i = 30; i < 34; ++i) EXPECT_EQ(take(), i);
  push(34, 3);
  limit.leave();
  EXPECT_EQ(take(), 51) << "aged";
  EXPECT_TRUE(entered);
  EXPECT_EQ(take(), 34);
}

TEST_F(LimitedChannel, GivesABatchOfALimitedLaneToOne) {
  for (int i = 50; i < 54; ++i) push(i, 5);
  EXPECT_EQ(take(2), 50);
  EXPECT_TRUE(entered);
  EXPECT_EQ(batch, (std::vector{51, 52}));
  EXPECT_EQ(take(2), std::nullopt);
}

// The caller is then to leave again.
TEST_F(LimitedChannel, MayLetOneInForAValueThatStepsAside) {
  const placement serial{6, 1, std::nullopt};
  ASSERT_EQ(channel.try_push(1, serial), queue_status::success);
  ASSERT_EQ(channel.try_push(2, serial), queue_status::success);
  EXPECT_EQ(take(), 1);
  limit.leave();
  EXPECT_EQ(take(), std::nullopt);
  EXPECT_TRUE(entered);
}

TEST_F(LimitedChannel, DisplacesAndTakesAllAsEver) {
  task_channel<int> small{2, {}, time, &keys, &limit};
  ASSERT_EQ(small.try_push(50, 5), queue_status::success);
  ASSERT_EQ(small.try_push(51, 5), queue_status::success);
  ASSERT_TRUE(limit.try_enter());
  EXPECT_EQ(*small.push_displacing(40, 4, displace::lowest).value(), 51);
  EXPECT_EQ(*small.push_displacing(41, 4, displace::oldest).value(), 50);
  ASSERT_EQ(small.size(), 2U);
  EXPECT_EQ(small.take_all(), (std::vector{40, 41}));
  ASSERT_EQ(small.try_push(52, 5), queue_status::success);
  EXPECT_EQ(small.take_newest_if([](int each) { return each == 52; }), 52);
}

}  // namespace
}  // namespace millpool

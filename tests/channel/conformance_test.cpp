// Every channel kind passes this file unchanged; a new kind is one more line in `kinds`.
#include "millpool/channel/bounded_queue.hpp"
#include "millpool/channel/task_channel.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using value = std::unique_ptr<int>;  // move-only on purpose

// A task channel of which one lane is used is a FIFO as any other.
class one_lane : public task_channel<value> {
 public:
  explicit one_lane(std::size_t capacity) : task_channel<value>{capacity} {}
  bool push(value&& v) { return task_channel<value>::push(std::move(v), lane); }
  queue_status try_push(value&& v) { return task_channel<value>::try_push(std::move(v), lane); }

 private:
  static constexpr std::size_t lane = 3;
};

using kinds = ::testing::Types<bounded_queue<value>, one_lane>;

class kind_names {
 public:
  template <class Kind>
  // NOLINTNEXTLINE(readability-identifier-naming): GoogleTest asks for this name
  static std::string GetName(int /*index*/) {
    return std::is_same_v<Kind, one_lane> ? "task_channel" : "bounded_queue";
  }
};

value number(int n) { return std::make_unique<int>(n); }

template <class Channel>
void fill(Channel& channel) {
  for (std::size_t i = 0; i < channel.capacity(); ++i) {
    ASSERT_EQ(channel.try_push(number(static_cast<int>(i))), queue_status::success);
  }
}

template <class Channel>
class ChannelConformance : public ::testing::Test {};
TYPED_TEST_SUITE(ChannelConformance, kinds, kind_names);

TYPED_TEST(ChannelConformance, IsBornOpenAndEmpty) {
  TypeParam channel{3};
  EXPECT_FALSE(channel.is_closed());
  EXPECT_EQ(channel.size(), 0U);
  EXPECT_EQ(channel.capacity(), 3U);
}

TYPED_TEST(ChannelConformance, P7_TakesExactlyItsCapacity) {
  for (const std::size_t capacity : {1U, 2U, 3U, 4U, 100U}) {
    TypeParam channel{capacity};
    fill(channel);
    EXPECT_EQ(channel.size(), capacity);
    EXPECT_EQ(channel.try_push(number(0)), queue_status::full);
    EXPECT_EQ(channel.size(), capacity);
  }
}

TYPED_TEST(ChannelConformance, P7_OfManyPushesAtOnceItTakesExactlyItsCapacity) {
  for (int round = 0; round < test::scaled(50); ++round) {
    TypeParam channel{3};
    std::atomic<int> taken{0};
    test::run_together(4, [&](int) {
      for (int i = 0; i < 2; ++i) taken += channel.try_push(number(i)) == queue_status::success;
    });
    ASSERT_EQ(taken, 3);
    ASSERT_EQ(channel.size(), 3U);
  }
}

TYPED_TEST(ChannelConformance, GivesValuesInTheOrderInWhichTheyCame) {
  TypeParam channel{3};
  int in = 0;
  int out = 0;
  for (int round = 0; round < 7; ++round) {  // a ring of 3 wraps at every place
    while (channel.try_push(number(in)) == queue_status::success) ++in;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(**channel.pop(), out++);
  }
}

TYPED_TEST(ChannelConformance, ARefusedValueStaysWithItsOwner) {
  TypeParam channel{1};
  fill(channel);
  value mine = number(7);
  EXPECT_EQ(channel.try_push(std::move(mine)), queue_status::full);
  ASSERT_NE(mine, nullptr);  // NOLINT(bugprone-use-after-move): the claim itself
  channel.close();
  EXPECT_EQ(channel.try_push(std::move(mine)), queue_status::closed);
  ASSERT_NE(mine, nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(channel.push(std::move(mine)));
  ASSERT_NE(mine, nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(*mine, 7);       // NOLINT(bugprone-use-after-move)
}

TYPED_TEST(ChannelConformance, TellsEmptyFromClosed) {
  TypeParam channel{1};
  EXPECT_EQ(channel.try_pop().error(), queue_status::empty);
  channel.close();
  EXPECT_EQ(channel.try_pop().error(), queue_status::closed);
  EXPECT_EQ(channel.pop(), std::nullopt);
}

TYPED_TEST(ChannelConformance, AfterCloseItRefusesAndDrains) {
  TypeParam channel{2};
  fill(channel);
  channel.close();
  channel.close();  // a second time is the same as once
  EXPECT_TRUE(channel.is_closed());
  EXPECT_EQ(channel.try_push(number(9)), queue_status::closed);
  EXPECT_EQ(**channel.pop(), 0);
  EXPECT_EQ(channel.try_push(number(9)), queue_status::closed);
  EXPECT_EQ(**channel.try_pop(), 1);
  EXPECT_EQ(channel.try_pop().error(), queue_status::closed);
}

TYPED_TEST(ChannelConformance, CloseReleasesEveryWaitingConsumer) {
  for (int round = 0; round < test::scaled(100); ++round) {
    TypeParam channel{1};
    // The last one closes, before or after the others wait: the outcome is the same.
    test::run_together(4, [&](int i) {
      if (i == 3) return channel.close();
      EXPECT_EQ(channel.pop(), std::nullopt);
    });
  }
}

TYPED_TEST(ChannelConformance, CloseReleasesEveryWaitingProducer) {
  for (int round = 0; round < test::scaled(100); ++round) {
    TypeParam channel{1};
    fill(channel);
    test::run_together(4, [&](int i) {
      if (i == 3) return channel.close();
      EXPECT_FALSE(channel.push(number(1)));
    });
    EXPECT_EQ(channel.size(), 1U);
  }
}

TYPED_TEST(ChannelConformance, APushWaitsForRoomAndAPopForAValue) {
  TypeParam channel{1};
  std::jthread producer{[&] {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(channel.push(number(i)));
  }};
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(**channel.pop(), i);
}

TYPED_TEST(ChannelConformance, Stress_EveryValueArrivesOnceAndInItsProducersOrder) {
  constexpr int producers = 3;
  constexpr int consumers = 2;
  const int each = test::scaled(4'000);
  for (const std::size_t capacity : {1U, 4U}) {  // tiny: full and empty are the interesting states
    TypeParam channel{capacity};
    std::vector<std::atomic<int>> arrivals(static_cast<std::size_t>(producers * each));
    std::atomic<int> still_producing{producers};
    std::atomic<int> out_of_order{0};
    std::atomic<int> over_capacity{0};

    test::run_together(producers + consumers, [&](int thread) {
      if (thread < producers) {
        for (int i = 0; i < each; ++i) {
          ASSERT_TRUE(channel.push(number(thread * each + i)));
          over_capacity += channel.size() > capacity;  // P7
        }
        if (--still_producing == 0) channel.close();
        return;
      }
      std::vector<int> last(producers, -1);
      while (auto taken = channel.pop()) {
        const int id = **taken;
        ++arrivals[static_cast<std::size_t>(id)];
        int& before = last[static_cast<std::size_t>(id / each)];
        out_of_order += id <= before;
        before = id;
      }
    });

    for (const auto& count : arrivals) ASSERT_EQ(count.load(), 1);
    EXPECT_EQ(out_of_order, 0);
    EXPECT_EQ(over_capacity, 0);
  }
}

}  // namespace
}  // namespace millpool

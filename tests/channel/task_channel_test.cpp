// task_channel: bounded, by priority, and nobody waits for ever. 0 is the highest priority. The
// interleavings: tests/model/task_channel_model.cpp.
#include "millpool/channel/task_channel.hpp"

#include "millpool/base/clock.hpp"
#include "millpool/base/manual_clock.hpp"
#include "tests/channel/values.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/watched_clock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::of;
using test::value;
using status = queue_status;

struct TaskChannel : testing::Test {
  // What is left, in the order in which it is taken.
  template <class Channel>
  static std::vector<int> drain(Channel& from) {
    std::vector<int> all;
    while (auto next = from.try_pop()) all.push_back(**next);
    return all;
  }
  manual_clock time;
};

using order = std::vector<int>;

TEST_F(TaskChannel, RefusesACapacityOrAShareOfZero) {
  EXPECT_THROW(task_channel<int>{0}, std::invalid_argument);
  EXPECT_THROW((task_channel<int>{1, aging{.share = 0}}), std::invalid_argument);
  task_channel<int> channel{1};
  EXPECT_THROW(channel.set_capacity(0), std::invalid_argument);
  EXPECT_EQ(channel.capacity(), 1u);
}

TEST_F(TaskChannel, P3_TakesTheHigherPriorityFirstAndInALaneFirstInFirstOut) {
  task_channel<value> channel{8};
  for (int n : {70, 71, 40, 0, 41, 1}) {
    ASSERT_TRUE(channel.push(of(n), static_cast<std::size_t>(n / 10)));
  }
  EXPECT_EQ(drain(channel), (order{0, 1, 40, 41, 70, 71}));
}

TEST_F(TaskChannel, P3_NeverPassesAWaitingValueOverForLongerThanTheAgingBound) {
  task_channel<value> channel{64, aging{.bound = 1s, .share = 8}, time};
  ASSERT_TRUE(channel.push(of(70), 7));
  order taken;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(channel.push(of(i), 0));
    time.advance(100ms);
    taken.push_back(**channel.try_pop());
  }
  // Ten takes of 100 ms are the bound: it is served by the eleventh.
  EXPECT_EQ(std::ranges::find(taken, 70) - taken.begin(), 10);
}

template <std::size_t capacity>
void holds_exactly() {
  task_channel<value> channel{capacity};
  for (std::size_t i = 0; i < capacity; ++i) {
    ASSERT_EQ(channel.try_push(of(1), i % lane_count), status::success);
  }
  value more = of(2);
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    ASSERT_EQ(channel.try_push(std::move(more), lane), status::full);
  }
  ASSERT_TRUE(more);  // NOLINT(bugprone-use-after-move): left as it was, says try_push
  ASSERT_TRUE(channel.try_pop().has_value());
  ASSERT_EQ(channel.try_push(std::move(more), 0), status::success);
  ASSERT_EQ(channel.size(), capacity);
}

TEST_F(TaskChannel, P7_HoldsExactlyItsCapacityOverAllLanes) {
  holds_exactly<1>();
  holds_exactly<2>();
  holds_exactly<64>();
  holds_exactly<65>();
  holds_exactly<1000>();
}

TEST_F(TaskChannel, KeepsWhatWaitsWhenItsCapacityIsCutBelow) {
  task_channel<value> channel{3};
  for (int n : {1, 2, 3}) ASSERT_TRUE(channel.push(of(n), 4));
  channel.set_capacity(1);
  EXPECT_EQ(channel.size(), 3u);
  EXPECT_EQ(channel.try_push(of(4), 0), status::full);
  EXPECT_EQ(**channel.try_pop(), 1);
  EXPECT_EQ(**channel.try_pop(), 2);
  EXPECT_EQ(channel.try_push(of(4), 0), status::full);
  EXPECT_EQ(**channel.try_pop(), 3);
  EXPECT_EQ(channel.try_push(of(4), 0), status::success);
}

TEST_F(TaskChannel, LetsWaitingProducersInWhenItsCapacityGrows) {
  const test::watched_clock still;
  task_channel<value> channel{1, {}, still};
  ASSERT_TRUE(channel.push(of(0), 4));
  std::vector<std::jthread> producers;
  for (int i = 1; i <= 3; ++i) {
    producers.emplace_back([&, i] {
      EXPECT_EQ(channel.push_until(of(i), 4, test::watched_clock::never()), status::success);
    });
  }
  still.await_waits(3);
  channel.set_capacity(4);
  producers.clear();
  EXPECT_EQ(channel.size(), 4u);
}

TEST_F(TaskChannel, GivesUpAPushAtItsDeadlineInTheChannelsOwnTime) {
  task_channel<value> channel{1, {}, time};
  ASSERT_TRUE(channel.push(of(1), 4));
  value more = of(2);
  EXPECT_EQ(channel.push_until(std::move(more), 4, time.now()), status::timeout);
  const time_point until = time.now() + 1h;
  std::jthread mover{[&] { time.advance(1h); }};
  EXPECT_EQ(channel.push_until(std::move(more), 4, until), status::timeout);
  EXPECT_TRUE(more);  // NOLINT(bugprone-use-after-move): left as it was
  EXPECT_GE(time.now(), until);
}

TEST_F(TaskChannel, PushesThoughTheDeadlineHasPassedIfThereIsRoom) {
  task_channel<value> channel{1, {}, time};
  EXPECT_EQ(channel.push_until(of(1), 4, time_point::min()), status::success);
}

TEST_F(TaskChannel, GivesUpAPushWhenStopIsRequestedBeforeOrWhileItWaits) {
  const test::watched_clock still;
  task_channel<value> channel{1, {}, still};
  ASSERT_TRUE(channel.push(of(1), 4));
  std::stop_source stop;
  std::jthread stopper{[&] {
    still.await_waits(1);
    stop.request_stop();
  }};
  value more = of(2);
  EXPECT_EQ(channel.push_until(std::move(more), 4, test::watched_clock::never(), stop.get_token()),
            status::timeout);
  EXPECT_EQ(channel.push_until(std::move(more), 4, no_deadline, stop.get_token()), status::timeout);
  EXPECT_TRUE(more);  // NOLINT(bugprone-use-after-move): left as it was
}

TEST_F(TaskChannel, PassesAWakeOnFromAProducerThatWasStopped) {
  for (int round = 0; round < test::scaled(500); ++round) {
    task_channel<value> channel{1};
    ASSERT_TRUE(channel.push(of(1), 4));
    std::stop_source stop;
    std::jthread stopped{
        [&] { (void)channel.push_until(of(2), 4, no_deadline, stop.get_token()); }};
    std::jthread patient{[&] { EXPECT_TRUE(channel.push(of(3), 4)); }};
    std::jthread stopper{[&] { stop.request_stop(); }};
    bool seen = false;  // of the patient one
    while (!seen) seen = **channel.pop() == 3;
  }
}

// A full channel of 64, and one more producer.
struct one_waits {
  one_waits() {
    for (int i = 0; i < 64; ++i) EXPECT_TRUE(channel.push(int{i}, 4));
    producer = std::jthread{[this] { EXPECT_TRUE(channel.push(64, 4)); }};
    while (channel.look().producers == 0) std::this_thread::yield();
  }
  ~one_waits() { channel.close(); }

  const time_point begun = steady().now();
  task_channel<int> channel{64};
  std::jthread producer;
};

TEST_F(TaskChannel, WakesAProducerOnceAQuarterOfThePlacesIsFree) {
  duration looked{};  // on a machine that is busy with other things it takes a few rounds
  while (looked < 1ms) {
    one_waits full;
    for (int i = 0; i < 15; ++i) (void)full.channel.try_pop();
    for (time_point last = steady().now();;) {
      const auto seen = full.channel.look();
      const time_point now = steady().now();
      if (now - full.begun >= 1ms) break;
      ASSERT_EQ(seen.producers, 1u);
      looked += now - std::exchange(last, now);
    }
    (void)full.channel.try_pop();
    full.producer.join();
    EXPECT_EQ(full.channel.size(), 49u);
  }
}

TEST_F(TaskChannel, LetsAProducerInByOnePlaceAfterAMoment) {
  one_waits full;
  (void)full.channel.try_pop();
  full.producer.join();
  EXPECT_EQ(full.channel.size(), 64u);
}

// What came by the intake finds no memory in its lane, and waits where it is.
TEST_F(TaskChannel, GivesWhatCameInItsOrderWhereMemoryIsShort) {
  task_channel<int> channel{1024};
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(channel.try_push(int{i}, 4, time.now()), status::success);
    if (i == 0) (void)channel.look();  // grants places
  }
  {
    const test::no_memory none;
    for (int i = 0; i < 150; ++i) {
      ASSERT_TRUE(channel.can_take());
      ASSERT_EQ(channel.size(), static_cast<std::size_t>(200 - i));
      ASSERT_EQ(*channel.try_pop(), i);
    }
    for (const std::size_t lane : {0U, 4U, 7U}) {
      EXPECT_THROW((void)channel.try_push(200, lane, time.now()), std::bad_alloc);
    }
  }
  for (int i = 200; i < 210; ++i) {
    ASSERT_EQ(channel.try_push(int{i}, 4, time.now()), status::success);
  }
  channel.close();
  EXPECT_FALSE(channel.is_at_its_end());
  for (int i = 150; i < 210; ++i) ASSERT_EQ(*channel.try_pop(), i);
  EXPECT_EQ(channel.pushed(), 210u);
  EXPECT_TRUE(channel.is_at_its_end());
}

TEST_F(TaskChannel, TakesAllAlsoWhatFoundNoMemory) {
  task_channel<int> channel{1024};
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(channel.try_push(int{i}, 4, time.now()), status::success);
    if (i == 0) (void)channel.look();
  }
  std::vector<int> all;
  all.reserve(200);
  const test::no_memory none;
  channel.take_all([](std::size_t count) { ASSERT_EQ(count, 200u); },
                   [&](int&& each, const arrival&) { all.push_back(each); });
  ASSERT_EQ(all.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

TEST_F(TaskChannel, PushesABulkAsFarAsThereIsRoom) {
  task_channel<value> channel{3};
  std::vector<value> values;
  for (int n : {10, 20, 11, 30}) values.push_back(of(n));
  const auto lane_of = [](const value& each) { return static_cast<std::size_t>(*each / 10); };
  EXPECT_EQ(channel.push_bulk(std::span{values}, lane_of), 3u);
  EXPECT_FALSE(values[2]);
  EXPECT_EQ(*values[3], 30);
  EXPECT_EQ(channel.push_bulk(std::span{values}.subspan(3), lane_of), 0u);
  EXPECT_EQ(drain(channel), (order{10, 11, 20}));
  EXPECT_EQ(channel.push_bulk(std::span<value>{}, lane_of), 0u);
  channel.close();
  EXPECT_EQ(channel.push_bulk(std::span{values}.subspan(3), lane_of), 0u);
  EXPECT_EQ(*values[3], 30);
}

TEST_F(TaskChannel, WakesAsManyConsumersAsABulkHasValues) {
  task_channel<value> channel{8};
  std::vector<std::jthread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] { EXPECT_TRUE(channel.pop().has_value()); });
  }
  std::vector<value> values;
  for (int n : {1, 2, 3}) values.push_back(of(n));
  EXPECT_EQ(channel.push_bulk(std::span{values}, [](const value&) { return std::size_t{0}; }), 3u);
}

TEST_F(TaskChannel, DisplacesNothingWhileThereIsRoom) {
  task_channel<value> channel{1};
  const auto victim = channel.push_displacing(of(1), 4, displace::oldest);
  ASSERT_TRUE(victim.has_value());
  EXPECT_FALSE(victim->has_value());
}

TEST_F(TaskChannel, DisplacesTheOldestOfAllLanes) {
  task_channel<value> channel{2, {}, time};
  ASSERT_TRUE(channel.push(of(1), 0));
  time.advance(1ns);
  ASSERT_TRUE(channel.push(of(2), 7));
  const auto victim = channel.push_displacing(of(3), 7, displace::oldest);
  ASSERT_TRUE(victim.has_value() && victim->has_value());
  EXPECT_EQ(***victim, 1);
  EXPECT_EQ(drain(channel), (order{2, 3}));
}

TEST_F(TaskChannel, DisplacesTheLowestOnlyForAHigherOne) {
  task_channel<value> channel{2};
  ASSERT_TRUE(channel.push(of(5), 5));
  ASSERT_TRUE(channel.push(of(6), 6));
  value more = of(7);
  const auto refused = channel.push_displacing(std::move(more), 6, displace::lowest);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), status::full);
  EXPECT_TRUE(more);  // NOLINT(bugprone-use-after-move): left as it was
  const auto victim = channel.push_displacing(std::move(more), 5, displace::lowest);
  ASSERT_TRUE(victim.has_value() && victim->has_value());
  EXPECT_EQ(***victim, 6);
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(TaskChannel, DisplacesOneForOneWhereTheCapacityWasCut) {
  task_channel<value> channel{3};
  for (int n : {1, 2, 3}) ASSERT_TRUE(channel.push(of(n), 4));
  channel.set_capacity(1);
  const auto victim = channel.push_displacing(of(4), 4, displace::oldest);
  ASSERT_TRUE(victim.has_value() && victim->has_value());
  EXPECT_EQ(channel.size(), 3u);
}

TEST_F(TaskChannel, DisplacesNothingOnceClosed) {
  task_channel<value> channel{1};
  ASSERT_TRUE(channel.push(of(1), 4));
  channel.close();
  value more = of(2);
  const auto refused = channel.push_displacing(std::move(more), 0, displace::oldest);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), status::closed);
  EXPECT_TRUE(more);  // NOLINT(bugprone-use-after-move): left as it was
  EXPECT_EQ(channel.size(), 1u);
}

TEST_F(TaskChannel, TakesTheNewestThatIsWantedAndLetsAProducerIn) {
  task_channel<value> channel{2, {}, time};
  ASSERT_TRUE(channel.push(of(1), 4));
  time.advance(1ns);
  ASSERT_TRUE(channel.push(of(3), 5));
  std::jthread producer{[&] { EXPECT_TRUE(channel.push(of(4), 0)); }};
  const auto taken = channel.take_newest_if([](const value& each) { return *each % 2 == 1; });
  ASSERT_TRUE(taken.has_value());
  EXPECT_TRUE(**taken == 3);
  EXPECT_FALSE(channel.take_newest_if([](const value& each) { return *each == 9; }).has_value());
}

TEST_F(TaskChannel, TakesWhatIsOlderThanThatAndLetsAProducerIn) {
  task_channel<int> channel{1, {}, time};
  ASSERT_TRUE(channel.push(1, 4));
  std::jthread waits{[&] { EXPECT_TRUE(channel.push(2, 4)); }};
  while (channel.look().producers == 0) std::this_thread::yield();
  arrival when;
  const auto came_before_now = [&](time_point came) { return came < time.now(); };
  EXPECT_EQ(channel.take_oldest_if(4, came_before_now, &when), std::nullopt);
  time.advance(1ms);
  channel.pause();
  EXPECT_EQ(channel.take_oldest_if(4, came_before_now, &when), std::nullopt);
  channel.resume();
  EXPECT_EQ(channel.take_oldest_if(4, came_before_now, &when), 1);
  EXPECT_EQ(when.lane, 4u);
  EXPECT_EQ(when.came, time.now() - 1ms);
  waits.join();
  EXPECT_EQ(channel.ready(4), 1u);
  EXPECT_EQ(channel.depth_down_to(3), 0u);
  EXPECT_EQ(channel.depth_down_to(7), 1u);
}

TEST_F(TaskChannel, HoldsNoSerialKeyForWhatIsGivenUp) {
  serial_keys keys;
  task_channel<int> channel{4, {}, time, &keys};
  ASSERT_TRUE(channel.push(1, {4, 7, std::nullopt}));
  ASSERT_TRUE(channel.push(2, {4, 7, std::nullopt}));
  time.advance(1ms);
  arrival when;
  const auto came_before_now = [&](time_point came) { return came < time.now(); };
  EXPECT_EQ(channel.take_oldest_if(4, came_before_now, &when), 1);
  EXPECT_EQ(*channel.try_pop(), 2);
}

TEST_F(TaskChannel, TakesAllInOrderAndLetsProducersIn) {
  task_channel<value> channel{2};
  ASSERT_TRUE(channel.push(of(1), 7));
  ASSERT_TRUE(channel.push(of(0), 0));
  std::vector<std::jthread> producers;
  for (int i = 0; i < 2; ++i) producers.emplace_back([&] { EXPECT_TRUE(channel.push(of(5), 5)); });
  const std::vector<value> all = channel.take_all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(*all[0], 0);
  EXPECT_EQ(*all[1], 1);
  producers.clear();
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(TaskChannel, TellsWithEachTakeHowManyAreLeft) {
  task_channel<value> channel{2};
  EXPECT_EQ(channel.try_take().error(), status::empty);
  ASSERT_TRUE(channel.push(of(1), 4));
  ASSERT_TRUE(channel.push(of(2), 4));
  EXPECT_EQ(channel.try_take()->left, 1u);
  EXPECT_EQ(channel.try_take()->left, 0u);
  channel.close();
  EXPECT_EQ(channel.try_take().error(), status::closed);
}

TEST_F(TaskChannel, P3_TakesABatchOfTheHighestLaneWhereOthersWaitToo) {
  task_channel<value> channel{16, aging{.bound = 1s, .share = 8}, time};
  for (int n : {70, 40, 41, 42, 43}) {
    ASSERT_EQ(channel.try_push(of(n), static_cast<std::size_t>(n / 10)), status::success);
  }
  order batch;
  std::size_t held = 0;
  const auto keep = [&](value&& each, const arrival& when) {
    EXPECT_EQ(when.lane, 4u);
    batch.push_back(*each);
  };
  const auto first = channel.try_take(2, held, keep);
  EXPECT_EQ(*first->value, 40);
  EXPECT_EQ(batch, (order{41, 42}));
  EXPECT_EQ(held, 2u);
  EXPECT_EQ(channel.look().reserved, 2u);
  EXPECT_EQ(first->left, 2u);
  const auto second = channel.try_take(2, held, keep);
  EXPECT_EQ(*second->value, 43);
  EXPECT_EQ(held, 0u) << "lane 7 is another batch";
}

// What has no key, and a time, goes a short way: it comes out as it does by the long one.
TEST_F(TaskChannel, TakesAValueInByItsLaneAndTimeAsByItsPlacement) {
  task_channel<value> by_placement{100, aging{.bound = 1s, .share = 4}, time};
  task_channel<value> by_lane{100, aging{.bound = 1s, .share = 4}, time};
  const auto both = [&](auto act) {
    act(by_placement);
    act(by_lane);
  };
  std::mt19937 random{11};
  std::size_t reserved = 0;
  for (int i = 0; i < test::scaled(40'000); ++i) {
    const auto draw = random() % 64;
    time.advance(std::chrono::milliseconds{random() % 50});
    if (draw < 34) {
      const std::size_t lane = random() % lane_count;
      const time_point came = time.now() - std::chrono::milliseconds{random() % 100};
      value one = of(i);
      value other = of(i);
      std::size_t waiting = 0;
      std::size_t waiting_too = 0;
      const status expected = by_placement.try_push(std::move(one), {lane, came}, &waiting);
      ASSERT_EQ(by_lane.try_push(std::move(other), lane, came, &waiting_too), expected);
      ASSERT_EQ(waiting, waiting_too);
      // NOLINTNEXTLINE(bugprone-use-after-move): left as it was, says try_push
      ASSERT_EQ(other == nullptr, expected == status::success);
    } else if (draw < 60) {
      auto one = by_placement.try_take();
      auto other = by_lane.try_take();
      ASSERT_EQ(one.has_value(), other.has_value());
      if (one) {
        ASSERT_EQ(*one->value, *other->value);
        ASSERT_EQ(one->when.came, other->when.came);
      }
    } else if (draw == 60) {
      const std::size_t capacity = 1 + random() % 100;
      both([&](auto& channel) { channel.set_capacity(capacity); });
    } else if (draw == 61) {
      both([](auto& channel) { channel.pause(); });
    } else if (draw == 62) {
      both([](auto& channel) { channel.resume(); });
    } else if (reserved > 0) {
      both([&](auto& channel) { channel.give_back(reserved); });
      reserved = 0;
    } else {
      both([&](auto& channel) { reserved = channel.reserve(20); });
    }
    ASSERT_EQ(by_lane.ready_lanes().lanes(), by_placement.ready_lanes().lanes());
    ASSERT_EQ(by_lane.size(), by_placement.size());
    ASSERT_EQ(by_lane.pushed(), by_placement.pushed());
  }
  both([](auto& channel) {
    (void)channel.take_all();
    channel.give_back(channel.look().reserved);
  });
  ASSERT_EQ(by_lane.try_push(of(1), 4, time.now()), status::success);
  by_lane.close();
  EXPECT_EQ(by_lane.try_push(of(1), 4, time.now()), status::closed);
}

TEST_F(TaskChannel, WakesAWaitingConsumerForAValueThatComesByItsLaneAndTime) {
  task_channel<value> channel{4};
  {
    std::vector<std::jthread> consumers;
    for (int i = 0; i < 3; ++i) {
      consumers.emplace_back([&] { EXPECT_TRUE(channel.pop().has_value()); });
    }
    for (int i = 0; i < 3; ++i) {
      while (channel.try_push(of(i), 4, time.now()) == status::full) std::this_thread::yield();
    }
  }
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(TaskChannel, CloseWakesEverybodyAndWhatWaitsIsDrained) {
  task_channel<value> full{1};
  task_channel<value> empty{1};
  ASSERT_TRUE(full.push(of(1), 4));
  {
    std::vector<std::jthread> waiting;
    for (int i = 0; i < 2; ++i) {
      waiting.emplace_back([&] { EXPECT_FALSE(full.push(of(2), 4)); });
      waiting.emplace_back([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
    }
    full.close();
    empty.close();
    full.close();
  }
  EXPECT_TRUE(full.is_closed());
  EXPECT_EQ(full.try_push(of(3), 0), status::closed);
  EXPECT_EQ(**full.pop(), 1);
  EXPECT_EQ(full.pop(), std::nullopt);
  EXPECT_EQ(full.try_pop().error(), status::closed);
}

TEST_F(TaskChannel, GivesNothingOutWhilePausedButAllOfItAtOnce) {
  task_channel<value> channel{4};
  channel.pause();
  for (int i = 1; i <= 2; ++i) ASSERT_TRUE(channel.push(of(i), 4));
  EXPECT_EQ(channel.try_pop().error(), status::empty);
  EXPECT_FALSE(channel.take_newest_if([](const value&) { return true; }).has_value());
  {
    std::jthread consumer{[&] { EXPECT_EQ(**channel.pop(), 1); }};
    channel.resume();
  }
  channel.pause();
  channel.close();
  EXPECT_EQ(channel.try_pop().error(), status::empty) << "closed, but not at its end";
  std::jthread consumer{[&] { EXPECT_EQ(channel.pop(), std::nullopt); }};
  EXPECT_EQ(channel.take_all().size(), 1U);
}

TEST_F(TaskChannel, LooksAtAllItsNumbersAtOneInstant) {
  task_channel<value> channel{4, {}, time};
  const time_point first = time.now();
  ASSERT_TRUE(channel.push(of(1), 1));
  time.advance(1s);
  ASSERT_TRUE(channel.push(of(2), 6));
  ASSERT_TRUE(channel.push(of(3), 6));
  auto seen = channel.look();
  EXPECT_EQ(seen.capacity, 4u);
  EXPECT_EQ(seen.waiting, 3u);
  EXPECT_EQ(seen.depth[1], 1u);
  EXPECT_EQ(seen.depth[6], 2u);
  EXPECT_EQ(seen.pushed, 3u);
  EXPECT_EQ(channel.oldest(), first);
  (void)drain(channel);
  seen = channel.look();
  EXPECT_EQ(seen.waiting, 0u);
  EXPECT_EQ(seen.pushed, 3u);
  EXPECT_EQ(channel.oldest(), std::nullopt);
}

// Producers of every kind against consumers of every kind, while the capacity changes.
void conserves(std::size_t capacity) {
  constexpr int producers = 3;
  constexpr int consumers = 2;
  const int each = test::scaled(6'000);
  task_channel<value> channel{capacity};
  std::vector<std::atomic<int>> arrivals(static_cast<std::size_t>(producers * each));
  std::atomic<int> producing{producers};
  const auto arrive = [&](const value& one) { ++arrivals[static_cast<std::size_t>(*one)]; };

  test::run_together(producers + consumers + 1, [&](int self) {
    if (self < producers) {
      for (int i = 0; i < each; ++i) {
        value mine = of(self * each + i);
        const auto lane = static_cast<std::size_t>(i) % lane_count;
        if (i % 7 == 0) {
          auto victim = channel.push_displacing(std::move(mine), lane, displace::oldest);
          ASSERT_TRUE(victim.has_value());
          if (*victim) arrive(**victim);
        } else if (i % 3 != 0 || channel.try_push(std::move(mine), lane) != status::success) {
          ASSERT_TRUE(channel.push(std::move(mine), lane));
        }
      }
      if (--producing == 0) channel.close();
    } else if (self < producers + consumers) {
      while (auto one = channel.pop()) {
        arrive(*one);
        const auto any = [](const value& other) { return *other % 5 == 0; };
        if (auto another = channel.take_newest_if(any)) arrive(*another);
      }
    } else {
      while (producing > 0) {
        channel.set_capacity(capacity + 1);
        for (const value& one : channel.take_all()) arrive(one);
        channel.set_capacity(capacity);
        std::this_thread::yield();
      }
    }
  });
  for (const auto& count : arrivals) ASSERT_EQ(count.load(), 1);
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(TaskChannel, Stress_EveryValueArrivesOnceAtCapacityOne) { conserves(1); }
TEST_F(TaskChannel, Stress_EveryValueArrivesOnceAtCapacityFour) { conserves(4); }
TEST_F(TaskChannel, Stress_EveryValueArrivesOnceAtCapacityTwelve) { conserves(12); }

}  // namespace
}  // namespace millpool

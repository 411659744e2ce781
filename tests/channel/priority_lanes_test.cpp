// priority_lanes: who is next. 0 is the highest priority.
#include "millpool/channel/priority_lanes.hpp"

#include "millpool/base/manual_clock.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

struct PriorityLanes : testing::Test {
  void put(int value, std::size_t lane) { lanes.emplace(int{value}, lane, time.now()); }
  int next() { return *lanes.take_next(time); }
  std::vector<int> drain() {
    std::vector<int> all;
    while (!lanes.empty()) all.push_back(next());
    return all;
  }
  manual_clock time;
  priority_lanes<int> lanes{aging{.bound = 1s, .share = 4}};
};

using order = std::vector<int>;

TEST_F(PriorityLanes, TakeTheHighestLaneFirst) {
  for (int lane : {3, 7, 0, 5}) put(lane, static_cast<std::size_t>(lane));
  EXPECT_EQ(drain(), (order{0, 3, 5, 7}));
}

TEST_F(PriorityLanes, TakeFirstInFirstOutInALane) {
  for (int i = 0; i < 200; ++i) put(i, 4);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(next(), i);
}

TEST_F(PriorityLanes, CountValuesByLane) {
  put(1, 0);
  put(2, 7);
  put(3, 7);
  EXPECT_EQ(lanes.size(), 3u);
  EXPECT_EQ(lanes.size(0), 1u);
  EXPECT_EQ(lanes.size(7), 2u);
  (void)drain();
  EXPECT_TRUE(lanes.empty());
  EXPECT_EQ(lanes.size(7), 0u);
}

TEST_F(PriorityLanes, ServeAValueThatWaitedLongerThanTheBoundFirst) {
  put(70, 7);
  time.advance(1s);
  put(0, 0);
  EXPECT_EQ(next(), 0);  // just at the bound: not longer
  put(1, 0);
  time.advance(1ns);
  EXPECT_EQ(next(), 70);
  EXPECT_EQ(next(), 1);
}

TEST_F(PriorityLanes, ServeTheOldestOfAllAgedLanes) {
  put(70, 7);
  time.advance(1ms);
  put(30, 3);
  time.advance(2s);
  put(0, 0);
  EXPECT_EQ(next(), 70);
}

TEST_F(PriorityLanes, ServeAtMostOneAgedValueInEveryShare) {
  for (int i = 0; i < 4; ++i) put(70 + i, 7);
  time.advance(2s);
  for (int i = 0; i < 8; ++i) put(i, 0);
  EXPECT_EQ(drain(), (order{70, 0, 1, 2, 71, 3, 4, 5, 72, 6, 7, 73}));
}

TEST_F(PriorityLanes, WithAShareOfOneServeTheAgedAlways) {
  priority_lanes<int> all{aging{.bound = 1s, .share = 1}};
  all.emplace(70, 7, time.now());
  all.emplace(71, 7, time.now());
  time.advance(2s);
  all.emplace(0, 0, time.now());
  EXPECT_EQ(*all.take_next(time), 70);
  EXPECT_EQ(*all.take_next(time), 71);
  EXPECT_EQ(*all.take_next(time), 0);
}

TEST_F(PriorityLanes, KnowTheOldestValueOfAll) {
  EXPECT_EQ(lanes.oldest(), std::nullopt);
  const time_point first = time.now();
  put(1, 5);
  time.advance(1s);
  put(2, 0);
  EXPECT_EQ(lanes.oldest(), first);
  EXPECT_EQ(lanes.take_oldest(), 1);
  EXPECT_EQ(lanes.oldest(), first + 1s);
}

TEST_F(PriorityLanes, GiveUpTheNewestOfTheLowestLaneForAHigherOne) {
  put(50, 5);
  put(60, 6);
  put(61, 6);
  EXPECT_EQ(lanes.take_lowest_below(6), std::nullopt);
  EXPECT_EQ(lanes.take_lowest_below(7), std::nullopt);
  EXPECT_EQ(lanes.take_lowest_below(5), 61);
  EXPECT_EQ(lanes.take_lowest_below(0), 60);
  EXPECT_EQ(lanes.take_lowest_below(0), 50);
  EXPECT_EQ(lanes.take_lowest_below(0), std::nullopt);
}

TEST_F(PriorityLanes, GiveUpTheOldestOfALaneIfItCameBefore) {
  put(40, 4);
  time.advance(1ms);
  put(41, 4);
  put(70, 7);
  const auto before = [](time_point then) {
    return [then](time_point came) { return came < then; };
  };
  EXPECT_EQ(lanes.take_oldest_if(4, before(time.now() - 1ms)), std::nullopt);
  EXPECT_EQ(lanes.take_oldest_if(7, before(time.now())), std::nullopt);
  EXPECT_EQ(lanes.take_oldest_if(3, before(time.now() + 1h)), std::nullopt);
  EXPECT_EQ(lanes.take_oldest_if(4, before(time.now())), 40);
  EXPECT_EQ(lanes.take_oldest_if(4, before(time.now())), std::nullopt);
  EXPECT_EQ(lanes.oldest(4), time.now());
  EXPECT_EQ(lanes.taken(4), 1u);
  EXPECT_EQ(lanes.taken(7), 0u);
}

TEST_F(PriorityLanes, ServeTheNewestOfALaneFirstWhileTheyAreToldTo) {
  for (int i = 0; i < 3; ++i) put(30 + i, 3);
  put(50, 5);
  lanes.serve_newest_first(true);
  EXPECT_EQ(next(), 32);
  EXPECT_EQ(lanes.take_more(3, 2, time, [](int, const arrival&) {}), 0u) << "one at a time";
  lanes.serve_newest_first(false);
  EXPECT_EQ(drain(), (order{30, 31, 50}));
}

TEST_F(PriorityLanes, ServeTheNewestFirstButAgedLanesInTheirTurn) {
  put(70, 7);
  put(71, 7);
  time.advance(2s);
  put(0, 0);
  lanes.serve_newest_first(true);
  EXPECT_EQ(drain(), (order{71, 0, 70}));
}

TEST_F(PriorityLanes, FindTheNewestThatIsWanted) {
  const auto even = [](int value) { return value % 2 == 0; };
  EXPECT_EQ(lanes.take_newest_if(even), std::nullopt);
  put(2, 0);
  time.advance(1ns);
  put(4, 7);
  time.advance(1ns);
  put(5, 3);
  EXPECT_EQ(lanes.take_newest_if(even), 4);
  EXPECT_EQ(lanes.take_newest_if(even), 2);
  EXPECT_EQ(lanes.take_newest_if(even), std::nullopt);
  EXPECT_EQ(drain(), order{5});
}

TEST_F(PriorityLanes, StayInOrderWhenOneIsTakenOutOfTheHeadTheMiddleOrTheTail) {
  for (int victim : {0, 2, 4}) {
    for (int i = 0; i < 5; ++i) put(i, 1);
    EXPECT_EQ(lanes.take_newest_if([&](int value) { return value == victim; }), victim);
    put(5, 1);
    order expected{0, 1, 2, 3, 4, 5};
    std::erase(expected, victim);
    EXPECT_EQ(drain(), expected);
  }
}

// Two that are filled alike, by chance: the one gives value by value, the other in batches. Both go
// the same way through time, which stands still while a batch is taken.
struct PriorityLanesInBatches : testing::TestWithParam<std::uint32_t> {
  struct batch {
    std::size_t lane = 0;
    order values;
  };

  void fill(std::size_t count) {
    for (; count > 0; --count) {
      const std::size_t lane = random() % lane_count;
      one_by_one.emplace(int{next_value}, lane, time.now());
      in_batches.emplace(int{next_value++}, lane, time.now());
    }
  }
  batch take_batch(std::size_t more) {
    batch taken;
    arrival when;
    taken.values.push_back(*in_batches.take_next(time, &when));
    taken.lane = when.lane;
    const std::size_t count =
        in_batches.take_more(when.lane, more, time, [&](int&& value, const arrival& told) {
          EXPECT_EQ(told.lane, when.lane);
          taken.values.push_back(value);
        });
    EXPECT_EQ(count + 1, taken.values.size());
    return taken;
  }
  void expect_the_same_one_by_one(const batch& taken) {
    for (const int value : taken.values) {
      arrival when;
      ASSERT_EQ(one_by_one.take_next(time, &when), value);
      ASSERT_EQ(when.lane, taken.lane);
    }
  }

  aging rule{.bound = 1s, .share = GetParam()};
  manual_clock time;
  priority_lanes<int> one_by_one{rule};
  priority_lanes<int> in_batches{rule};
  std::mt19937 random{GetParam()};
  int next_value = 0;
};

INSTANTIATE_TEST_SUITE_P(Shares, PriorityLanesInBatches, testing::Values(1, 2, 8, 1000));

TEST_P(PriorityLanesInBatches, P3_GiveTheSameOrderWhileNothingHasAged) {
  for (int round = 0; round < 300; ++round) {
    fill(random() % 200);
    for (auto i = random() % 20; i > 0 && !in_batches.empty(); --i) {
      const batch taken = take_batch(random() % 128);
      ASSERT_NO_FATAL_FAILURE(expect_the_same_one_by_one(taken));
    }
    ASSERT_EQ(in_batches.size(), one_by_one.size());
    ASSERT_EQ(in_batches.occupied(), one_by_one.occupied());
    ASSERT_EQ(in_batches.pushed(), one_by_one.pushed());
  }
}

TEST_P(PriorityLanesInBatches, P3_GiveTheSameOrderWhereSomeHaveAged) {
  for (int round = 0; round < 1000; ++round) {
    fill(random() % 100);
    time.advance(std::chrono::milliseconds{random() % 400});
    for (auto i = random() % 40; i > 0 && !in_batches.empty(); --i) {
      const batch taken = take_batch(random() % 128);
      ASSERT_NO_FATAL_FAILURE(expect_the_same_one_by_one(taken));
      if (random() % 8 == 0) time.advance(std::chrono::milliseconds{random() % 100});
    }
    ASSERT_EQ(in_batches.size(), one_by_one.size());
    ASSERT_EQ(in_batches.occupied(), one_by_one.occupied());
  }
}

TEST_P(PriorityLanesInBatches, TakeAllOfTheHighestLaneAtOnceWhileNothingHasAged) {
  fill(400);
  while (!in_batches.empty()) {
    const auto top = static_cast<std::size_t>(std::countr_zero(in_batches.occupied()));
    const std::size_t there = in_batches.size(top);
    EXPECT_EQ(take_batch(1000).values.size(), there);
  }
}

TEST_P(PriorityLanesInBatches, TakeAnAgedValueAlone) {
  for (int i = 0; i < 10; ++i) in_batches.emplace(int{70}, 7, time.now());
  time.advance(2s);
  for (int i = 0; i < 10; ++i) in_batches.emplace(int{0}, 0, time.now());
  EXPECT_EQ(take_batch(100).values, order{70});
}

TEST(PriorityLanesOfUnique, HoldWhatCannotBeCopied) {
  priority_lanes<std::unique_ptr<int>> lanes{aging{}};
  lanes.emplace(std::make_unique<int>(3), 0, steady().now());
  EXPECT_EQ(**lanes.take_next(steady()), 3);
  lanes.emplace(std::make_unique<int>(4), 0, steady().now());  // destroyed with the lanes
}

using PriorityLanesDeathTest = PriorityLanes;
TEST_F(PriorityLanesDeathTest, RefuseALaneThatThereIsNot) {
  EXPECT_DEATH(put(1, lane_count), "a lane is 0");
}

// Against the plainest thing that does the same: a deque a lane, without aging.
TEST_F(PriorityLanes, AgreeWithADequeALaneUnderRandomOperations) {
  std::map<std::size_t, std::deque<int>> model;
  std::mt19937 random{7};
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t lane = random() % lane_count;
    if (random() % 2 == 0) {
      put(i, lane);
      model[lane].push_back(i);
    } else if (random() % 4 == 0) {
      const auto low = lanes.take_lowest_below(0);
      const auto last = model.empty() ? model.end() : std::prev(model.end());
      ASSERT_EQ(low.has_value(), last != model.end() && last->first > 0);
      if (low) {
        ASSERT_EQ(*low, last->second.back());
        last->second.pop_back();
      }
    } else if (!lanes.empty()) {
      ASSERT_EQ(next(), model.begin()->second.front());
      model.begin()->second.pop_front();
    }
    std::erase_if(model, [](const auto& each) { return each.second.empty(); });
    std::size_t sum = 0;
    for (const auto& [at, values] : model) sum += values.size();
    ASSERT_EQ(lanes.size(), sum);
  }
}

}  // namespace
}  // namespace millpool

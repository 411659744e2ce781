// lane_ring: a row that is as a deque is, whatever is done to it.
#include "millpool/channel/lane_ring.hpp"

#include "tests/channel/values.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <utility>

namespace millpool {
namespace {

using test::at;
using test::value;
using ring = lane_ring<value>;

void push(ring& to, int i) {
  to.reserve(1);
  to.push(std::make_unique<int>(i), at(i));
}

void expect_equal(const ring& row, const std::deque<int>& model) {
  ASSERT_EQ(row.size(), model.size());
  ASSERT_EQ(row.empty(), model.empty());
  for (std::size_t i = 0; i < model.size(); ++i) {
    ASSERT_EQ(*row.value(i), model[i]) << i;
    ASSERT_EQ(row.came(i), at(model[i])) << i;
  }
}

TEST(LaneRing, GivesTheFirstFirst) {
  ring row;
  for (int i = 0; i < 100; ++i) push(row, i);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(row.came(), at(i));
    EXPECT_EQ(*row.take_first(), i);
  }
  EXPECT_TRUE(row.empty());
}

TEST(LaneRing, GivesTheLastWhereItIsAsked) {
  ring row;
  for (int i = 0; i < 100; ++i) push(row, i);
  for (int i = 100; i-- > 0;) EXPECT_EQ(*row.take_last(), i);
  EXPECT_TRUE(row.empty());
}

TEST(LaneRing, ClosesTheGapWhereOneIsTakenOutOfTheMiddle) {
  for (std::size_t which = 0; which < 10; ++which) {
    ring row;
    std::deque<int> model;
    for (int i = 0; i < 10; ++i) {
      push(row, i);
      model.push_back(i);
    }
    EXPECT_EQ(*row.take_at(which), static_cast<int>(which));
    model.erase(model.begin() + static_cast<std::ptrdiff_t>(which));
    expect_equal(row, model);
  }
}

TEST(LaneRing, UsesItsSlotsAgainLapAfterLap) {
  // Each number of values that 32 slots can hold, at each of their places.
  for (int waiting = 1; waiting <= 32; ++waiting) {
    ring row;
    row.reserve(32);
    const auto before = test::allocations_of_this_thread();
    int next = 0;
    while (next < waiting) row.push(value{}, at(next++));
    for (int first = 0; first < 100; ++first) {
      ASSERT_EQ(row.size(), static_cast<std::size_t>(waiting));
      ASSERT_EQ(row.came(), at(first));
      ASSERT_EQ(row.came(row.size() - 1), at(next - 1));
      (void)row.take_first();
      row.reserve(1);
      row.push(value{}, at(next++));
    }
    EXPECT_EQ(test::allocations_of_this_thread(), before) << waiting;
  }
}

TEST(LaneRing, GivesSeveralAtOnceAlsoAcrossTheEndOfALap) {
  for (int lap = 0; lap < 32; ++lap) {
    for (std::size_t count = 0; count <= 32; ++count) {
      ring row;
      int next = 0;
      for (int i = 0; i < lap; ++i) {
        push(row, -1);
        (void)row.take_first();
      }
      std::deque<int> model;
      for (int i = 0; i < 32; ++i) {
        push(row, i);
        if (i >= static_cast<int>(count)) model.push_back(i);
      }
      row.take_first(count, [&](value&& taken, time_point came) {
        EXPECT_EQ(*taken, next);
        EXPECT_EQ(came, at(next++));
      });
      EXPECT_EQ(next, static_cast<int>(count));
      expect_equal(row, model);
      push(row, 32);
      model.push_back(32);
      expect_equal(row, model);
    }
  }
}

TEST(LaneRing, KeepsTheOrderWhenItGrowsInTheMiddleOfALap) {
  for (int lap = 0; lap < 33; ++lap) {
    ring row;
    std::deque<int> model;
    for (int i = 0; i < 32; ++i) push(row, i);
    for (int i = 0; i < lap; ++i) {
      if (!row.empty()) (void)row.take_first();
      push(row, 32 + i);
    }
    for (int i = lap; i < 32 + lap; ++i) model.push_back(i);
    for (int i = 1000; i < 1100; ++i) {
      push(row, i);
      model.push_back(i);
    }
    expect_equal(row, model);
  }
}

TEST(LaneRing, TakesAsManyAsWereReservedWithoutAnAllocation) {
  ring row;
  push(row, 0);
  row.reserve(1000);
  const auto before = test::allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) row.push(value{}, at(i));
  EXPECT_EQ(test::allocations_of_this_thread(), before);
  EXPECT_EQ(row.size(), 1001U);
}

TEST(LaneRing, GivesTheMemoryOfABurstBackButForSomeSlots) {
  ring row;
  row.shrink();  // there is nothing to give
  for (int i = 0; i < 10'000; ++i) push(row, i);
  while (!row.empty()) (void)row.take_first();
  row.shrink();
  EXPECT_FALSE(row.full());
  for (int i = 0; i < 32; ++i) row.push(value{}, at(i));
  EXPECT_TRUE(row.full());
}

TEST(LaneRing, DestroysWhatIsLeft) {
  test::census people;
  {
    lane_ring<std::unique_ptr<test::counted>> row;
    for (int i = 0; i < 50; ++i) {
      row.reserve(1);
      row.push(std::make_unique<test::counted>(people, i), at(i));
    }
    for (int i = 0; i < 20; ++i) (void)row.take_first();
    (void)row.take_last();
    (void)row.take_at(7);
    EXPECT_EQ(people.alive(), 28);
  }
  EXPECT_EQ(people.alive(), 0);
}

TEST(LaneRing, IsAsADequeIsWhateverIsDone) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::minstd_rand random{seed};
    ring row;
    std::deque<int> model;
    int next = 0;
    bool fills = true;
    for (int i = 0; i < test::scaled(40'000); ++i) {
      if (model.size() > 300) fills = false;
      if (model.empty()) fills = random() % 2 == 0;
      const auto draw = random() % 16;
      if (draw < (fills ? 10U : 5U)) {
        push(row, next);
        model.push_back(next++);
      } else if (draw == 15) {
        row.reserve(random() % 40);
      } else if (model.empty()) {
        row.shrink();
      } else if (draw == 14) {
        ASSERT_EQ(*row.take_last(), model.back());
        model.pop_back();
      } else if (draw == 13) {
        const std::size_t which = random() % model.size();
        ASSERT_EQ(*row.take_at(which), model[which]);
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(which));
      } else if (draw == 12) {
        row.take_first(random() % std::min<std::size_t>(model.size() + 1, 8),
                       [&](value&& taken, time_point) {
                         EXPECT_EQ(*taken, model.front());
                         model.pop_front();
                       });
      } else {
        ASSERT_EQ(*row.take_first(), model.front());
        model.pop_front();
      }
      if (i % 100 == 0) {
        expect_equal(row, model);
      } else {
        ASSERT_EQ(row.size(), model.size());
      }
    }
    expect_equal(row, model);
  }
}

}  // namespace
}  // namespace millpool

// intake: a row of values that came, until somebody collects them. The interleavings:
// tests/model/intake_model.cpp.
#include "millpool/channel/intake.hpp"

#include "millpool/channel/lane_shadow.hpp"
#include "tests/channel/values.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace millpool {
namespace {

using test::at;
using test::value;
using terms = intake<value>::terms;

constexpr std::uint32_t every_lane = 0xff;

struct Intake : testing::Test {
  Intake() { row.try_allocate(); }

  bool put(int number, std::size_t lane = 4) {
    return row.try_put(std::make_unique<int>(number), lane, at(number), nullptr);
  }
  std::vector<int> take_collected() {
    std::vector<int> all;
    while (row.left() > 0) all.push_back(*row.take_first());
    return all;
  }
  lane_shadow shadow;
  intake<value> row{shadow};
};

using numbers = std::vector<int>;

TEST_F(Intake, TakesNothingInWithoutAGrant) {
  value one = std::make_unique<int>(1);
  EXPECT_FALSE(row.try_put(std::move(one), 4, at(1), nullptr));
  EXPECT_TRUE(one);  // NOLINT(bugprone-use-after-move): left as it was
  EXPECT_FALSE(shadow.any());
  EXPECT_EQ(row.filled(), 0U);
}

TEST_F(Intake, GivesWhatCameInItsOrderWithLaneAndTime) {
  EXPECT_EQ(row.collect({8, every_lane, 0}), 8U);
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(put(i, static_cast<std::size_t>(i)));
  EXPECT_EQ(row.filled(), 3U);
  EXPECT_EQ(shadow.lanes(), 0b1110U);
  (void)row.collect({});
  EXPECT_EQ(row.left(), 3U);
  EXPECT_EQ(row.lanes_left(), 0b1110U);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(row.lane(), static_cast<std::size_t>(i));
    EXPECT_EQ(row.came(), at(i));
    EXPECT_EQ(*row.take_first(), i);
  }
  EXPECT_EQ(row.left(), 0U);
  EXPECT_EQ(shadow.lanes(), 0b1110U) << "until the channel shows what it has";
  shadow.show(0);
  EXPECT_FALSE(shadow.any());
}

TEST_F(Intake, TakesInNoMoreThanItWasGranted) {
  (void)row.collect({2, every_lane, 0});
  EXPECT_TRUE(put(1));
  EXPECT_TRUE(put(2));
  EXPECT_FALSE(put(3));
  EXPECT_EQ(row.collect({3, every_lane, 0}), 1U) << "three were free: two are filled";
  EXPECT_EQ(take_collected(), (numbers{1, 2}));
  EXPECT_TRUE(put(4));
  EXPECT_FALSE(put(5));
  EXPECT_EQ(row.collect({0, every_lane, 0}), 0U);
  EXPECT_FALSE(put(6));
}

TEST_F(Intake, GrantsNoMoreThanARowHolds) {
  constexpr auto size = static_cast<int>(intake<value>::size);
  EXPECT_EQ(row.collect({10'000, every_lane, 0}), intake<value>::size);
  for (int i = 0; i < size; ++i) ASSERT_TRUE(put(i));
  EXPECT_FALSE(put(size));
  (void)row.collect({});
  EXPECT_EQ(take_collected().size(), intake<value>::size);
}

TEST_F(Intake, TakesInOnlyTheLanesThatItWasGranted) {
  (void)row.collect({8, 1U << 4, 0});
  EXPECT_FALSE(put(1, 3));
  EXPECT_TRUE(put(2, 4));
}

TEST_F(Intake, KeepsWhatIsFilledWhenAGrantIsRevoked) {
  (void)row.collect({8, every_lane, 0});
  ASSERT_TRUE(put(1));
  EXPECT_EQ(row.revoke(), 1U);
  EXPECT_FALSE(put(2));
  (void)row.collect({});
  EXPECT_EQ(take_collected(), numbers{1});
}

TEST_F(Intake, TellsAboutHowManyWait) {
  std::size_t waiting = 0;
  const auto put_and_tell = [&] {
    return row.try_put(std::make_unique<int>(0), 4, at(0), &waiting);
  };
  (void)row.collect({8, every_lane, 10});
  ASSERT_TRUE(put_and_tell());
  EXPECT_EQ(waiting, 11U);
  (void)row.collect({8, every_lane, -100});  // so many are about to be taken
  ASSERT_TRUE(put_and_tell());
  EXPECT_EQ(waiting, 1U);
}

TEST_F(Intake, DestroysWhatIsLeft) {
  test::census people;
  {
    lane_shadow its_own;
    intake<std::unique_ptr<test::counted>> full{its_own};
    full.try_allocate();
    (void)full.collect({8, every_lane, 0});
    for (int i = 0; i < 4; ++i) {
      if (i == 2) (void)full.collect({8, every_lane, 0});
      ASSERT_TRUE(full.try_put(std::make_unique<test::counted>(people, i), 4, at(i), nullptr));
    }
    EXPECT_EQ(people.alive(), 4);
  }
  EXPECT_EQ(people.alive(), 0);
}

TEST_F(Intake, Stress_GivesEachValueOnceAndEachProducersInOrder) {
  constexpr int producers = 3;
  const int each = test::scaled(20'000);
  std::vector<int> next(producers, 0);
  int taken = 0;
  test::run_together(producers + 1, [&](int self) {
    if (self < producers) {
      for (int i = 0; i < each;) {
        if (put(self * each + i)) ++i;
      }
      return;
    }
    while (taken < producers * each) {
      (void)row.collect({5, every_lane, 0});
      for (const int number : take_collected()) {
        ASSERT_EQ(number % each, next[static_cast<std::size_t>(number / each)]++);
        ++taken;
      }
    }
  });
  EXPECT_EQ(row.filled(), 0U);
}

}  // namespace
}  // namespace millpool

#include "millpool/channel/bounded_queue.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/watched_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <ranges>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

// What every channel does is in conformance_test.cpp; here is what only bounded_queue has.

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::census;
using test::counted;
using test::move_failed;
using test::watched_clock;

using move_only_queue = bounded_queue<std::unique_ptr<int>>;
static_assert(std::ranges::input_range<move_only_queue>);
static_assert(!std::movable<move_only_queue>);

constexpr auto success = queue_status::success;

TEST(QueueStatus, IsToldByTheNameOfItsEnumerator) {
  EXPECT_EQ(to_string(queue_status::success), "success");
  EXPECT_EQ(to_string(queue_status::empty), "empty");
  EXPECT_EQ(to_string(queue_status::full), "full");
  EXPECT_EQ(to_string(queue_status::closed), "closed");
  EXPECT_EQ(to_string(queue_status::timeout), "timeout");
}

TEST(BoundedQueue, RefusesACapacityOfZeroByNameAndValue) {
  try {
    bounded_queue<int> queue{0};
    FAIL() << "it was made";
  } catch (const std::invalid_argument& refusal) {
    EXPECT_THAT(refusal.what(), ::testing::HasSubstr("capacity"));
    EXPECT_THAT(refusal.what(), ::testing::HasSubstr("0"));
  }
}

TEST(BoundedQueue, APushedCopyLeavesTheOriginal) {
  bounded_queue<std::string> queue{4};
  const std::string original(100, 'x');
  EXPECT_TRUE(queue.push(original));
  EXPECT_EQ(queue.try_push(original), success);
  EXPECT_EQ(queue.push_for(original, 0s), success);
  EXPECT_EQ(queue.push_until(original, steady().now()), success);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.pop(), original);
}

TEST(BoundedQueue, HoldsValuesThatNeedALargeAlignment) {
  struct alignas(128) wide {
    int number;
  };
  bounded_queue<wide> queue{3};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(wide{i}));
  for (wide& taken : (queue.close(), queue)) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&taken) % 128, 0U);
  }
}

TEST(BoundedQueue, P14_AllocatesInItsConstructorOnly) {
  const auto before = test::allocations_of_this_thread();
  bounded_queue<std::unique_ptr<int>> queue{8};
  const auto after_constructor = test::allocations_of_this_thread();
  EXPECT_EQ(after_constructor, before + 1);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 8; ++i) EXPECT_EQ(queue.try_push(nullptr), success);
    EXPECT_EQ(queue.push_for(nullptr, 0s), queue_status::timeout);
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(queue.pop().has_value());
    EXPECT_EQ(queue.pop_for(0s).error(), queue_status::timeout);
  }
  EXPECT_EQ(test::allocations_of_this_thread(), after_constructor);
}

TEST(BoundedQueue, DestroysTheValuesThatAreLeftInside) {
  census people;
  {
    bounded_queue<counted> queue{4};
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push(counted{people, i}));
    EXPECT_EQ(queue.pop()->number(), 0);
    EXPECT_EQ(queue.pop()->number(), 1);
    EXPECT_TRUE(queue.push(counted{people, 4}));  // the values lie across the ring's end
    EXPECT_EQ(people.alive(), 3);
  }
  EXPECT_EQ(people.alive(), 0);
}

TEST(BoundedQueue, HoldsNothingOfAValueThatWasTaken) {
  bounded_queue<std::shared_ptr<int>> queue{2};
  const auto mine = std::make_shared<int>(1);
  EXPECT_TRUE(queue.push(mine));
  EXPECT_EQ(mine.use_count(), 2);
  EXPECT_TRUE(queue.pop().has_value());
  EXPECT_EQ(mine.use_count(), 1);
}

TEST(BoundedQueue, WhoTakesTheLastValueMayDestroyIt) {
  for (int round = 0; round < test::scaled(2000); ++round) {
    auto queue = std::make_unique<bounded_queue<int>>(1);
    std::jthread producer{[&at = *queue] { EXPECT_TRUE(at.push(1)); }};
    EXPECT_EQ(queue->pop(), 1);
    queue.reset();  // push() may not have returned yet
  }
}

// --- time ---

TEST(BoundedQueueTime, AWaitEndsAtItsDeadline) {
  manual_clock time;
  bounded_queue<int> empty{1, time};
  bounded_queue<int> full{1, time};
  EXPECT_TRUE(full.push(1));
  std::jthread consumer{[&] { EXPECT_EQ(empty.pop_for(1h).error(), queue_status::timeout); }};
  std::jthread producer{[&] { EXPECT_EQ(full.push_for(2, 1h), queue_status::timeout); }};
  // Each thread may read the clock before or after an advance: keep on until both have ended.
  std::atomic<bool> ended{false};
  std::jthread passing{[&] {
    while (!ended) time.advance(1min);
  }};
  consumer.join();
  producer.join();
  ended = true;
  EXPECT_EQ(full.size(), 1U);
}

TEST(BoundedQueueTime, AWaitDoesNotEndBeforeItsDeadline) {
  manual_clock time;
  const time_point deadline = time.now() + 1h;
  bounded_queue<int> empty{1, time};
  bounded_queue<int> full{1, time};
  EXPECT_TRUE(full.push(1));
  std::jthread consumer{[&] { EXPECT_EQ(empty.pop_until(deadline), 7); }};
  std::jthread producer{[&] { EXPECT_EQ(full.push_until(2, deadline), success); }};
  time.advance(1h - 1ns);
  EXPECT_TRUE(empty.push(7));
  EXPECT_EQ(full.pop(), 1);
}

TEST(BoundedQueueTime, WithoutNeedToWaitADeadlineInThePastIsMet) {
  bounded_queue<int> queue{1};
  EXPECT_EQ(queue.push_until(1, time_point::min()), success);
  EXPECT_EQ(queue.push_until(2, time_point::min()), queue_status::timeout);
  EXPECT_EQ(queue.pop_until(time_point::min()), 1);
  EXPECT_EQ(queue.pop_until(time_point::min()).error(), queue_status::timeout);
  EXPECT_EQ(queue.push_for(3, -1h), success);
  EXPECT_EQ(queue.pop_for(duration::min()), 3);
}

TEST(BoundedQueueTime, BySteadyTimeAWaitLastsAsLongAsAskedAtLeast) {
  bounded_queue<int> queue{1};
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(queue.pop_for(2ms).error(), queue_status::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);

  EXPECT_TRUE(queue.push(1));
  start = std::chrono::steady_clock::now();
  EXPECT_EQ(queue.push_for(2, 2ms), queue_status::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
}

TEST(BoundedQueueTime, TheLongestWaitIsWithoutEndAndNotInThePast) {
  bounded_queue<int> queue{1};
  std::jthread consumer{[&] { EXPECT_EQ(queue.pop_for(duration::max()), 5); }};
  EXPECT_EQ(queue.push_for(5, duration::max()), success);
}

TEST(BoundedQueueTime, AValueThatCameTooLateStaysWithItsOwner) {
  bounded_queue<std::unique_ptr<int>> queue{1};
  EXPECT_TRUE(queue.push(nullptr));
  auto mine = std::make_unique<int>(7);
  EXPECT_EQ(queue.push_for(std::move(mine), 0s), queue_status::timeout);
  ASSERT_NE(mine, nullptr);  // NOLINT(bugprone-use-after-move): the claim itself
  queue.close();
  EXPECT_EQ(queue.push_for(std::move(mine), 1h), queue_status::closed);
  ASSERT_NE(mine, nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(BoundedQueueTime, CloseEndsTimedWaits) {
  watched_clock time;
  bounded_queue<int> empty{1, time};
  bounded_queue<int> full{1, time};
  EXPECT_TRUE(full.push(1));
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back(
        [&] { EXPECT_EQ(empty.pop_until(time.never()).error(), queue_status::closed); });
    waiting.emplace_back(
        [&] { EXPECT_EQ(full.push_until(2, time.never()), queue_status::closed); });
  }
  time.await_waits(4);
  empty.close();
  full.close();
}

TEST(BoundedQueueTime, AClosedQueueIsDrainedBeforeItSaysClosed) {
  bounded_queue<int> queue{2};
  EXPECT_TRUE(queue.push(1));
  queue.close();
  EXPECT_EQ(queue.pop_for(1h), 1);
  EXPECT_EQ(queue.pop_for(1h).error(), queue_status::closed);
}

// --- range-for ---

TEST(BoundedQueueRange, TakesAllUntilTheQueueIsClosedAndDrained) {
  move_only_queue queue{2};
  std::jthread producer{[&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.push(std::make_unique<int>(i)));
    queue.close();
  }};
  std::vector<std::unique_ptr<int>> taken;
  for (auto& value : queue) taken.push_back(std::move(value));
  ASSERT_EQ(taken.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*taken[static_cast<std::size_t>(i)], i);
}

TEST(BoundedQueueRange, DoesNothingOnAClosedAndEmptyQueue) {
  bounded_queue<int> queue{1};
  queue.close();
  for (const int value : queue) ADD_FAILURE() << value;
}

TEST(BoundedQueueRange, TakesNoMoreThanItsStepsAskedFor) {
  bounded_queue<int> queue{4};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push(i));
  for (const int value : queue) {
    if (value == 1) break;
  }
  EXPECT_EQ(queue.pop(), 2);
}

TEST(BoundedQueueRange, GivesEachValueToOneOfSeveralLoops) {
  bounded_queue<int> queue{4};
  std::atomic<int> sum{0};
  const int values = test::scaled(5000);
  test::run_together(3, [&](int thread) {
    if (thread == 0) {
      for (int i = 1; i <= values; ++i) EXPECT_TRUE(queue.push(i));
      return queue.close();
    }
    for (const int value : queue) sum += value;
  });
  EXPECT_EQ(sum, values * (values + 1) / 2);
}

// --- values that throw when they are moved ---

class BoundedQueueExceptions : public ::testing::Test {
 protected:
  ~BoundedQueueExceptions() override {
    EXPECT_EQ(people_.alive(), 0) << "births and deaths differ";
  }

  census people_;
  watched_clock time_;
};

TEST_F(BoundedQueueExceptions, APushThatThrowsLeavesChannelAndValueAsTheyWere) {
  bounded_queue<counted> queue{2, time_};
  EXPECT_TRUE(queue.push(counted{people_, 1}));
  counted mine{people_, 2};

  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.push(std::move(mine)), move_failed);
  people_.moves_until_throw = 0;
  // NOLINTNEXTLINE(bugprone-use-after-move): the claim itself
  EXPECT_THROW(std::ignore = queue.try_push(std::move(mine)), move_failed);
  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.try_push(mine), move_failed);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(mine.number(), 2);

  EXPECT_TRUE(queue.push(std::move(mine)));
  EXPECT_EQ(queue.pop()->number(), 1);
  EXPECT_EQ(queue.pop()->number(), 2);
}

TEST_F(BoundedQueueExceptions, APopThatThrowsLosesThatOneValue) {
  bounded_queue<counted> queue{5, time_};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push(counted{people_, i}));

  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.pop(), move_failed);
  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.try_pop(), move_failed);
  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.pop_for(1h), move_failed);
  EXPECT_EQ(people_.alive(), 2);

  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.pop()->number(), 3);
  EXPECT_EQ(queue.pop()->number(), 4);
}

TEST_F(BoundedQueueExceptions, APushThatThrowsPassesItsWakeUpOn) {
  bounded_queue<counted> queue{1, time_};
  EXPECT_TRUE(queue.push(counted{people_, 0}));
  std::atomic<int> threw{0};
  std::vector<std::jthread> producers;
  for (int i = 1; i <= 2; ++i) {
    producers.emplace_back([&, i] {
      try {
        EXPECT_EQ(queue.push_until(counted{people_, i}, time_.never()), success);
      } catch (const move_failed&) {
        ++threw;
      }
    });
  }
  time_.await_waits(2);
  people_.moves_until_throw = 1;        // after the pop's move: that of the producer which it wakes
  EXPECT_EQ(queue.pop()->number(), 0);  // one wake-up, and the first woken throws
  EXPECT_GT(queue.pop()->number(), 0);  // so the other must have got it: this would wait forever
  producers.clear();                    // joins
  EXPECT_EQ(threw, 1);
}

TEST_F(BoundedQueueExceptions, APopThatThrowsStillWakesAProducer) {
  bounded_queue<counted> queue{1, time_};
  EXPECT_TRUE(queue.push(counted{people_, 0}));
  std::jthread producer{[&] {
    EXPECT_EQ(queue.push_until(counted{people_, 1}, time_.never()), success);
  }};
  time_.await_waits(1);
  people_.moves_until_throw = 0;
  EXPECT_THROW(std::ignore = queue.pop(), move_failed);
  EXPECT_EQ(queue.pop()->number(), 1);
}

// --- wake-ups ---

TEST(BoundedQueueWakeups, P6_EveryConsumerThatHasAValueIsWoken) {
  for (int round = 0; round < test::scaled(200); ++round) {
    watched_clock time;
    bounded_queue<int> queue{3, time};
    std::atomic<int> sum{0};
    {
      std::vector<std::jthread> consumers;
      consumers.reserve(3);
      for (int i = 0; i < 3; ++i) {
        consumers.emplace_back([&] { sum += queue.pop_until(time.never()).value_or(1000); });
      }
      time.await_waits(3);
      // Mostly before the first one woken comes to run: each push needs a wake-up of its own.
      for (const int value : {1, 2, 4}) EXPECT_TRUE(queue.push(value));
    }
    ASSERT_EQ(sum, 7);
  }
}

TEST(BoundedQueueWakeups, P6_EveryProducerThatHasRoomIsWoken) {
  for (int round = 0; round < test::scaled(200); ++round) {
    watched_clock time;
    bounded_queue<int> queue{3, time};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.push(0));
    {
      std::vector<std::jthread> producers;
      for (const int value : {1, 2, 4}) {
        producers.emplace_back(
            [&, value] { EXPECT_EQ(queue.push_until(value, time.never()), success); });
      }
      time.await_waits(3);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop(), 0);
    }
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += queue.pop().value_or(1000);
    ASSERT_EQ(sum, 7);
  }
}

}  // namespace
}  // namespace millpool

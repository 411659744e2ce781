#include "millpool/policy/bulkhead.hpp"

#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/result_channel.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {
namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

TEST(Bulkhead, AdmitsUpToItsLimitAndNotOneMore) {
  bulkhead limit{3};
  std::vector<permit> held;
  for (int i = 0; i < 3; ++i) held.push_back(limit.try_acquire().value());
  EXPECT_EQ(limit.in_use(), 3U);
  EXPECT_EQ(limit.try_acquire().error(), submit_errc::limit_exceeded);
  held.pop_back();
  EXPECT_TRUE(limit.try_acquire());
}

TEST(Bulkhead, WeighsWhatItAdmits) {
  bulkhead limit{10};
  const auto seven = limit.try_acquire(7);
  ASSERT_TRUE(seven);
  EXPECT_EQ(seven->weight(), 7U);
  EXPECT_FALSE(limit.try_acquire(4));
  EXPECT_TRUE(limit.try_acquire(3));
}

TEST(Bulkhead, RefusesWhatWeighsMoreThanTheWholeLimit) {
  bulkhead limit{10};
  EXPECT_FALSE(limit.try_acquire(11));
  EXPECT_FALSE(limit.try_acquire(most));
  EXPECT_TRUE(limit.try_acquire(10));
}

TEST(Bulkhead, AddsNothingUpBeyondWhatANumberHolds) {
  bulkhead limit{most};
  const auto all_but_one = limit.try_acquire(most - 1);
  ASSERT_TRUE(all_but_one);
  EXPECT_FALSE(limit.try_acquire(2));
  EXPECT_TRUE(limit.try_acquire(1));
}

TEST(Bulkhead, ALimitOfZeroAdmitsNothing) {
  bulkhead limit{0};
  EXPECT_FALSE(limit.try_acquire());
}

TEST(Bulkhead, ARefusalTakesNothing) {
  bulkhead limit{5};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.try_acquire(6));
  EXPECT_EQ(limit.in_use(), 0U);
}

TEST(Bulkhead, ALoweredLimitRefusesUntilEnoughHasComeBack) {
  bulkhead limit{10};
  auto six = limit.try_acquire(6).value();
  auto four = limit.try_acquire(4).value();
  limit.set_limit(5);
  EXPECT_EQ(limit.limit(), 5U);
  EXPECT_EQ(limit.in_use(), 10U);
  EXPECT_FALSE(limit.try_acquire());
  six.drop();
  EXPECT_TRUE(limit.try_acquire(1));
  EXPECT_FALSE(limit.try_acquire(2));
}

TEST(Bulkhead, ARaisedLimitAdmitsMoreAtOnce) {
  bulkhead limit{1};
  const auto one = limit.try_acquire();
  EXPECT_FALSE(limit.try_acquire());
  limit.set_limit(2);
  EXPECT_TRUE(limit.try_acquire());
}

TEST(Permit, GivesItsWeightBackOnceHoweverItEnds) {
  bulkhead limit{30};
  {
    auto recorded = limit.try_acquire(10).value();
    auto dropped = limit.try_acquire(10).value();
    const auto forgotten = limit.try_acquire(10);
    recorded.record();
    EXPECT_EQ(limit.in_use(), 20U);
    EXPECT_EQ(recorded.weight(), 0U);
    recorded.drop();
    recorded.record();
    EXPECT_EQ(limit.in_use(), 20U);
    dropped.drop();
    dropped.drop();
    EXPECT_EQ(limit.in_use(), 10U);
  }
  EXPECT_EQ(limit.in_use(), 0U);
}

TEST(Permit, MovesWithItsWeight) {
  static_assert(!std::is_copy_constructible_v<permit>);
  bulkhead limit{30};
  auto first = limit.try_acquire(10).value();
  permit second{std::move(first)};
  EXPECT_EQ(limit.in_use(), 10U);
  auto third = limit.try_acquire(20).value();
  third = std::move(second);  // gives back the 20 that it held
  EXPECT_EQ(limit.in_use(), 10U);
  EXPECT_EQ(third.weight(), 10U);
  third = permit{};
  EXPECT_EQ(limit.in_use(), 0U);
}

// A permit that is taken is an amount added to `held` after it was admitted, and subtracted before
// it goes back: so `held` can never be seen above the limit unless the limit was exceeded.
class BulkheadUnderContention : public ::testing::TestWithParam<int> {};

TEST_P(BulkheadUnderContention, P7_TheLimitIsNeverExceededAndAllComesBack) {
  constexpr std::uint64_t size = 100;
  bulkhead limit{size};
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> admitted{0};
  std::atomic<int> exceeded{0};
  const int each = test::scaled(50'000);
  test::run_together(GetParam(), [&](int who) {
    std::uint64_t weight = static_cast<std::uint64_t>(who) + 1;
    for (int i = 0; i < each; ++i) {
      weight = weight * 6364136223846793005U + 1442695040888963407U;
      const std::uint64_t wanted = 1 + (weight >> 33) % 60;  // two together are often too many
      auto got = limit.try_acquire(wanted);
      if (!got) continue;
      if (held.fetch_add(wanted) + wanted > size) ++exceeded;
      ++admitted;
      held.fetch_sub(wanted);
      if (i % 2 == 0) got->record();
    }
  });
  EXPECT_EQ(exceeded, 0);
  EXPECT_GT(admitted, 0U);
  EXPECT_EQ(held, 0U);
  EXPECT_EQ(limit.in_use(), 0U);
  EXPECT_TRUE(limit.try_acquire(size));
}

TEST_P(BulkheadUnderContention, P7_NobodyWhoKnowsOfTheLoweredLimitIsAdmittedBeyondIt) {
  bulkhead limit{100};
  std::atomic<bool> lowered{false};
  std::atomic<int> exceeded{0};
  const int each = test::scaled(20'000);
  test::run_together(GetParam() + 1, [&](int who) {
    if (who == 0) {
      limit.set_limit(10);
      lowered = true;
      return;
    }
    for (int i = 0; i < each; ++i) {
      const bool known = lowered;
      if (limit.try_acquire(11) && known) ++exceeded;
    }
  });
  EXPECT_EQ(exceeded, 0);
  EXPECT_EQ(limit.in_use(), 0U);
}

// P2: a task's captures are gone before its result can be seen. So one that was popped has given
// its permit back, and who waits for room need only pop.
TEST_P(BulkheadUnderContention, APoppedResultHasGivenItsPermitBack) {
  const auto workers = static_cast<std::size_t>(GetParam());
  bulkhead limit{3};
  std::atomic<int> running{0};
  std::atomic<int> exceeded{0};
  int popped = 0;
  {
    worker_pool pool{{.name = "test", .min_workers = workers, .max_workers = workers}};
    result_channel<int> results{64};
    std::uint64_t outstanding = 0;
    const auto pop_one = [&] {
      ASSERT_GT(outstanding, 0U);
      ASSERT_TRUE(results.pop().has_value());
      --outstanding;
      ++popped;
      ASSERT_LE(limit.in_use(), outstanding);
    };
    const int tasks = test::scaled(20'000);
    for (int i = 0; i < tasks; ++i) {
      // Who submits is the reader, too: permits may be back long before their results are popped.
      if (outstanding == results.capacity()) {
        ASSERT_NO_FATAL_FAILURE(pop_one());
      }
      auto room = limit.try_acquire();
      while (!room) {
        ASSERT_NO_FATAL_FAILURE(pop_one());
        room = limit.try_acquire();
      }
      const auto accepted = results.submit(pool, [&, room = std::move(*room)] {
        if (running.fetch_add(1) + 1 > 3) ++exceeded;
        --running;
        return 1;
      });
      ASSERT_TRUE(accepted);
      ++outstanding;
    }
    results.close();
    for (auto& result : results) popped += result.value();
    EXPECT_EQ(popped, tasks);
    EXPECT_EQ(limit.in_use(), 0U);
  }
  EXPECT_EQ(exceeded, 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, BulkheadUnderContention, ::testing::Values(1, 2, 8),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace millpool

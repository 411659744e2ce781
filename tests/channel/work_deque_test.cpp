// work_deque: its owner's newest, its thieves' oldest, each entry once. The interleavings:
// tests/model/work_deque_model.cpp.
#include "millpool/channel/work_deque.hpp"

#include "tests/support/allocations.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using deque = work_deque<std::uint64_t>;

/// As a task of the pool: more than a word, and torn if its words are not of one piece.
struct task {
  explicit task(std::uint64_t id) : words{id, id * 3, ~id, id ^ 0x5555} {}
  [[nodiscard]] std::uint64_t id() const { return words[0]; }
  [[nodiscard]] bool is_whole() const {
    const task other{words[0]};
    return std::equal(std::begin(words), std::end(words), other.words);
  }
  std::uint64_t words[4];
};

std::uint64_t popped(deque& from) {
  std::uint64_t entry = 0;
  EXPECT_TRUE(from.pop(entry));
  return entry;
}
std::uint64_t stolen(deque& from) {
  std::uint64_t entry = 0;
  EXPECT_EQ(from.steal(entry), steal_outcome::taken);
  return entry;
}

TEST(WorkDeque, GivesItsOwnerTheNewestAndAThiefTheOldest) {
  deque entries{8};
  for (std::uint64_t i = 1; i <= 4; ++i) EXPECT_TRUE(entries.push(i));
  EXPECT_EQ(popped(entries), 4U);
  EXPECT_EQ(stolen(entries), 1U);
  EXPECT_EQ(stolen(entries), 2U);
  EXPECT_EQ(popped(entries), 3U);
}

TEST(WorkDeque, GivesNothingWhenItIsEmptyAndLeavesTheArgumentAlone) {
  deque entries{2};
  std::uint64_t entry = 77;
  EXPECT_FALSE(entries.pop(entry));
  EXPECT_EQ(entries.steal(entry), steal_outcome::empty);
  EXPECT_TRUE(entries.push(1));
  EXPECT_EQ(popped(entries), 1U);
  EXPECT_FALSE(entries.pop(entry));
  EXPECT_EQ(entries.steal(entry), steal_outcome::empty);
  EXPECT_EQ(entry, 77U);
}

TEST(WorkDeque, RefusesAPushWhenItIsFullAndTakesItWhenThereIsRoom) {
  deque entries{2};
  EXPECT_TRUE(entries.push(1));
  EXPECT_TRUE(entries.push(2));
  EXPECT_FALSE(entries.push(3));
  EXPECT_EQ(stolen(entries), 1U);
  EXPECT_TRUE(entries.push(4));
  EXPECT_FALSE(entries.push(5));
  EXPECT_EQ(popped(entries), 4U);
  EXPECT_TRUE(entries.push(6));
  EXPECT_FALSE(entries.push(7));
  EXPECT_EQ(stolen(entries), 2U);
  EXPECT_EQ(stolen(entries), 6U);
  EXPECT_TRUE(entries.empty());
}

TEST(WorkDeque, WorksWithASinglePlace) {
  deque entries{1};
  for (std::uint64_t i = 1; i <= 5; ++i) {
    EXPECT_TRUE(entries.push(i));
    EXPECT_FALSE(entries.push(9));
    EXPECT_EQ(i % 2 == 0 ? popped(entries) : stolen(entries), i);
  }
}

TEST(WorkDeque, UsesItsSlotsAgainLapAfterLap) {
  work_deque<task> entries{4};
  std::uint64_t next = 0;
  std::uint64_t oldest = 0;
  task entry{0};
  for (int lap = 0; lap < 50; ++lap) {
    while (entries.push(task{next})) ++next;
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(entries.steal(entry), steal_outcome::taken);
      ASSERT_TRUE(entry.is_whole());
      ASSERT_EQ(entry.id(), oldest++);
    }
    EXPECT_EQ(entries.size(), 1U);
  }
}

TEST(WorkDeque, ShowsWhatIsInIt) {
  deque entries{4};
  const auto has = [&](std::uint64_t id) {
    return entries.any([&](std::uint64_t each) { return each == id; });
  };
  EXPECT_FALSE(has(0));
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(entries.push(i));
  EXPECT_EQ(stolen(entries), 1U);
  EXPECT_EQ(popped(entries), 3U);
  EXPECT_FALSE(has(1));
  EXPECT_TRUE(has(2));
  EXPECT_FALSE(has(3));
}

TEST(WorkDeque, TellsItsSizeAndCapacity) {
  deque entries{4};
  EXPECT_EQ(entries.capacity(), 4U);
  EXPECT_TRUE(entries.empty());
  for (std::uint64_t i = 1; i <= 4; ++i) {
    EXPECT_TRUE(entries.push(i));
    EXPECT_EQ(entries.size(), i);
  }
  EXPECT_FALSE(entries.empty());
}

TEST(WorkDeque, AllocatesAtTheFirstPushAndNeverAgain) {
  static_assert(sizeof(deque) == 2 * cache_line_size);
  const auto before = test::allocations_of_this_thread();
  deque entries{1024};
  std::uint64_t entry = 0;
  EXPECT_FALSE(entries.pop(entry));
  EXPECT_EQ(entries.steal(entry), steal_outcome::empty);
  EXPECT_EQ(test::allocations_of_this_thread(), before);
  for (int i = 0; i < 3'000; ++i) {
    EXPECT_TRUE(entries.push(1));
    EXPECT_TRUE(entries.pop(entry));
  }
  EXPECT_EQ(test::allocations_of_this_thread(), before + 1);
}

TEST(WorkDequeDeathTest, RefusesACapacityThatIsNoPowerOfTwo) {
  EXPECT_DEATH(deque{3}, "power of two");
  EXPECT_DEATH(deque{0}, "power of two");
}

/// The owner pushes and pops at random, more of the former, while `thieves` steal: each entry is
/// taken once, and whole.
void expect_each_is_taken_once(int thieves, std::size_t capacity) {
  const auto count = static_cast<std::uint64_t>(test::scaled(50'000));
  work_deque<task> entries{capacity};
  std::vector<std::atomic<int>> taken(count);
  std::atomic<bool> owner_is_done{false};
  std::atomic<int> torn{0};
  const auto take = [&](const task& entry) {
    if (!entry.is_whole() || entry.id() >= count) {
      ++torn;
    } else {
      ++taken[entry.id()];
    }
  };
  const auto own = [&] {
    task entry{0};
    std::minstd_rand chance;
    for (std::uint64_t id = 0; id < count;) {
      for (auto pushes = chance() % 8; pushes > 0 && id < count; --pushes) {
        if (entries.push(task{id})) {
          ++id;
        } else {
          std::this_thread::yield();
        }
      }
      for (auto pops = chance() % 4; pops > 0 && entries.pop(entry); --pops) take(entry);
    }
    while (entries.pop(entry)) take(entry);
    owner_is_done = true;
  };
  const auto steal = [&] {
    task entry{0};
    std::uint64_t last = 0;
    while (!owner_is_done) {
      if (entries.steal(entry) == steal_outcome::taken) {
        take(entry);
        EXPECT_GE(entry.id(), last) << "the oldest comes first";
        last = entry.id();
      } else {
        std::this_thread::yield();
      }
    }
  };

  test::run_together(1 + thieves, [&](int which) { which == 0 ? own() : steal(); });

  EXPECT_EQ(torn.load(), 0);
  EXPECT_TRUE(entries.empty());
  const auto wrong = std::ranges::count_if(taken, [](const auto& times) { return times != 1; });
  EXPECT_EQ(wrong, 0) << "entries of " << count;
}

TEST(WorkDeque, Stress_EachEntryIsTakenOnceByTheOwnerOrAThief) { expect_each_is_taken_once(1, 64); }
TEST(WorkDeque, Stress_EachEntryIsTakenOnceByTheOwnerOrOneOfThreeThieves) {
  expect_each_is_taken_once(3, 8);
}
TEST(WorkDeque, Stress_EachEntryIsTakenOnceFromASinglePlace) { expect_each_is_taken_once(2, 1); }

// With a pair of fences in the place of membarrier.
TEST(WorkDeque, Stress_EachEntryIsTakenOnceWithoutMembarrier) {
  const barrier_pair before = detail::barriers.exchange(barrier_pair::fences);
  expect_each_is_taken_once(2, 4);
  detail::barriers = before;
}

}  // namespace
}  // namespace millpool

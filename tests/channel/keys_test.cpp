// Serial and fair keys: in fair_turns, in priority_lanes and in the channel.
#include "millpool/base/manual_clock.hpp"
#include "millpool/channel/task_channel.hpp"
#include "tests/channel/values.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::of;
using test::value;
using order = std::vector<int>;

placement fair(std::size_t lane, std::uint64_t key) { return {lane, std::nullopt, key}; }
placement weighed(std::size_t lane, std::uint64_t key, std::uint32_t weight) {
  return {lane, std::nullopt, key, placement::now, weight};
}
placement serial(std::size_t lane, std::uint64_t key) { return {lane, key, std::nullopt}; }

struct Keys : testing::Test {
  void push(int number, const placement& where) {
    ASSERT_EQ(channel.try_push(of(number), where), queue_status::success);
    time.advance(1ms);
  }
  std::optional<int> pop() {
    auto next = channel.try_pop();
    if (!next) return std::nullopt;
    return **next;
  }
  order drain() {
    order all;
    while (const auto next = pop()) all.push_back(*next);
    return all;
  }
  void release(std::uint64_t key) { channel.release(key); }

  manual_clock time;
  serial_keys keys;
  task_channel<value> channel{64, {.bound = 1h}, time, &keys};
};

TEST(FairTurns, GoRoundTheKeys) {
  fair_turns turns;
  for (fair_turns::slot each : {10U, 11U, 12U}) turns.add_newest(1, each);
  turns.add_newest(2, 20);
  turns.add_newest(3, 30);
  turns.remove(1, 11);
  turns.add_by_age(3, 29, [](fair_turns::slot other) { return other > 29; });
  std::vector<fair_turns::slot> seen;
  for (const std::uint64_t key : {1U, 2U, 3U, 1U, 3U}) {
    seen.push_back(turns.first());
    turns.remove(key, turns.first());
  }
  EXPECT_EQ(seen, (std::vector<fair_turns::slot>{10, 20, 29, 12, 30}));
}

TEST(FairTurns, GiveAKeyAsManyInARowAsItsWeight) {
  fair_turns turns;
  for (fair_turns::slot each = 10; each < 17; ++each) turns.add_newest(1, each, 3);
  for (fair_turns::slot each = 20; each < 24; ++each) turns.add_newest(2, each, 1);
  std::vector<fair_turns::slot> seen;
  while (seen.size() < 11) {
    seen.push_back(turns.first());
    turns.remove(seen.back() / 10, seen.back());
  }
  EXPECT_EQ(seen, (std::vector<fair_turns::slot>{10, 11, 12, 20, 13, 14, 15, 21, 16, 22, 23}));
}

TEST(FairTurns, TakeTheNewestWeightOfAKeyAndCountTheTurnsItHasHad) {
  fair_turns turns;
  for (fair_turns::slot each = 10; each < 18; ++each) turns.add_newest(1, each, 4);
  for (fair_turns::slot each = 20; each < 23; ++each) turns.add_newest(2, each);
  const auto next = [&] {
    const fair_turns::slot first = turns.first();
    turns.remove(first / 10, first);
    return first;
  };
  EXPECT_EQ(next(), 10U);
  turns.add_newest(1, 18, 2);  // one of these two it has had
  const std::vector<fair_turns::slot> expected{11, 20, 12, 13, 21, 14};
  for (const fair_turns::slot each : expected) EXPECT_EQ(next(), each);
}

TEST(FairTurns, DoNotSaveUpWhatAKeyHasNotUsed) {
  fair_turns turns;
  turns.add_newest(1, 10, 3);
  turns.add_newest(2, 20);
  turns.remove(1, 10);  // two turns of it are gone
  for (fair_turns::slot each = 11; each < 16; ++each) turns.add_newest(1, each, 3);
  turns.add_newest(2, 21);
  std::vector<fair_turns::slot> seen;
  while (seen.size() < 7) {
    seen.push_back(turns.first());
    turns.remove(seen.back() / 10, seen.back());
  }
  EXPECT_EQ(seen, (std::vector<fair_turns::slot>{20, 11, 12, 13, 21, 14, 15}));
}

using FairKeys = Keys;

TEST_F(FairKeys, HaveTurnsByTheirWeight) {
  for (int i = 10; i < 18; ++i) push(i, weighed(4, 1, 3));
  for (int i = 20; i < 24; ++i) push(i, fair(4, 2));
  for (int i = 30; i < 34; ++i) push(i, weighed(4, 3, 2));
  EXPECT_EQ(drain(), (order{10, 11, 12, 20, 30, 31, 13, 14, 15, 21, 32, 33, 16, 17, 22, 23}));
}

// A turn that was had stays had, whatever weights come in.
TEST_F(FairKeys, GiveTheTurnOnThoughTheirWeightChanges) {
  for (int i = 10; i < 30; ++i) push(i, weighed(4, 1, 3));
  push(30, fair(4, 2));
  order seen;
  for (int i = 0; i < 4; ++i) {
    seen.push_back(pop().value());
    push(40 + 2 * i, weighed(4, 1, 1));
    push(41 + 2 * i, weighed(4, 1, 3));
  }
  EXPECT_EQ(seen, (order{10, 11, 12, 30}));
}

TEST_F(FairKeys, KeepTheirWeightBeyondAStepAside) {
  push(10, {4, 7, 1, placement::now, 2});
  EXPECT_EQ(pop(), 10);
  push(11, {4, 7, 1, placement::now, 2});
  EXPECT_EQ(pop(), std::nullopt);  // it steps aside
  for (int i = 20; i < 23; ++i) push(i, fair(4, 2));
  release(7);
  for (int i = 12; i < 14; ++i) push(i, weighed(4, 1, 2));
  EXPECT_EQ(drain(), (order{20, 11, 12, 21, 13, 22}));
}

TEST_F(FairKeys, LetAValueWithoutOneGoBehindThoseOfItsLane) {
  push(1, 4);
  push(2, serial(4, 7));
  ASSERT_EQ(channel.try_push(of(3), 4, time.now()), queue_status::success);
  EXPECT_EQ(drain(), (order{1, 2, 3}));
  ASSERT_EQ(channel.try_push(of(4), 4, time.now()), queue_status::success);
  EXPECT_EQ(drain(), order{4});
}

TEST_F(FairKeys, TakeTurnsHoweverManyValuesEachHas) {
  for (int i = 10; i < 15; ++i) push(i, fair(4, 1));
  push(20, fair(4, 2));
  push(30, fair(4, 3));
  push(31, fair(4, 3));
  EXPECT_EQ(drain(), (order{10, 20, 30, 11, 31, 12, 13, 14}));
}

TEST_F(FairKeys, LetOneOfEachOtherKeyPass) {
  push(10, fair(4, 1));
  push(11, fair(4, 1));
  push(0, 4);
  push(20, fair(4, 2));
  push(1, 4);
  EXPECT_EQ(drain(), (order{10, 20, 11, 0, 1}))
      << "who has no key waits for the older ones, as ever";
}

TEST_F(FairKeys, DoNotReachOverPriorities) {
  push(40, fair(4, 1));
  push(41, fair(4, 1));
  push(10, fair(1, 1));
  push(42, fair(4, 2));
  EXPECT_EQ(drain(), (order{10, 40, 42, 41}));
}

using SerialKeys = Keys;

TEST_F(SerialKeys, AreOutOneAtATime) {
  for (int i : {10, 11, 12}) push(i, serial(4, 1));
  push(20, serial(4, 2));
  push(0, 4);
  EXPECT_EQ(drain(), (order{10, 20, 0}));
  EXPECT_EQ(channel.look().waiting, 2U);
  EXPECT_EQ(channel.look().depth[4], 2U) << "what steps aside keeps its place";
  release(2);
  EXPECT_EQ(pop(), std::nullopt);
  release(1);
  EXPECT_EQ(drain(), (order{11}));
  release(1);
  EXPECT_EQ(drain(), (order{12}));
}

TEST_F(SerialKeys, ComeBackToThePlaceOfTheirAge) {
  push(10, serial(4, 1));
  push(11, serial(4, 1));
  push(0, 4);
  push(1, 4);
  EXPECT_EQ(pop(), 10);
  EXPECT_EQ(pop(), 0);  // past 11, which steps aside
  push(2, 4);
  release(1);
  EXPECT_EQ(drain(), (order{11, 1, 2}));
}

TEST_F(SerialKeys, GoByPriorityAndThenByAge) {
  push(10, serial(4, 1));
  EXPECT_EQ(pop(), 10);
  push(41, serial(4, 1));
  push(42, serial(4, 1));
  push(21, serial(2, 1));
  EXPECT_EQ(pop(), std::nullopt);
  for (const int next : {21, 41, 42}) {
    release(1);
    EXPECT_EQ(drain(), (order{next}));
  }
}

TEST_F(SerialKeys, HoldNobodyUpWhoseForerunnerIsDisplaced) {
  task_channel<value> small{2, {.bound = 1h}, time, &keys};
  ASSERT_TRUE(small.push(of(10), serial(4, 1)));
  ASSERT_TRUE(small.push(of(11), serial(4, 1)));
  EXPECT_EQ(**small.try_pop(), 10);
  ASSERT_TRUE(small.push(of(12), serial(4, 1)));
  EXPECT_EQ(small.try_pop().error(), queue_status::empty);  // both step aside
  EXPECT_TRUE(small.release(1));                            // 11 is ready, 12 is not
  auto victim = small.push_displacing(of(0), 4, displace::oldest);
  EXPECT_EQ(**victim.value(), 11);
  EXPECT_EQ(**small.try_pop(), 12);
  EXPECT_EQ(**small.try_pop(), 0);
}

TEST_F(SerialKeys, LeaveNothingToDisplaceWhereAllStepAside) {
  task_channel<value> small{1, {}, time, &keys};
  ASSERT_TRUE(small.push(of(10), serial(4, 1)));
  EXPECT_EQ(**small.try_pop(), 10);
  ASSERT_TRUE(small.push(of(11), serial(4, 1)));
  EXPECT_EQ(small.try_pop().error(), queue_status::empty);
  for (const displace who : {displace::oldest, displace::lowest}) {
    EXPECT_EQ(small.push_displacing(of(0), 0, who).error(), queue_status::full);
  }
}

TEST_F(SerialKeys, AreNotTakenOutOfTheirOrder) {
  push(10, serial(4, 1));
  push(11, serial(4, 1));
  EXPECT_EQ(channel.take_newest_if([](const value&) { return true; }), std::nullopt);
  EXPECT_EQ(pop(), 10);
}

TEST_F(SerialKeys, LetWhoWantsOneTakeWhatComesBeforeItByItsKey) {
  bool is_it = false;
  const auto next_for = [&](int number) -> int {
    auto next = channel.take_next_of_its_key([&](const value& each) { return *each == number; },
                                             nullptr, is_it);
    return next ? **next : -1;
  };
  push(0, 4);
  push(10, serial(4, 1));
  push(20, serial(4, 2));
  push(11, serial(4, 1));
  push(30, fair(4, 1));
  push(9, serial(2, 1));
  EXPECT_EQ(next_for(30), -1) << "no serial key";
  EXPECT_EQ(next_for(99), -1);
  EXPECT_EQ(next_for(11), 9);
  EXPECT_FALSE(is_it);
  EXPECT_EQ(next_for(11), -1) << "held";
  release(1);
  EXPECT_EQ(next_for(11), 10);
  EXPECT_FALSE(is_it);
  EXPECT_EQ(pop(), 0);
  EXPECT_EQ(pop(), 20);
  EXPECT_EQ(pop(), 30) << "11 steps aside";
  EXPECT_EQ(next_for(11), -1) << "held, and aside";
  release(1);
  EXPECT_EQ(next_for(11), 11);
  EXPECT_TRUE(is_it);
  EXPECT_TRUE(channel.size() == 0);
}

TEST_F(SerialKeys, DoNotHideWhatWaits) {
  const auto waits = [&](int number) {
    return channel.any_waits([&](const value& each) { return *each == number; });
  };
  push(1, serial(4, 7));
  push(2, serial(4, 7));
  push(3, 4);  // behind these
  push(4, 2);  // in the ring of another lane
  EXPECT_EQ(pop(), 4);
  EXPECT_EQ(pop(), 1);
  EXPECT_EQ(pop(), 3);  // the second has stepped aside
  EXPECT_FALSE(waits(1));
  EXPECT_TRUE(waits(2));
  EXPECT_FALSE(waits(3));
  push(5, 0);
  EXPECT_TRUE(waits(5));
  channel.pause();
  EXPECT_TRUE(waits(2));
}

TEST_F(SerialKeys, AreFreeInAllChannelsThatShareThem) {
  task_channel<value> other{2, {}, time, &keys};
  push(10, serial(4, 1));
  EXPECT_EQ(pop(), 10);
  ASSERT_TRUE(other.push(of(11), serial(4, 1)));
  EXPECT_EQ(other.try_pop().error(), queue_status::empty);
  EXPECT_TRUE(channel.release(1, &other));
  EXPECT_EQ(**other.try_pop(), 11);
}

TEST_F(SerialKeys, KeepAClosedChannelOpenForWhatStepsAside) {
  push(10, serial(4, 1));
  push(11, serial(4, 1));
  EXPECT_EQ(pop(), 10);
  channel.close();
  EXPECT_EQ(channel.try_pop().error(), queue_status::empty);
  EXPECT_FALSE(channel.is_at_its_end());
  {
    std::vector<std::jthread> consumers;
    std::atomic<int> taken{0};
    for (int i = 0; i < 3; ++i) {
      consumers.emplace_back([&] {
        if (channel.pop()) ++taken;
      });
    }
    release(1);
    for (auto& each : consumers) each.join();
    EXPECT_EQ(taken, 1);
  }
  EXPECT_TRUE(channel.is_at_its_end());
}

TEST_F(SerialKeys, AreTakenAllTheSameWhenEverythingIs) {
  push(10, serial(4, 1));
  push(11, serial(4, 1));
  push(12, serial(2, 1));
  EXPECT_EQ(pop(), 12);
  EXPECT_EQ(pop(), std::nullopt);
  EXPECT_EQ(channel.oldest(), time.now() - 3ms);
  order all;
  for (const value& each : channel.take_all()) all.push_back(*each);
  EXPECT_EQ(all, (order{10, 11}));
}

// Against a plain account: whatever is pushed, taken, ended or displaced, each value comes out
// once, no two of a serial key are out at the same time, and of one key and lane they come in
// order.
struct HeldKeys : Keys {
  using taken = task_channel<value>::taken;
  const serial_key mails{1, serial_key::no_limit};
  const serial_key cards{2, serial_key::no_limit};

  placement where(const serial_key& key, std::size_t lane = 4,
                  std::optional<std::uint64_t> fair_key = {}) {
    return {lane, key, fair_key};
  }
  taken take() { return *channel.try_take(); }
  void put_back(taken one, const serial_key& key, std::optional<std::uint64_t> fair_key = {}) {
    placement back = where(key, one.when.lane, fair_key);
    back.came = one.when.came;
    channel.put_back(std::move(one.value), back, one.when.number);
    channel.release(key);
  }
};

TEST_F(HeldKeys, AreNotTakenUntilTheyAreLetGo) {
  for (int i = 0; i < 4; ++i) push(i, where(mails));
  push(9, {4});
  keys.hold_back(mails);
  EXPECT_EQ(drain(), order{9});
  EXPECT_FALSE(channel.can_take());
  EXPECT_EQ(channel.size(), 4U);
  EXPECT_TRUE(channel.let_go(mails));
  EXPECT_EQ(drain(), (order{0, 1, 2, 3}));
  EXPECT_FALSE(channel.let_go(mails));
}

TEST_F(HeldKeys, ComeBackAmongTheOthersOfTheirLane) {
  for (int i = 0; i < 12; ++i) push(i, where(i % 3 == 0 ? mails : cards, i % 2 == 0 ? 4 : 5));
  keys.hold_back(mails);
  keys.hold_back(cards);
  EXPECT_EQ(drain(), order{});
  push(12, {4});
  EXPECT_TRUE(channel.let_go(cards));
  EXPECT_TRUE(channel.let_go(mails));
  EXPECT_EQ(drain(), (order{0, 2, 4, 6, 8, 10, 12, 1, 3, 5, 7, 9, 11}));
}

TEST_F(HeldKeys, ArePutBackToWhereTheyWere) {
  for (int i = 0; i < 6; ++i) push(i, where(i == 3 ? cards : mails));
  std::vector<taken> out;
  for (int i = 0; i < 3; ++i) out.push_back(take());
  for (const std::size_t which : {1U, 2U, 0U}) put_back(std::move(out[which]), mails);
  EXPECT_EQ(drain(), (order{0, 1, 2, 3, 4, 5}));
}

TEST_F(HeldKeys, ThatArePutBackHaveTheirTurnByFairKey) {
  for (int i = 0; i < 3; ++i) push(i, where(mails, 4, 7));
  taken first = take();
  put_back(std::move(first), mails, 7);
  EXPECT_EQ(drain(), (order{0, 1, 2}));
}

TEST_F(HeldKeys, ThatArePutBackCountAsNeverTaken) {
  channel.set_capacity(2);
  push(0, where(mails));
  push(1, where(mails));
  taken first = take();
  push(2, where(mails));
  put_back(std::move(first), mails);
  EXPECT_EQ(channel.size(), 3U);
  EXPECT_EQ(channel.pushed(), 3U);
  EXPECT_EQ(channel.try_push(of(3), where(mails)), queue_status::full);
  EXPECT_EQ(channel.look().taken[4], 0U);
  EXPECT_EQ(*take().value, 0);
  EXPECT_EQ(channel.try_push(of(3), where(mails)), queue_status::full);
  EXPECT_EQ(*take().value, 1);
  EXPECT_EQ(channel.try_push(of(3), where(mails)), queue_status::success);
}

TEST_F(HeldKeys, ThatArePutBackAreNotTheNewest) {
  channel.set_capacity(2);
  push(0, where(mails));
  taken first = take();
  push(1, {4});  // into the ring, since nothing is in the list
  push(2, {4});
  put_back(std::move(first), mails);
  auto victim = channel.push_displacing(of(3), {0}, displace::lowest);
  ASSERT_TRUE(victim && *victim);
  EXPECT_EQ(***victim, 2);
}

TEST_F(HeldKeys, AreTakenByWhoWaitsForOneOfThem) {
  for (int i = 0; i < 3; ++i) push(i, where(mails));
  keys.hold_back(mails);
  EXPECT_EQ(drain(), order{});
  bool is_it = false;
  const auto wanted = [](const value& each) { return *each == 1; };
  const auto found = channel.take_next_of_its_key(wanted, nullptr, is_it);
  ASSERT_TRUE(found);
  EXPECT_EQ(**found, 1) << "and not what comes before it";
  EXPECT_TRUE(is_it);
  channel.let_go(mails);
  EXPECT_EQ(drain(), (order{0, 2}));
}

TEST_F(SerialKeys, Random_AgreeWithAnAccount) {
  std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same every time
  const auto pick = [&](int below) { return static_cast<int>(random() % unsigned(below)); };
  struct origin {
    std::uint64_t key;
    std::size_t lane;
  };
  std::map<int, origin> inside;
  std::map<std::uint64_t, int> out;
  std::map<std::pair<std::uint64_t, std::size_t>, int> last;
  int pushed = 0;
  int left = 0;
  const auto leave = [&](int number) {
    EXPECT_EQ(inside.erase(number), 1U);
    ++left;
  };
  for (int step = 0; step < 50'000; ++step) {
    switch (pick(5)) {
      case 0:
      case 1: {
        const origin from{static_cast<std::uint64_t>(pick(3)), static_cast<std::size_t>(pick(8))};
        const placement where{from.lane, from.key, from.key % 2};
        if (channel.try_push(of(pushed), where) == queue_status::success) {
          inside[pushed++] = from;
          time.advance(1us);
        }
        break;
      }
      case 2:
        if (const auto number = pop()) {
          const origin from = inside.at(*number);
          EXPECT_TRUE(out.emplace(from.key, *number).second) << "two of one key are out";
          auto& before = last.try_emplace({from.key, from.lane}, -1).first->second;
          EXPECT_LT(before, *number);
          before = *number;
          leave(*number);
        } else {
          std::map<std::uint64_t, int> keys_inside;
          for (const auto& [number_inside, from] : inside) ++keys_inside[from.key];
          for (const auto& [key, count] : keys_inside) EXPECT_TRUE(out.contains(key)) << key;
        }
        break;
      case 3:
        if (!out.empty()) {
          const std::uint64_t key = out.begin()->first;
          out.erase(key);
          release(key);
        }
        break;
      default:
        if (channel.size() == channel.capacity()) {
          const auto who = pick(2) == 0 ? displace::oldest : displace::lowest;
          auto victim = channel.push_displacing(of(pushed), 0, who);
          if (victim && *victim) {
            leave(***victim);
            inside[pushed++] = {99, 0};
            // Out at once again, without a key: it only made room.
            (void)channel.take_newest_if([&](const value& each) { return *each == pushed - 1; });
            leave(pushed - 1);
          }
        }
    }
    ASSERT_EQ(channel.size(), inside.size());
  }
  EXPECT_GT(left, 5'000);
}

}  // namespace
}  // namespace millpool

// Does a channel with an intake look like one, however producers and collectors meet?
#include "millpool/channel/intake.hpp"
#include "millpool/channel/lane_shadow.hpp"
#include "millpool/channel/task_channel.hpp"
#include "tests/support/explore/explore.hpp"
// The same headers with one slip each, made by CMakeLists.txt:
#include "mutants/a_close_that_leaves_the_intake_open.hpp"
#include "mutants/a_lane_that_is_not_shown_while_it_moves.hpp"
#include "mutants/more_than_was_granted.hpp"
#include "mutants/no_place_left_for_who_waits.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace millpool {
namespace {

using explore::check;

constexpr std::size_t lane = 4;
constexpr time_point came{};

// ---- the intake alone

// Two producers put two values each into three places; a third thread collects, twice.
template <template <class> class Intake>
struct two_put_and_one_collects {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which > 0) {
      for (int i = 0; i < 2; ++i) {
        if (row.try_put(static_cast<int>(which) * 10 + i, lane, came, nullptr)) ++put[which];
      }
      return;
    }
    collect();
    collect();
  }
  void end() {
    collect();
    check(put[1] + put[2] == taken, "what was put is collected, once");
    check(!shadow.any() || shadow.lanes() == 1U << lane, "no other lane is shown");
  }

  // Three places in all, as if nobody took a value out of the channel.
  void collect() {
    (void)row.collect({.free = static_cast<std::size_t>(3 - taken), .lanes = ~0U, .waiting = 0});
    check(row.left() <= static_cast<std::size_t>(3 - taken), "no more than was granted");
    while (row.left() > 0) {
      check(shadow.any(), "a value that waits is shown");
      const int value = row.take_first();
      int& before = last[static_cast<std::size_t>(value / 10)];
      check(value > before, "one producer's values come in its order");
      before = value;
      ++taken;
    }
  }

  two_put_and_one_collects() {
    row.try_allocate();
    collect();
  }
  lane_shadow shadow;
  Intake<int> row{shadow};
  std::array<int, 3> put{};
  std::array<int, 3> last{};
  int taken = 0;
};

TEST(IntakeModel, GivesWhatWasPutOnceAndInOrderAndNoMoreThanWasGranted) {
  explore::expect_holds<two_put_and_one_collects<intake>>();
}
TEST(IntakeModel, CatchesAPutBeyondWhatWasGranted) {
  explore::expect_caught<two_put_and_one_collects<mutants::more_than_was_granted::intake>>();
}

// A lane moves from the one half to the other while somebody looks.
template <class Shadow>
struct a_lane_moves {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      shadow.collected(1U << lane);
      shadow.show(1U << lane);
    } else {
      check(shadow.any(), "it is shown all the time");
    }
  }
  void end() { check(shadow.lanes() == 1U << lane, "and afterwards"); }

  a_lane_moves() { shadow.came(lane); }
  Shadow shadow;
};

TEST(LaneShadowModel, ShowsALaneAllTheTimeThatItMoves) {
  explore::expect_holds<a_lane_moves<lane_shadow>>();
}
TEST(LaneShadowModel, CatchesALaneThatIsNotShownWhileItMoves) {
  using mutants::a_lane_that_is_not_shown_while_it_moves::lane_shadow;
  explore::expect_caught<a_lane_moves<lane_shadow>>();
}

// ---- the channel with it

constexpr std::size_t capacity = 64;

template <class Channel, std::size_t waiting>
struct with_a_channel {
  with_a_channel() {
    for (std::size_t i = 0; i < waiting; ++i) (void)try_push(-1);
    (void)channel.look();  // collects, and grants what is free
  }
  [[nodiscard]] bool try_push(int value) {
    return channel.try_push(std::move(value), lane, came) == queue_status::success;
  }
  explore::virtual_clock time;
  Channel channel{capacity, {}, time};
};

// One place is free, and two producers want it, while a third thread looks, which moves the grant.
struct one_place_is_free : with_a_channel<task_channel<int>, capacity - 1> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      check(channel.look().waiting <= capacity, "the capacity is not exceeded, not by one");
      return;
    }
    if (try_push(1)) {
      check(channel.can_take(), "what was pushed is shown");
      accepted.fetch_add(1);
    }
  }
  void end() {
    check(accepted.load() == 1, "one has got the place");
    check(channel.size() == capacity, "it is full");
  }

  atomic<int> accepted{0};
};

TEST(IntakeModel, GivesTheLastPlaceToOneOfTwo) { explore::expect_holds<one_place_is_free>(); }

// Each producer looks after its push: what nobody has taken is shown, at every moment.
struct pushed_is_shown : with_a_channel<task_channel<int>, 1> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int i = 0; i < 2; ++i) (void)channel.look();
    } else {
      check(try_push(1), "there is room");
      check(channel.can_take(), "what was pushed is shown");
    }
  }
  void end() { check(channel.take_all().size() == 3, "all three are there"); }
};

TEST(IntakeModel, ShowsWhatWasPushedAtEveryMoment) { explore::expect_holds<pushed_is_shown>(); }

// It is full, and two producers wait. Two places come free, and then nothing moves any more.
template <class Channel>
struct two_wait_for_two_places : with_a_channel<Channel, capacity> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int i = 0; i < 2; ++i) check(this->channel.try_pop().has_value(), "it is full");
    } else {
      check(this->channel.push(1, lane), "nobody closes");
    }
  }
  void end() { check(this->channel.size() == capacity, "both have come in"); }
};

TEST(IntakeModel, LeavesItsPlacesToThoseWhoWait) {
  explore::expect_holds<two_wait_for_two_places<task_channel<int>>>();
}
TEST(IntakeModel, CatchesAGrantOfWhatOthersWaitFor) {
  explore::expect_caught<
      two_wait_for_two_places<mutants::no_place_left_for_who_waits::task_channel<int>>>();
}

// One pushes, one takes until the end, and one closes at any moment.
template <class Channel>
struct a_close : with_a_channel<Channel, 1> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      while (this->channel.pop()) ++taken;
    } else if (which == 1) {
      for (int i = 0; i < 2; ++i) pushed += static_cast<int>(this->try_push(1));
    } else {
      this->channel.close();
      check(!this->try_push(1), "after the close nothing comes in");
    }
  }
  void end() { check(taken == pushed + 1, "what came in before is taken"); }

  int pushed = 0;
  int taken = 0;
};

TEST(IntakeModel, TakesNothingInAfterTheClose) {
  explore::expect_holds<a_close<task_channel<int>>>();
}
TEST(IntakeModel, CatchesACloseThatLeavesTheIntakeOpen) {
  explore::expect_caught<
      a_close<mutants::a_close_that_leaves_the_intake_open::task_channel<int>>>();
}

}  // namespace
}  // namespace millpool

// Is a value ever lost or doubled in a task_channel, and does anybody ever sleep for ever?
#include "millpool/channel/task_channel.hpp"
#include "tests/support/explore/explore.hpp"
// The same header, with what large channels do, for a channel of any capacity, made by
// CMakeLists.txt:
#include "mutants/every_capacity_has_an_intake.hpp"
#include "mutants/every_producer_waits_for_a_share.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

/// How often each value went in and came out.
struct tally {
  std::array<int, 8> pushed{};
  std::array<int, 8> popped{};

  template <class Channel>
  void push(Channel& channel, int value, std::size_t lane = 4) {
    const bool at_once = channel.try_push(int{value}, lane, time_point{}) == queue_status::success;
    if (at_once || channel.push(int{value}, lane)) ++pushed[static_cast<std::size_t>(value)];
  }
  template <class Channel>
  bool pop(Channel& channel) {
    const std::optional<int> value = channel.pop();
    if (value) ++popped[static_cast<std::size_t>(*value)];
    return value.has_value();
  }
  template <class Channel>
  void check_equal(Channel& channel) {
    while (auto left = channel.try_pop()) ++popped[static_cast<std::size_t>(*left)];
    for (std::size_t i = 0; i < pushed.size(); ++i) {
      check(pushed[i] <= 1 && pushed[i] == popped[i],
            "value " + std::to_string(i) + " comes out as often as it went in");
    }
  }
};

// Two producers of two values each through a channel of one place; the consumer takes them all.
template <class Channel>
struct one_place {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      int last_of_first = -1;
      for (int i = 0; i < 4; ++i) {
        const std::optional<int> value = channel.pop();
        check(value.has_value(), "an open channel gives a value");
        ++sums.popped[static_cast<std::size_t>(*value)];
        check(channel.size() <= 1, "the capacity is not exceeded, not by one");
        if (*value < 2) {
          check(*value > last_of_first, "one producer's values come in its order");
          last_of_first = *value;
        }
      }
    } else {
      const int base = static_cast<int>(which - 1) * 2;
      sums.push(channel, base);
      sums.push(channel, base + 1);
    }
  }
  void end() { sums.check_equal(channel); }

  explore::virtual_clock time;
  Channel channel{1, {}, time};
  tally sums;
};

TEST(TaskChannelModel, AtCapacityOneEveryValueArrivesOnce) {
  explore::expect_holds<one_place<task_channel<int>>>();
}

// One closes while another pushes and a third waits to pop.
template <class Channel>
struct close_at_any_moment {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      while (sums.pop(channel)) {
      }
      check(channel.is_closed(), "a pop without a value means closed");
    } else if (which == 1) {
      for (int i = 0; i < 3; ++i) sums.push(channel, i, static_cast<std::size_t>(7 - i));
    } else {
      channel.close();
    }
  }
  void end() {
    sums.check_equal(channel);
    check(!channel.push(7, 0), "a closed channel takes nothing");
  }

  explore::virtual_clock time;
  Channel channel{1, {}, time};
  tally sums;
};

TEST(TaskChannelModel, CloseWakesEverybodyAndLosesNothing) {
  explore::expect_holds<close_at_any_moment<task_channel<int>>>();
}

// Two producers wait for room in a channel that nobody reads: a larger capacity lets them in.
template <class Channel>
struct room_by_capacity {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      channel.set_capacity(3);
    } else {
      sums.push(channel, static_cast<int>(which));
    }
  }
  void end() {
    check(channel.size() == 3, "both found room");
    channel.set_capacity(1);
    check(channel.try_push(7, 0) == queue_status::full, "a capacity below the depth refuses");
    sums.check_equal(channel);
  }

  room_by_capacity() { sums.push(channel, 0); }
  explore::virtual_clock time;
  Channel channel{1, {}, time};
  tally sums;
};

TEST(TaskChannelModel, ALargerCapacityWakesAllForWhomThereIsRoom) {
  explore::expect_holds<room_by_capacity<task_channel<int>>>();
}

// Two producers wait in a channel of two places; one of them gives up. The wake that it was sent
// goes to the other.
struct one_gives_up {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      check(sums.pop(channel), "there is a value");
    } else if (which == 1) {
      const auto status = channel.push_until(1, 4, time.now() + std::chrono::seconds{1});
      check(status != queue_status::closed, "nobody closes");
      if (status == queue_status::success) {
        ++sums.pushed[1];
        check(sums.pop(channel), "there is a value");
      }
    } else {
      sums.push(channel, 2);
    }
  }
  void end() { sums.check_equal(channel); }

  one_gives_up() {
    sums.push(channel, 5);
    sums.push(channel, 6);
  }
  explore::virtual_clock time;
  task_channel<int> channel{2, {}, time};
  tally sums;
};

TEST(TaskChannelModel, AProducerThatGivesUpPassesItsWakeOn) {
  explore::expect_holds<one_gives_up>();
}

// One of them waits as long as a rule is in force, which is then given up: it comes back, and the
// wake that it was sent goes to the other.
struct one_asks_whether_it_goes_on {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      in_force.store(false, std::memory_order_relaxed);
      channel.ask_producers();
      check(sums.pop(channel), "there is a value");
    } else if (which == 1) {
      const auto goes_on = [&] { return in_force.load(std::memory_order_relaxed); };
      const auto status = channel.push_while(goes_on, 1, 4, no_deadline);
      check(status == queue_status::success || status == queue_status::full, "in or back");
      if (status == queue_status::success) {
        ++sums.pushed[1];
        check(sums.pop(channel), "there is a value");
      }
    } else {
      sums.push(channel, 2);
    }
  }
  void end() {
    sums.check_equal(channel);
    check(sums.pushed[2] == 1, "the other came in");
  }

  one_asks_whether_it_goes_on() { sums.push(channel, 5); }
  explore::virtual_clock time;
  task_channel<int> channel{1, {}, time};
  atomic<bool> in_force{true};
  tally sums;
};
// The same where no place ever comes free.
struct all_ask_whether_they_go_on {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      in_force.store(false, std::memory_order_relaxed);
      channel.ask_producers();
    } else {
      const auto goes_on = [&] { return in_force.load(std::memory_order_relaxed); };
      check(channel.push_while(goes_on, 1, 4, no_deadline) == queue_status::full, "back");
    }
  }
  void end() { check(channel.look().producers == 0, "nobody waits"); }

  all_ask_whether_they_go_on() { (void)channel.push(0, 4); }
  explore::virtual_clock time;
  task_channel<int> channel{1, {}, time};
  atomic<bool> in_force{true};
};

TEST(TaskChannelModel, AProducerThatIsToldNotToGoOnComesBack) {
  explore::expect_holds<one_asks_whether_it_goes_on>();
  explore::expect_holds<all_ask_whether_they_go_on>();
}

struct two_consumers_at_the_close {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      sums.push(channel, 0);
      channel.close();
    } else {
      while (sums.pop(channel)) {
      }
    }
  }
  void end() {
    sums.check_equal(channel);
    check(sums.popped[0] == 1, "what was accepted before the close is taken");
  }

  explore::virtual_clock time;
  task_channel<int> channel{1, {}, time};
  tally sums;
};

TEST(TaskChannelModel, CloseEndsEveryConsumer) {
  explore::expect_holds<two_consumers_at_the_close>();
}

// Takers of every kind at once.
struct takers {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int value : channel.take_all()) ++sums.popped[static_cast<std::size_t>(value)];
    } else if (which == 1) {
      if (const auto value = channel.take_newest_if([](int each) { return each != 2; })) {
        ++sums.popped[static_cast<std::size_t>(*value)];
      }
      sums.push(channel, 3);
    } else {
      auto victim = channel.push_displacing(4, 0, displace::oldest);
      check(victim.has_value(), "an open channel takes it");
      ++sums.pushed[4];
      if (*victim) ++sums.popped[static_cast<std::size_t>(**victim)];
    }
  }
  void end() { sums.check_equal(channel); }

  takers() {
    sums.push(channel, 1);
    sums.push(channel, 2);
  }
  explore::virtual_clock time;
  task_channel<int> channel{2, {}, time};
  tally sums;
};

TEST(TaskChannelModel, HoweverAValueIsTakenItIsTakenOnce) { explore::expect_holds<takers>(); }

// Two producers find a channel of eight full: they are told when two places are free, or come for
// the first after a while.
struct a_share_comes_free {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int i = 0; i < 3; ++i) check(channel.try_pop().has_value(), "it is full of values");
    } else {
      check(channel.push(int{7}, 4), "nobody closes");
    }
  }
  void end() {
    check(channel.size() == 7, "both have come in");
    check(channel.look().producers == 0, "and nobody waits");
  }

  a_share_comes_free() {
    for (int i = 0; i < 8; ++i) (void)channel.push(int{i}, 4);
  }
  explore::virtual_clock time;
  task_channel<int> channel{8, {}, time};
};

TEST(TaskChannelModel, AShareOfThePlacesLetsEverybodyIn) {
  explore::expect_holds<a_share_comes_free>();
}
TEST(TaskChannelModel, HoldsWithAnIntakeAtAnyCapacity) {
  using with_intake = mutants::every_capacity_has_an_intake::task_channel<int>;
  explore::expect_holds<one_place<with_intake>>();
  explore::expect_holds<close_at_any_moment<with_intake>>();
  explore::expect_holds<room_by_capacity<with_intake>>();
}
TEST(TaskChannelModel, HoldsWhereEveryProducerWaitsForAShareFirst) {
  using patient = mutants::every_producer_waits_for_a_share::task_channel<int>;
  explore::expect_holds<one_place<patient>>();
  explore::expect_holds<close_at_any_moment<patient>>();
  explore::expect_holds<room_by_capacity<patient>>();
}

TEST(TaskChannelModel, CatchesANotifyThatWakesNobody) {
  explore::expect_caught<one_place<task_channel<int>>>(fault::notify_one_wakes_nobody);
  explore::expect_caught<close_at_any_moment<task_channel<int>>>(fault::notify_all_wakes_nobody);
  explore::expect_caught<room_by_capacity<task_channel<int>>>(fault::notify_all_wakes_nobody);
  explore::expect_caught<all_ask_whether_they_go_on>(fault::notify_all_wakes_nobody);
}
TEST(TaskChannelModel, CatchesACloseThatWakesOneOfTwo) {
  explore::expect_caught<two_consumers_at_the_close>(fault::notify_all_wakes_one);
}

}  // namespace
}  // namespace millpool

// Does every result arrive once, whatever lands first, is refused, is closed or given up meanwhile?
#include "millpool/result/result_buffer.hpp"
#include "tests/support/explore/explore.hpp"
// The same headers with one slip each, made by CMakeLists.txt:
#include "mutants/a_look_that_forgets_who_waits.hpp"
#include "mutants/a_push_that_hangs_on_nothing.hpp"
#include "mutants/a_refusal_that_wakes_no_reader.hpp"
#include "mutants/every_submitter_waits_for_a_share.hpp"
#include "mutants/every_wait_lets_several_land.hpp"
#include "mutants/no_await_before_the_sleep.hpp"
#include "mutants/no_room_passed_on.hpp"

#include <gtest/gtest.h>

#include <array>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

// ---- the list alone

struct node {
  int value = 0;
  node* next_landed = nullptr;
};

// Two threads push two each; a third collects, and ends the list, perhaps before they are done.
template <template <class> class List>
struct two_push_and_one_collects {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      take(landed.collect());
      take(landed.collect());
      const auto rest = landed.end();
      check(!rest.awaited, "nobody waits where nobody has asked to be woken");
      take(rest.oldest);
      return;
    }
    for (int i = 0; i < 2; ++i) {
      node& mine = nodes[which - 1][static_cast<std::size_t>(i)];
      mine.value = i + 1;
      if (landed.push(mine) == List<node>::pushed::gone) kept += mine.value;
    }
  }
  void end() { check(taken + kept == 6, "each node is taken, and taken once"); }

  void take(node* first) {
    for (; first != nullptr; first = first->next_landed) {
      int& before = last[first < &nodes[1][0] ? 0 : 1];
      check(first->value > before, "in the order in which its thread has pushed it");
      before = first->value;
      taken += first->value;
    }
  }

  List<node> landed;
  std::array<std::array<node, 2>, 2> nodes;
  std::array<int, 2> last{};
  int taken = 0;
  int kept = 0;  // by those who found that nobody collects any more
};

// One waits, for one of two pushes; the other one must not be told to wake it.
template <template <class> class List>
struct exactly_one_wakes {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which > 0) {
      if (landed.push(nodes[which - 1]) == List<node>::pushed::waiter) wakes.fetch_add(1);
      return;
    }
    awaits = landed.await() == List<node>::awaiting::yes;
    (void)landed.collect();  // a look, as of a reader that woke early
  }
  void end() {
    check(landed.any() || landed.collect() == nullptr, "the list is whole");
    check(wakes.load() == (awaits ? 1U : 0U), "one push in all finds who waits");
  }

  List<node> landed;
  std::array<node, 2> nodes;
  bool awaits = false;
  atomic<unsigned> wakes{0};
};

TEST(LandedListModel, GivesEachNodeOnceAndInOrder) {
  explore::expect_holds<two_push_and_one_collects<landed_list>>();
}
TEST(LandedListModel, TellsExactlyOnePushThatSomebodyWaits) {
  explore::expect_holds<exactly_one_wakes<landed_list>>();
}
TEST(LandedListModel, CatchesAPushThatIsALoadAndAStore) {
  explore::expect_caught<two_push_and_one_collects<landed_list>>(fault::rmw_is_load_and_store);
  explore::expect_caught<exactly_one_wakes<landed_list>>(fault::rmw_is_load_and_store);
}
TEST(LandedListModel, CatchesAPushThatHangsItsNodeOnNothing) {
  using mutants::a_push_that_hangs_on_nothing::landed_list;
  explore::expect_caught<two_push_and_one_collects<landed_list>>();
}
TEST(LandedListModel, CatchesALookThatForgetsWhoWaits) {
  using mutants::a_look_that_forgets_who_waits::landed_list;
  explore::expect_caught<exactly_one_wakes<landed_list>>();
}

// ---- the buffer

// A value that knows how many of it are alive.
struct counted {
  counted(int* all, int number) : alive{all}, is{number} { ++*alive; }
  counted(counted&& other) noexcept : alive{other.alive}, is{other.is} { ++*alive; }
  counted& operator=(counted&&) = delete;
  ~counted() { --*alive; }
  int* alive;
  int is;
};

// The library's own names, and those of the mutants.
struct real {
  using order = result_order;
  using buffer = result_buffer<counted>;
  using landing = millpool::landing<counted>;
};
struct no_await_before_the_sleep {
  using order = mutants::no_await_before_the_sleep::result_order;
  using buffer = mutants::no_await_before_the_sleep::result_buffer<counted>;
  using landing = mutants::no_await_before_the_sleep::landing<counted>;
};
struct no_room_passed_on {
  using order = mutants::no_room_passed_on::result_order;
  using buffer = mutants::no_room_passed_on::result_buffer<counted>;
  using landing = mutants::no_room_passed_on::landing<counted>;
};
struct a_refusal_that_wakes_no_reader {
  using order = mutants::a_refusal_that_wakes_no_reader::result_order;
  using buffer = mutants::a_refusal_that_wakes_no_reader::result_buffer<counted>;
  using landing = mutants::a_refusal_that_wakes_no_reader::landing<counted>;
};

struct every_wait_lets_several_land {
  using order = mutants::every_wait_lets_several_land::result_order;
  using buffer = mutants::every_wait_lets_several_land::result_buffer<counted>;
  using landing = mutants::every_wait_lets_several_land::landing<counted>;
};
struct every_submitter_waits_for_a_share {
  using order = mutants::every_submitter_waits_for_a_share::result_order;
  using buffer = mutants::every_submitter_waits_for_a_share::result_buffer<counted>;
  using landing = mutants::every_submitter_waits_for_a_share::landing<counted>;
};

template <class Lib, std::size_t capacity, bool in_order>
struct with_a_buffer {
  static constexpr auto order = in_order ? Lib::order::submission : Lib::order::completion;

  // What a worker does with a task that gives `value`.
  void run(typename Lib::landing* task, int value) {
    auto give = [&] { return counted{&alive, value}; };
    task->keep_result_of(give);
    task->complete(task_state::succeeded);
  }
  typename Lib::landing* submit(std::uint64_t place) {
    return new typename Lib::landing{buffer.get(), place};
  }
  void land(std::uint64_t place, int value) { run(submit(place), value); }

  int pop() {
    auto outcome = buffer->pop_until(no_deadline);
    return outcome ? std::move(*outcome).value().is : 0;
  }

  int alive = 0;
  explore::virtual_clock time;
  typename Lib::buffer::ptr buffer = Lib::buffer::make(capacity, order, time);
};

// Two submitters through one place; a reader reads until the last of them has closed.
template <class Lib, bool in_order>
struct one_place : with_a_buffer<Lib, 1, in_order> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    auto& results = *this->buffer;
    if (which == 0) {
      while (const int value = this->pop()) sum += value;
      return;
    }
    for (int i = 0; i < 2; ++i) {
      const auto place = results.reserve(no_deadline);
      check(place.has_value(), "an open buffer lets everybody in, in turn");
      check(results.outstanding() <= 1, "the capacity is not exceeded, not by one");
      if (which == 2 && i == 0) {
        results.land_empty(*place);
      } else {
        this->land(*place, which == 1 ? 1 : 10);
      }
    }
    if (ended.fetch_add(1) == 1) results.close();
  }
  void end() {
    check(sum == 12, "every result is read once, and a refused task gives none");
    check(this->alive == 0, "every value is gone");
  }

  atomic<unsigned> ended{0};
  int sum = 0;
};

TEST(ResultBufferModel, AtCapacityOneEveryResultIsReadOnce) {
  explore::expect_holds<one_place<real, false>>();
  explore::expect_holds<one_place<real, true>>();
}

// Both places are reserved in order; the second may land first, and the first may be refused.
struct landing_out_of_order : with_a_buffer<real, 2, true> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      check(pop() == 2, "the refused one is passed over");
      check(pop() == 3, "results come in the order of submission");
      check(pop() == 0, "closed, and all is read");
    } else if (which == 1) {
      buffer->land_empty(0);
      const auto third = buffer->reserve(no_deadline);
      check(third == 2, "reservations count up");
      land(*third, 3);
      buffer->close();
    } else {
      land(1, 2);
    }
  }
  void end() { check(buffer->outstanding() == 0, "nothing is left"); }

  landing_out_of_order() {
    (void)buffer->reserve(no_deadline);
    (void)buffer->reserve(no_deadline);
  }
};

TEST(ResultBufferModel, ResultsThatLandOutOfOrderAreReadInOrder) {
  explore::expect_holds<landing_out_of_order>();
}

// Two readers, and a submitter that leaves: nobody is left asleep.
template <class Lib, bool in_order>
struct two_readers : with_a_buffer<Lib, 2, in_order> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int i = 0; i < 3; ++i) this->land(*this->buffer->reserve(no_deadline), 1);
      this->buffer->close();
    } else {
      while (this->pop() != 0) read.fetch_add(1);
    }
  }
  void end() { check(read.load() == 3, "every result is read once"); }

  atomic<unsigned> read{0};
};

TEST(ResultBufferModel, TwoReadersShareTheResultsAndBothEnd) {
  explore::expect_holds<two_readers<real, false>>();
  explore::expect_holds<two_readers<real, true>>();
}

// Closed, with one under way: two readers wait for it or for the end, and it is refused.
template <class Lib>
struct the_last_is_refused : with_a_buffer<Lib, 1, true> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      this->buffer->land_empty(0);
    } else {
      check(this->pop() == 0, "there is nothing more");
    }
  }
  void end() { check(this->buffer->outstanding() == 0, "nothing is left"); }

  the_last_is_refused() {
    (void)this->buffer->reserve(no_deadline);
    this->buffer->close();
  }
};

TEST(ResultBufferModel, ReadersEndWhenTheLastIsRefused) {
  explore::expect_holds<the_last_is_refused<real>>();
}

// One reader sleeps; others look in, wait for a while, and go: none takes the sleeper's wake along.
struct others_look_in : with_a_buffer<real, 2, false> {
  static constexpr unsigned threads = 4;

  void thread(unsigned which) {
    if (which == 0) {
      read.fetch_add(static_cast<unsigned>(pop() != 0));
    } else if (which == 1) {
      const time_point until = time.now() + std::chrono::seconds{1};
      const auto outcome = buffer->pop_until(until);
      check(outcome || time.now() >= until || buffer->is_closed(), "no pop gives up too early");
      read.fetch_add(static_cast<unsigned>(outcome.has_value()));
    } else if (which == 2) {
      read.fetch_add(static_cast<unsigned>(buffer->pop_until(time_point::min()).has_value()));
    } else {
      for (int i = 0; i < 2; ++i) land(*buffer->reserve(no_deadline), 1);
      buffer->close();
    }
  }
  void end() { check(read.load() + buffer->outstanding() == 2, "none is lost, none is doubled"); }

  atomic<unsigned> read{0};
};

TEST(ResultBufferModel, WhoLooksInOrGivesUpTakesNoWakeAlong) {
  explore::expect_holds<others_look_in>();
}

// Behind a slow task two were refused: when it is read, three places are free at once.
template <class Lib>
struct room_for_several : with_a_buffer<Lib, 3, true> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      this->land(0, 1);
      check(this->pop() == 1, "what was submitted first is read first");
    } else {
      check(this->buffer->reserve(no_deadline).has_value(), "there is room for both");
    }
  }
  void end() {
    check(this->buffer->outstanding() == 2, "both have a place");
    // The buffer waits for what is under way, for ever if need be.
    for (const std::uint64_t place : {3U, 4U}) this->buffer->land_empty(place);
  }

  room_for_several() {
    for (int i = 0; i < 3; ++i) (void)this->buffer->reserve(no_deadline);
    this->buffer->land_empty(1);
    this->buffer->land_empty(2);
  }
};

TEST(ResultBufferModel, EverySubmitterGetsItsPlaceWhenOnePopFreesSeveral) {
  explore::expect_holds<room_for_several<real>>();
}

// A reader reads one and lets go, with two more on their way.
template <bool in_order>
struct a_reader_leaves : with_a_buffer<real, 3, in_order> {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      check(this->pop() != 0, "there is one to read");
      this->buffer.reset();
    } else if (which == 1) {
      this->run(tasks[1], 1);
      this->run(tasks[0], 1);
    } else {
      this->run(tasks[2], 1);
    }
  }
  void end() { check(this->alive == 0, "what nobody reads is dropped"); }

  std::array<landing<counted>*, 3> tasks{};
  a_reader_leaves() {
    for (auto& each : tasks) each = this->submit(*this->buffer->reserve(no_deadline));
  }
};

TEST(ResultBufferModel, ResultsUnderWayOutliveTheReaderAndAreDropped) {
  explore::expect_holds<a_reader_leaves<false>>();
  explore::expect_holds<a_reader_leaves<true>>();
}

// As those of a large buffer whose results come every few microseconds.
TEST(ResultBufferModel, HoldsWhereReadersAndSubmittersLetSeveralComeTogether) {
  explore::expect_holds<one_place<every_wait_lets_several_land, false>>();
  explore::expect_holds<one_place<every_wait_lets_several_land, true>>();
  explore::expect_holds<two_readers<every_wait_lets_several_land, false>>();
  explore::expect_holds<one_place<every_submitter_waits_for_a_share, false>>();
  explore::expect_holds<one_place<every_submitter_waits_for_a_share, true>>();
  explore::expect_holds<room_for_several<every_submitter_waits_for_a_share>>();
}

TEST(ResultBufferModel, CatchesANotifyThatWakesTooFew) {
  explore::expect_caught<one_place<real, false>>(fault::notify_one_wakes_nobody);
  explore::expect_caught<one_place<real, true>>(fault::notify_all_wakes_nobody);
  explore::expect_caught<two_readers<real, false>>(fault::notify_all_wakes_one);
}
TEST(ResultBufferModel, CatchesASleepThatNoLandingKnowsOf) {
  explore::expect_caught<one_place<no_await_before_the_sleep, false>>();
  explore::expect_caught<one_place<no_await_before_the_sleep, true>>();
}
TEST(ResultBufferModel, CatchesASubmitterThatKeepsTheNewsOfMoreRoom) {
  explore::expect_caught<room_for_several<no_room_passed_on>>();
}
TEST(ResultBufferModel, CatchesARefusalThatLetsAReaderSleepOn) {
  explore::expect_caught<the_last_is_refused<a_refusal_that_wakes_no_reader>>();
}

}  // namespace
}  // namespace millpool

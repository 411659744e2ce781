// Is an entry of a work_deque ever lost, doubled or torn between its owner and two thieves, if each
// core sees the others' stores late?
#include "millpool/channel/work_deque.hpp"
#include "tests/support/explore/explore.hpp"
// The same header with one slip each, made by CMakeLists.txt:
#include "mutants/no_compare_and_swap_for_the_last.hpp"
#include "mutants/no_second_look_at_bottom.hpp"
#include "mutants/one_entry_too_many.hpp"
#include "mutants/published_before_written.hpp"

#include <gtest/gtest.h>

#include <array>

namespace millpool {
namespace {

using explore::check;
using explore::fault;
using explore::late_stores;
using explore::late_stores_and_fences;

/// How often each entry came out. Entries are 1, 2, 3…, so that a slot never written is told.
template <class Deque>
struct tally {
  std::array<int, 8> pushed{};
  std::array<int, 8> taken{};

  void push(Deque& entries, std::uint64_t value) {
    if (entries.push(value)) ++pushed[value];
  }
  void pop(Deque& entries) {
    std::uint64_t value = 0;
    if (entries.pop(value)) take(value);
  }
  // Returns what was stolen, or 0.
  std::uint64_t steal(Deque& entries) {
    std::uint64_t value = 0;
    using outcome = decltype(entries.steal(value));
    if (entries.steal(value) != outcome::taken) return 0;
    take(value);
    return value;
  }
  void take(std::uint64_t value) {
    check(value < taken.size() && value != 0, "what is taken was pushed");
    check(++taken[value] == 1, "it is taken once");
  }
  void check_all_out(Deque& entries) {
    while (!entries.empty()) pop(entries);
    check(pushed == taken, "what was pushed was taken");
  }
};

// The owner pushes two and pops two; each of two thieves takes one.
template <template <class> class Deque>
struct two_in_two_out {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      sums.push(entries, 1);
      sums.push(entries, 2);
      sums.pop(entries);
      sums.pop(entries);
    } else {
      sums.steal(entries);
    }
  }
  void end() { sums.check_all_out(entries); }

  Deque<std::uint64_t> entries{2};
  tally<Deque<std::uint64_t>> sums;
};

// The smallest meeting of all three: one entry.
template <template <class> class Deque>
struct one_entry {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      sums.push(entries, 1);
      sums.pop(entries);
    } else {
      sums.steal(entries);
    }
  }
  void end() { sums.check_all_out(entries); }

  Deque<std::uint64_t> entries{2};
  tally<Deque<std::uint64_t>> sums;
};

// One place, used lap after lap.
template <template <class> class Deque>
struct one_place {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      sums.push(entries, 1);
      sums.push(entries, 2);
      sums.pop(entries);
      sums.push(entries, 3);
    } else {
      sums.steal(entries);
    }
  }
  void end() { sums.check_all_out(entries); }

  Deque<std::uint64_t> entries{1};
  tally<Deque<std::uint64_t>> sums;
};

// The owner takes back what it pushed, newest first, while a thief goes through from the other end.
template <template <class> class Deque>
struct both_ends {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      sums.push(entries, 1);
      sums.push(entries, 2);
      sums.pop(entries);
      sums.push(entries, 3);
      sums.pop(entries);
      sums.pop(entries);
    } else {
      std::uint64_t before = 0;
      for (int i = 0; i < 3; ++i) {
        const std::uint64_t value = sums.steal(entries);
        check(value == 0 || value > before, "a thief takes the oldest first");
        if (value != 0) before = value;
      }
    }
  }
  void end() { sums.check_all_out(entries); }

  Deque<std::uint64_t> entries{2};
  tally<Deque<std::uint64_t>> sums;
};

// Entries of two words, through one place.
template <template <class> class Deque>
struct wide_entries {
  static constexpr unsigned threads = 3;
  struct entry {
    std::uint64_t value;
    std::uint64_t same;
  };

  void thread(unsigned which) {
    entry each{9, 9};
    if (which == 0) {
      (void)entries.push({1, 1});
      (void)entries.pop(each);
      (void)entries.push({2, 2});
    } else {
      (void)entries.steal(each);
    }
    check(each.value == each.same, "an entry is of one piece");
  }
  void end() {}

  Deque<entry> entries{1};
};

TEST(WorkDequeModel, TheLastEntryIsTakenOnce) {
  explore::expect_holds<one_entry<work_deque>>(late_stores);
}
TEST(WorkDequeModel, TwoThievesAndTheOwnerTakeEachEntryOnce) {
  explore::expect_holds<two_in_two_out<work_deque>>(late_stores);
}
TEST(WorkDequeModel, TwoThievesAndTheOwnerTakeEachEntryOnceWithoutMembarrier) {
  explore::expect_holds<two_in_two_out<work_deque>>(late_stores_and_fences);
}
TEST(WorkDequeModel, OnePlaceIsUsedAgainOnlyWhenItIsFree) {
  explore::expect_holds<one_place<work_deque>>(late_stores);
  explore::expect_holds<one_place<work_deque>>(late_stores_and_fences);
}
TEST(WorkDequeModel, TheEndsMeetInTheMiddle) {
  explore::expect_holds<both_ends<work_deque>>(late_stores);
  explore::expect_holds<both_ends<work_deque>>(late_stores_and_fences);
}
TEST(WorkDequeModel, AnEntryOfManyWordsIsOfOnePiece) {
  explore::expect_holds<wide_entries<work_deque>>(late_stores);
}

TEST(WorkDequeModel, CatchesABarrierThatDoesNothing) {
  explore::expect_caught<two_in_two_out<work_deque>>(fault::heavy_barrier_does_nothing,
                                                     late_stores);
  // The owner's fence. That of a thief is needed only where loads may be swapped, unlike on x86.
  explore::expect_caught<two_in_two_out<work_deque>>(fault::light_barrier_does_nothing,
                                                     late_stores_and_fences);
}
TEST(WorkDequeModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<two_in_two_out<work_deque>>(fault::rmw_is_load_and_store, late_stores);
}
TEST(WorkDequeModel, CatchesAPopThatTakesTheLastEntryWithoutACompareAndSwap) {
  using mutants::no_compare_and_swap_for_the_last::work_deque;
  explore::expect_caught<two_in_two_out<work_deque>>(fault::none, late_stores);
}
TEST(WorkDequeModel, CatchesAThiefThatLooksAtBottomBeforeTheBarrierOnly) {
  using mutants::no_second_look_at_bottom::work_deque;
  explore::expect_caught<both_ends<work_deque>>(fault::none, late_stores);
}
TEST(WorkDequeModel, CatchesAPushThatWritesOverTheOldest) {
  using mutants::one_entry_too_many::work_deque;
  explore::expect_caught<one_place<work_deque>>(fault::none, late_stores);
}
TEST(WorkDequeModel, CatchesAPushThatPublishesBeforeItWrites) {
  using mutants::published_before_written::work_deque;
  explore::expect_caught<two_in_two_out<work_deque>>(fault::none, late_stores);
  explore::expect_caught<wide_entries<work_deque>>(fault::none, late_stores);
}

}  // namespace
}  // namespace millpool

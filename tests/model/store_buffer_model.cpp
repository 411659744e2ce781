// Does the explorer's store buffer show what x86 shows, and no more? Do the barriers mend it?
#include "millpool/base/atomic.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/mutex.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

namespace millpool {
namespace {

using explore::check;
using explore::fault;
using explore::settings;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto release = std::memory_order_release;

// Each of two threads stores its own word and then looks at the other's.
template <class Between>
struct store_then_look {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    words[which].store(1, release);
    between(which);
    seen[which] = words[1 - which].load(relaxed);
  }
  void end() { check(seen[0] + seen[1] > 0, "one of the two sees the other's store"); }

  Between between;
  atomic<int> words[2];
  int seen[2] = {};
};

struct nothing {
  void operator()(unsigned) {}
};
struct barriers {
  void operator()(unsigned which) { which == 0 ? light_barrier() : heavy_barrier(); }
};
struct a_read_modify_write {
  void operator()(unsigned) { word.fetch_add(0, relaxed); }
  atomic<int> word;
};
struct a_mutex {
  void operator()(unsigned which) { const lock_guard lock{locks[which]}; }
  mutex locks[2];
};

TEST(StoreBufferModel, TwoWhoStoreAndLookMayMissEachOther) {
  explore::expect_caught<store_then_look<nothing>>(fault::none, {.store_buffers = true});
  explore::expect_holds<store_then_look<nothing>>({.store_buffers = false});
}
TEST(StoreBufferModel, BarriersLetOneSeeTheOther) {
  explore::expect_holds<store_then_look<barriers>>({.store_buffers = true});
  explore::expect_holds<store_then_look<barriers>>({.store_buffers = true, .fences = true});
}
TEST(StoreBufferModel, LockedInstructionsLetOneSeeTheOther) {
  explore::expect_holds<store_then_look<a_read_modify_write>>({.store_buffers = true});
  explore::expect_holds<store_then_look<a_mutex>>({.store_buffers = true});
}

struct seq_cst_stores {
  static constexpr unsigned threads = 2;
  void thread(unsigned which) {
    words[which].store(1);
    seen[which] = words[1 - which].load();
  }
  void end() { check(seen[0] + seen[1] > 0, "one of the two sees the other's store"); }
  atomic<int> words[2];
  int seen[2] = {};
};

TEST(StoreBufferModel, SeqCstStoresLetOneSeeTheOther) {
  explore::expect_holds<seq_cst_stores>({.store_buffers = true});
}

// Stores of one thread are seen in their order, by itself at once; and after a thread's end, too.
struct a_message {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      letter.store(1, relaxed);
      letter.store(2, relaxed);
      check(letter.load(relaxed) == 2, "a thread sees its own stores");
      flag.store(true, release);
    } else if (flag.load(std::memory_order_acquire)) {
      check(letter.load(relaxed) == 2, "who sees the second store sees the first");
    }
  }
  void end() { check(flag.load() && letter.load() == 2, "at last, every store is there"); }

  atomic<bool> flag{false};
  atomic<int> letter{0};
};

TEST(StoreBufferModel, StoresOfOneThreadAreSeenInTheirOrder) {
  explore::expect_holds<a_message>({.store_buffers = true});
}

// A sees one half of what another stores, and not yet the other: before a locked instruction, too.
struct two_stores_and_a_lock {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      const lock_guard lock{door};
      first.store(1, relaxed);
      second.store(1, relaxed);
    } else {
      const int seen_second = second.load(relaxed);
      const int seen_first = first.load(relaxed);
      check(seen_first == seen_second, "both, or none");
    }
  }
  void end() {}

  mutex door;
  atomic<int> first{0};
  atomic<int> second{0};
};

TEST(StoreBufferModel, StoresBeforeAnUnlockMayBeSeenOneByOne) {
  explore::expect_caught<two_stores_and_a_lock>(fault::none, {.store_buffers = true});
}

// A heavy barrier may come between two stores of another thread that takes no step between them.
struct a_barrier_between_two_stores {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      flag.store(true, release);
      letter.store(1, release);
    } else if (flag.load(std::memory_order_acquire)) {
      heavy_barrier();
      check(letter.load(relaxed) == 1, "the letter was there before the flag");
    }
  }
  void end() {}

  atomic<bool> flag{false};
  atomic<int> letter{0};
};

TEST(StoreBufferModel, ABarrierMayComeBetweenTwoStores) {
  explore::expect_caught<a_barrier_between_two_stores>(fault::none, {.store_buffers = true});
}

TEST(StoreBufferModel, CatchesABarrierThatDoesNothing) {
  explore::expect_caught<store_then_look<barriers>>(fault::heavy_barrier_does_nothing,
                                                    {.store_buffers = true});
  for (const fault half : {fault::light_barrier_does_nothing, fault::heavy_barrier_does_nothing}) {
    explore::expect_caught<store_then_look<barriers>>(half,
                                                      {.store_buffers = true, .fences = true});
  }
}
TEST(StoreBufferModel, CatchesASeqCstStoreThatIsLate) {
  explore::expect_caught<seq_cst_stores>(fault::seq_cst_store_is_buffered, {.store_buffers = true});
}

}  // namespace
}  // namespace millpool

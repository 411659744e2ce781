// Have the locks one owner at a time, and is no sleeper of them, or of the condition, ever
// forgotten?
//
// The library's own code, under its own name: elsewhere in the models millpool::mutex is the
// explorer's. The explorer runs on one CPU, so nobody spins here; a look that succeeds while
// spinning is a try_lock.
#include "millpool/sync/adaptive_condition.hpp"
#include "millpool/sync/adaptive_mutex.hpp"
#include "millpool/sync/asymmetric_mutex.hpp"
#include "millpool/sync/futex.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <mutex>

namespace millpool {
namespace {

using explore::check;
using explore::fault;
using lock_of = std::unique_lock<adaptive_mutex>;

// ---- the mutex

// Three threads go in and out; another may come at each step, also inside.
template <class Mutex, int rounds>
struct in_and_out {
  static constexpr unsigned threads = 3;

  void thread(unsigned) {
    for (int i = 0; i < rounds; ++i) {
      guard.lock();
      section();
      guard.unlock();
    }
  }
  void end() {
    check(entered == 3 * rounds, "everybody got in");
    check(guard.try_lock(), "it is free in the end");
  }
  void section() {
    check(++inside == 1, "the lock has one owner");
    explore::step("inside", this);
    ++entered;
    --inside;
  }

  Mutex guard;
  int inside = 0;
  int entered = 0;
};

TEST(AdaptiveMutexModel, HasOneOwnerAndForgetsNoSleeper) {
  explore::expect_holds<in_and_out<adaptive_mutex, 1>>();
  explore::expect_holds<in_and_out<adaptive_mutex, 2>>();
}
TEST(AsymmetricMutexModel, HasOneOwnerAndForgetsNoSleeper) {
  explore::expect_holds<in_and_out<asymmetric_mutex, 1>>(explore::late_stores);
  explore::expect_holds<in_and_out<asymmetric_mutex, 2>>(explore::late_stores);
  explore::expect_holds<in_and_out<asymmetric_mutex, 1>>(explore::late_stores_and_fences);
}

// try_lock takes it in the moment between an unlock and the one that was woken.
template <class Mutex>
struct a_barging_try_lock {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which < 2) {
      guard.lock();
    } else if (!guard.try_lock()) {
      return;
    }
    check(++inside == 1, "the lock has one owner");
    explore::step("inside", this);
    --inside;
    guard.unlock();
  }
  void end() { check(guard.try_lock(), "it is free in the end"); }

  Mutex guard;
  int inside = 0;
};

TEST(AdaptiveMutexModel, ForgetsNoSleeperWhenAnotherTakesTheLockBeforeIt) {
  explore::expect_holds<a_barging_try_lock<adaptive_mutex>>();
}
TEST(AsymmetricMutexModel, ForgetsNoSleeperWhenAnotherTakesTheLockBeforeIt) {
  explore::expect_holds<a_barging_try_lock<asymmetric_mutex>>(explore::late_stores);
}

// ---- the condition

// One place; a producer and two consumers, each woken one at a time.
struct one_place {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    lock_of lock{guard};
    if (which == 0) {
      for (int i = 0; i < 2; ++i) {
        not_full.wait(lock, [&] { return !full; });
        full = true;
        not_empty.notify_one();
      }
    } else {
      not_empty.wait(lock, [&] { return full; });
      full = false;
      ++taken;
      not_full.notify_one();
    }
  }
  void end() { check(taken == 2 && !full, "both values were taken"); }

  adaptive_mutex guard;
  adaptive_condition not_empty;
  adaptive_condition not_full;
  bool full = false;
  int taken = 0;
};

TEST(AdaptiveConditionModel, LosesNoWakeOfOne) { explore::expect_holds<one_place>(); }

// A waiter that gives up at its limit takes no wake from one that has none. If it was woken itself,
// it passes the wake on.
struct a_waiter_that_gives_up {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    lock_of lock{guard};
    if (which == 0) {
      token = true;
      changed.notify_one();
    } else if (which == 1) {
      changed.wait(lock, [&] { return token; });
    } else {
      const time_point until = time.now() + std::chrono::seconds{1};
      changed.wait_until(lock, until);
      if (time.now() < until) changed.notify_one();  // time moves only where a wait ends by it
    }
  }
  void end() {}

  explore::virtual_clock time;
  adaptive_mutex guard;
  adaptive_condition changed;
  bool token = false;
};

TEST(AdaptiveConditionModel, LosesNoWakeOnOneThatGivesUp) {
  explore::expect_holds<a_waiter_that_gives_up>();
}

// Two that wait for one fact.
struct notify_all_wakes_both {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    lock_of lock{guard};
    if (which == 0) {
      fact = true;
      changed.notify_all();
    } else {
      changed.wait(lock, [&] { return fact; });
    }
  }
  void end() {}

  adaptive_mutex guard;
  adaptive_condition changed;
  bool fact = false;
};

TEST(AdaptiveConditionModel, WakesAllAtNotifyAll) {
  explore::expect_holds<notify_all_wakes_both>();
}

// ---- what must be noticed

TEST(AdaptiveMutexModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<in_and_out<adaptive_mutex, 1>>(fault::futex_wakes_nobody);
  explore::expect_caught<a_barging_try_lock<adaptive_mutex>>(fault::futex_wakes_nobody);
}
TEST(AdaptiveMutexModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<in_and_out<adaptive_mutex, 1>>(fault::rmw_is_load_and_store);
}

TEST(AsymmetricMutexModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<in_and_out<asymmetric_mutex, 1>>(fault::futex_wakes_nobody);
}
TEST(AsymmetricMutexModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<in_and_out<asymmetric_mutex, 1>>(fault::rmw_is_load_and_store);
}
TEST(AsymmetricMutexModel, CatchesEitherHalfOfTheBarrierThatDoesNothing) {
  explore::expect_caught<in_and_out<asymmetric_mutex, 1>>(fault::heavy_barrier_does_nothing,
                                                          explore::late_stores);
  explore::expect_caught<in_and_out<asymmetric_mutex, 1>>(fault::light_barrier_does_nothing,
                                                          explore::late_stores_and_fences);
}

// The slip that the class warns of: who has slept takes the lock as `held`, and so forgets the
// other sleepers.
class forgetful_mutex {
 public:
  void lock() noexcept {
    while (true) {
      std::uint32_t seen = 0;
      if (word_.compare_exchange_strong(seen, 1)) return;
      if (seen == 2 || word_.compare_exchange_strong(seen, 2)) futex_wait(word_, 2);
    }
  }
  void unlock() noexcept {
    if (word_.exchange(0) == 2) futex_wake(word_, 1);
  }

 private:
  atomic<std::uint32_t> word_{0};
};

struct sleepers_forgotten {
  static constexpr unsigned threads = 3;
  void thread(unsigned) {
    guard.lock();
    explore::step("inside", this);
    guard.unlock();
  }
  void end() {}
  forgetful_mutex guard;
};

TEST(AdaptiveMutexModel, CatchesASleeperThatIsForgotten) {
  explore::expect_caught<sleepers_forgotten>();
}

TEST(AdaptiveConditionModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<one_place>(fault::futex_wakes_nobody);
  explore::expect_caught<a_waiter_that_gives_up>(fault::futex_wakes_nobody);
  explore::expect_caught<notify_all_wakes_both>(fault::futex_wakes_nobody);
}

// The rule that is broken: a notify without the mutex may find nobody counted, and then somebody
// waits.
struct notified_without_the_mutex {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      fact.store(true);
      changed.notify_one();
    } else {
      lock_of lock{guard};
      changed.wait(lock, [&] { return fact.load(); });
    }
  }
  void end() {}

  adaptive_mutex guard;
  adaptive_condition changed;
  atomic<bool> fact{false};
};

TEST(AdaptiveConditionModel, CatchesANotifyWithoutTheMutex) {
  explore::expect_caught<notified_without_the_mutex>();
}

}  // namespace
}  // namespace millpool

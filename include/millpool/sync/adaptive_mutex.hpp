// Layer 1 · sync: the lock of the library. Next stop: adaptive_condition.hpp.
#pragma once

#include "millpool/base/atomic.hpp"

#include <cstdint>

namespace millpool {

/// A lock for sections of tens of nanoseconds: one RMW to lock and one to unlock. A thread that
/// finds it taken looks again for a few microseconds, and then sleeps. Meets the standard's
/// Lockable.
///
/// State                                              who moves it
///   free      --lock, try_lock--> held                 anybody
///   free      --lock_contended--> contended            a thread that has slept, or was about to
///   held      --lock_contended--> contended            a thread that is about to sleep
///   held      --unlock----------> free                 the owner
///   contended --unlock----------> free                 the owner, who then wakes one sleeper
/// Invariants
///   I1  the lock is owned <=> the word is not `free`.
///   I2  while a thread sleeps on the word, the word is `contended`, or a thread is on its way to
///       the exchange that makes it so. (Hence whoever takes the lock after a sleep takes it as
///       `contended`: it cannot know whether others sleep, and its unlock may wake nobody.)
/// Edges
///   E1  unlock --> the next lock or successful try_lock: the owner sees what owners before it did.
/// Fairness  none: a thread that runs takes the lock before one that was woken can.
/// Lifetime  may be destroyed as soon as nobody holds it or waits for it, also by a thread that has
///           got the lock while the unlock before has not returned yet: after it has released the
///           word, unlock only passes its address to futex_wake, which needs no word there.
/// Source    U. Drepper, "Futexes are tricky", 2011, the second mutex; with a bounded spin before
///           the sleep. Checked by the tsan preset; tests/model/mutex_model.cpp walks the
///           interleavings.
class adaptive_mutex {
 public:
  adaptive_mutex() noexcept = default;  // constexpr, where the atomic's is
  adaptive_mutex(const adaptive_mutex&) = delete;
  adaptive_mutex& operator=(const adaptive_mutex&) = delete;

  void lock() noexcept {
    if (!try_lock()) lock_contended();
  }

  [[nodiscard]] bool try_lock() noexcept {
    std::uint32_t seen = free;
    // acquire: E1. relaxed on failure: nothing is read that the lock guards.
    return word_.compare_exchange_strong(seen, held, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  void unlock() noexcept {
    // release: E1. An exchange and not a store: it tells whether somebody may sleep.
    if (word_.exchange(free, std::memory_order_release) == contended) wake_one(word_);
  }

 private:
  enum state : std::uint32_t { free, held, contended };

  void lock_contended() noexcept;
  [[nodiscard]] bool spin() noexcept;
  // Not a member's call: by now `this` may be gone.
  static void wake_one(atomic<std::uint32_t>& word) noexcept;

  atomic<std::uint32_t> word_{free};
};

}  // namespace millpool

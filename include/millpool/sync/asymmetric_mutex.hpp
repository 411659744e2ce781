// Layer 1 · sync: a lock whose unlock is a plain store. Next stop: asymmetric_barrier.hpp.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"

#include <cstdint>

namespace millpool {

/// A lock for sections of a few nanoseconds, for which nearly nobody ever has to wait: one RMW to
/// lock, none to unlock. Who waits looks again for a few microseconds, then pays for a barrier on
/// all processors, and sleeps. Where many wait often, adaptive_mutex is the better one.
/// Meets the standard's Lockable.
///
/// State                                     who moves it
///   free --lock, try_lock--> held           anybody
///   held --unlock----------> free           the owner, who then wakes one if any are counted
/// Invariants
///   I1  the lock is owned <=> word_ is `held`.
///   I2  who sleeps, or will without another try, is counted in sleepers_.
///   I3  no sleeper is forgotten. The owner: a store of `free`, light_barrier(), the look at
///       sleepers_. A sleeper: its count, heavy_barrier(), a try. So either the owner sees the
///       count, and wakes one; or the try sees this `free`, or what came after it, whose owner is
///       then the next to look. Who is woken tries again: if another was faster, that one looks.
/// Edges
///   E1  unlock --> the next lock or successful try_lock: the owner sees what owners before it did.
/// Fairness  none: a thread that runs takes the lock before one that was woken can.
/// Lifetime  must outlive every unlock(), which looks at sleepers_ when the lock is free already.
/// Source    CORE.md 4.2 of the study this pool is built on. Checked by the tsan preset;
///           tests/model/mutex_model.cpp walks the interleavings.
class asymmetric_mutex {
 public:
  asymmetric_mutex() noexcept = default;
  asymmetric_mutex(const asymmetric_mutex&) = delete;
  asymmetric_mutex& operator=(const asymmetric_mutex&) = delete;

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
    // release: E1.
    word_.store(free, std::memory_order_release);
    light_barrier();  // I3
    // relaxed: the barrier orders it.
    if (sleepers_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake_one();
  }

 private:
  enum state : std::uint32_t { free, held };

  void lock_contended() noexcept;
  void wake_one() noexcept;

  atomic<std::uint32_t> word_{free};
  atomic<std::uint32_t> sleepers_{0};
};

}  // namespace millpool

// Layer 1 · sync: waiting under the lock of the library, for a fact that it guards.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/sync/adaptive_mutex.hpp"

#include <cstdint>
#include <mutex>

namespace millpool {

/// A condition variable of an adaptive_mutex, for those who notify with the mutex held: then it is
/// known who waits, and a notify costs one load where nobody does.
///
/// REQUIRES: every call, of wait as of notify, is made with one and the same mutex held.
///
/// State   a thread in wait() is awaited (counted in waiting_) or released (counted in woken_), and
///         it is awake or it sleeps on round_. All but the sleep happens under the mutex.
/// Invariants
///   I1  waiting_ + woken_ = the number of threads in wait().
///   I2  of these, at most waiting_ sleep, or will without taking the mutex before. So nothing is
///       to be woken where waiting_ is 0.
///       enter       one more of each.
///       notify_one  round_ changes: who has not fallen asleep yet will not. If any sleep, the
///                   kernel wakes one. One less of each, or nobody slept.
///       notify_all  none of either.
///       leave       by whichever count there is: if woken_ is 0, then all in wait() are counted in
///                   waiting_, the leaver among them, and the leaver does not sleep.
/// Edges   those of the mutex.
/// Wakes for no reason happen, as with std::condition_variable: look at the fact again.
/// Lifetime  may be destroyed when nobody is in wait() and the last notify has left the mutex.
class adaptive_condition {
 public:
  adaptive_condition() noexcept = default;
  adaptive_condition(const adaptive_condition&) = delete;
  adaptive_condition& operator=(const adaptive_condition&) = delete;

  /// Wakes at least one of those who wait, if any do. Never waits.
  void notify_one() noexcept {
    if (waiting_ > 0) wake_one();
  }
  /// Wakes all who wait. Never waits.
  void notify_all() noexcept {
    if (waiting_ > 0) wake_all();
  }

  /// Waits for a notify, without the mutex meanwhile.
  void wait(std::unique_lock<adaptive_mutex>& lock) noexcept { wait_until(lock, no_deadline); }

  /// Waits until `satisfied()`.
  template <class Predicate>
  void wait(std::unique_lock<adaptive_mutex>& lock, Predicate satisfied) {
    while (!satisfied()) wait(lock);
  }

  /// The same as wait(lock), but no longer than until `until`. Tells not why it returns: the caller
  /// looks at the fact, and at the clock.
  void wait_until(std::unique_lock<adaptive_mutex>& lock, time_point until) noexcept;

 private:
  void wake_one() noexcept;
  void wake_all() noexcept;

  // Changed under the mutex, at each notify that finds somebody; slept on without it. A sleeper
  // would miss a wake only if exactly 2^32 came between its unlock and its sleep.
  atomic<std::uint32_t> round_{0};
  std::uint32_t waiting_ = 0;  // guarded by the mutex: in wait(), not released yet
  std::uint32_t woken_ = 0;    // guarded by the mutex: released, not out of wait() yet
};

}  // namespace millpool

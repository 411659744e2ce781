// Layer 1 · sync: locks, and waiting under one.
//
// Together with base/atomic.hpp and sync/futex.hpp this is the shim through which all of the
// library waits: a test build may put instrumented types in its place.
#pragma once

#if defined(MILLPOOL_EXPLORE)
#include "explore/mutex.hpp"  // tests/support
#else
#include "millpool/sync/adaptive_condition.hpp"
#include "millpool/sync/adaptive_mutex.hpp"
#include "millpool/sync/asymmetric_mutex.hpp"

namespace millpool {

using mutex = adaptive_mutex;
using condition_variable = adaptive_condition;
using quick_mutex = asymmetric_mutex;  // without a condition variable

}  // namespace millpool
#endif

#include "millpool/base/clock.hpp"

#include <mutex>

namespace millpool {

using lock_guard = std::lock_guard<mutex>;
using unique_lock = std::unique_lock<mutex>;

/// Waits until `satisfied()` or until `time` reaches `deadline`. \return satisfied(), read last.
template <class Predicate>
bool wait_until(condition_variable& changed, unique_lock& lock, const clock& time,
                time_point deadline, Predicate satisfied) {
  while (!satisfied()) {
    if (deadline == no_deadline) {
      changed.wait(lock);
    } else if (time.now() >= deadline) {
      return false;
    } else {
      changed.wait_until(lock, time.look_again(deadline));
    }
  }
  return true;
}

/// Waits until `satisfied()`, but no longer than `moment`: by the steady clock, whatever `time` is,
/// for it is not the user's time. Not at all, where the user's `deadline` is near.
/// Who waits for a fact first lets more than one come together so, and then waits for the first.
template <class Predicate>
void wait_a_moment(condition_variable& changed, unique_lock& lock, duration moment,
                   const clock& time, time_point deadline, Predicate satisfied) {
  if (deadline != no_deadline && deadline < deadline_after(time.now(), 2 * moment)) return;
  (void)wait_until(changed, lock, steady(), deadline_after(steady().now(), moment), satisfied);
}

}  // namespace millpool

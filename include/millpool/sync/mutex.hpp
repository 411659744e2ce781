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

namespace millpool {

using mutex = adaptive_mutex;
using condition_variable = adaptive_condition;

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

}  // namespace millpool

// Layer 3 · pool: who sleeps, and who is woken first. Next stop: sync/parker.hpp.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstddef>

namespace millpool {

class worker;

/// The workers that have nothing to do, last come first woken: the one whose caches are warmest.
///
/// The protocol by which no wake-up is lost (promise P6)
///   a submitter   1. puts the task in the channel   2. calls wake_one()
///   a worker      1. enter()   2. looks into the channel   3. parks
/// The channel's lock orders submitter 1 and worker 2. If the worker looked first, it had entered
/// before, and wake_one() finds it; else it finds the task. Whoever takes a task and sees another
/// left calls wake_one() as well, so one wake for many tasks (post_bulk) reaches as many workers as
/// needed.
///
/// Invariants
///   I1  a worker is on the stack <=> it has entered, and neither left nor been popped by a waker.
///   I2  a worker that was popped has a token in its parker, or is about to: it must take it.
/// Thread safety  every member may be called concurrently.
class idle_workers {
 public:
  /// The calling worker is about to look once more, and then to park. O(1).
  void enter(worker& self) noexcept;

  /// \return false if a waker has popped `self`: its token is then on the way. O(idle workers).
  [[nodiscard]] bool leave(worker& self) noexcept;

  /// Wakes the worker that entered last. \return false if none is idle.
  bool wake_one() noexcept;
  void wake_all() noexcept;

 private:
  mutex mutex_;
  worker* top_ = nullptr;         // guarded by mutex_: linked by worker::idle_below
  atomic<std::size_t> count_{0};  // written under mutex_
};

}  // namespace millpool

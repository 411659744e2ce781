// Layer 3 · pool: who sleeps, who looks for work, and who is woken first. Next stop:
// sync/parker.hpp.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstddef>
#include <cstdint>

namespace millpool {

class worker;

/// The workers that have nothing to do. The last to come is the first to be woken, since its caches
/// are warmest, but for wake_one()'s choice of a processor. At most one is woken at a time, but by
/// wake_all(): it searches, and wakes the next when it has found more than it takes.
///
/// State of a worker   busy --start_search--> searching --enter--> asleep --leave--> busy
///                     busy --enter--> asleep --wake, by a waker--> called --has_come--> searching
///                     called --start_search, by another--> released --has_come--> busy
///                     searching --stop_search--> busy
/// Called counts as searching: the next submitter leaves its task to who was woken before. But that
/// one may not run for milliseconds, for want of a processor. So a worker that is awake, and has
/// run out of work, takes its search over.
/// The protocol by which no wake-up is lost (promise P6)
///   a submitter   1. makes the task visible   2. light_barrier()   3. reads state_
///   a worker      1. enter(): changes state_  2. heavy_barrier()   3. looks at all that is visible
/// So the worker sees the task, or the submitter sees that the worker sleeps. (Among short tasks, a
/// worker that dozes may leave the look to one that is awake, and a submitter the wake to the end
/// of the doze: worker::sleep() and pool_core::wake_one(). The last one awake looks.) A submitter
/// that reads "somebody searches", and reads it again by a read-modify-write, leaves it to that
/// one. It comes through enter(), or
///   1. stop_search(), also a read-modify-write
///   2. takes a task, and wakes another if more is left
/// and so sees the task in either case. In the other order it could take an older task, which may
/// be long, and not know of the new one while another worker sleeps.
///
/// Invariants
///   I1  a worker is on the stack <=> it has entered, and neither left nor been popped by a waker.
///   I2  a worker that was popped has a token in its parker, or is about to: it must take it, and
///       then call has_come(), which tells whether it is counted as searching.
///   I3  coming_ was called by wake_one(), and is counted; it has neither come nor been released.
/// Thread safety  every member may be called concurrently.
class idle_workers {
 public:
  /// The calling worker is about to look once more, and then to park. heavy_barrier() follows.
  /// \param  searched  whether it was searching until now.
  /// \param  may_doze  whether it would look again by itself soon; one at a time does.
  struct entered {
    std::size_t asleep;  ///< how many sleep, with this one
    bool dozes;
  };
  entered enter(worker& self, bool searched, bool may_doze) noexcept;

  /// \return false if a waker has popped `self`: its token is then on the way. O(idle workers).
  [[nodiscard]] bool leave(worker& self) noexcept;

  /// A busy worker has run out of work. \return whether it is the one that looks for a while before
  /// it sleeps.
  [[nodiscard]] bool start_search() noexcept;
  /// A worker was woken, and has taken its token. \return whether it is counted as searching.
  [[nodiscard]] bool has_come(worker& self) noexcept;
  /// A searching worker is about to take a task.
  void stop_search() noexcept;

  /// Whether a sleeper will look by itself soon. A hint.
  [[nodiscard]] bool anybody_dozes() const noexcept {
    return dozers_.load(std::memory_order_relaxed) > 0;
  }
  /// How many sleep. light_barrier() comes before.
  [[nodiscard]] std::size_t asleep() const noexcept {
    return sleepers(state_.load(std::memory_order_relaxed));
  }

  /// Not 0: somebody sleeps, or searches. For who has made something visible, and passed a
  /// light_barrier() since.
  [[nodiscard]] const atomic<std::uint32_t>& state() const noexcept { return state_; }

  /// Something is visible: wakes the worker that entered last, unless one searches. Of the last
  /// few, rather one that did not run on the caller's processor: a kernel may wake it there again,
  /// though another is idle.
  /// \return false if none sleeps and none searches.
  bool wake_one() noexcept {
    light_barrier();
    const std::uint32_t seen = state_.load(std::memory_order_relaxed);
    return seen != 0 && wake_one_of_some();
  }
  void wake_all() noexcept;

 private:
  bool wake_one_of_some() noexcept;
  void popped(worker& woken) noexcept;
  [[nodiscard]] worker* pop_for(int cpu) noexcept;

  static constexpr std::uint32_t one_sleeper = 1;
  static constexpr std::uint32_t one_searcher = 1U << 16U;
  static constexpr std::uint32_t sleepers(std::uint32_t state) noexcept {
    return state % one_searcher;
  }
  static constexpr std::uint32_t searchers(std::uint32_t state) noexcept {
    return state / one_searcher;
  }

  // Read by every submission, and changed only when a worker falls asleep, wakes, or finds work.
  alignas(cache_line_size) atomic<std::uint32_t> state_{0};
  atomic<std::uint32_t> dozers_{0};  // written under mutex_
  alignas(cache_line_size) mutex mutex_;
  worker* top_ = nullptr;     // guarded by mutex_: linked by worker::idle_below
  worker* coming_ = nullptr;  // guarded by mutex_: I3
};

}  // namespace millpool

// Layer 1 · sync: what a thread does for its pool when it is about to wait.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstdint>

namespace millpool {

/// A wait without a time limit that only the end of tasks of a pool can end, as that pool sees it:
/// so it can find waits that would never end. Lies in the frame of who waits.
class task_wait {
 public:
  /// Whether the wait can be given up, where it is part of a deadlock.
  enum class yields : std::uint8_t {
    unseen,   ///< it is taken for part of none: its tag may be another task's by now
    never,    ///< what is waited for lies in the waiter's frame
    at_need,  ///< if no other one is: the waiter most likely waits again on its way out
    gladly,
  };

  /// \param  owner  the tag of the awaited tasks: all of them have to end. Nobody else's as long as
  ///                the wait goes on, unless the wait is `unseen`.
  /// \param  helps  the waiter wakes for tasks of that tag that it can run itself.
  task_wait(const void* owner, yields how, bool helps = false) noexcept
      : owner_{owner}, yields_{how}, helps_{helps} {}
  task_wait(const task_wait&) = delete;
  task_wait& operator=(const task_wait&) = delete;

  /// It could never end: has the waiter return without what it waits for. Any thread, while the
  /// waiter is in thread_host::block_for() or has not returned from the unblock() after it. Must
  /// not wait.
  virtual void give_up() noexcept = 0;

  [[nodiscard]] const void* owner() const noexcept { return owner_; }
  [[nodiscard]] yields how() const noexcept { return yields_; }
  [[nodiscard]] bool helps() const noexcept { return helps_; }

 protected:
  ~task_wait() = default;

 private:
  const void* const owner_;
  const yields yields_;
  const bool helps_;
};

/// The pool behind a worker thread, as the waits in result/ and channel/ see it. A worker installs
/// one for its thread; a thread without a pool has none. This is how a lower layer's wait helps the
/// pool above it without knowing it (promise P5).
///
/// Thread safety  called by the thread that installed it, only.
class thread_host {
 public:
  thread_host(const thread_host&) = delete;
  thread_host& operator=(const thread_host&) = delete;

  /// Runs, here and now, the newest task tagged with `owner` that has not started yet.
  /// \return whether there was one.
  virtual bool run_waiting(const void* owner) noexcept = 0;

  /// This thread is about to block: another may take its place until unblock(). They nest.
  virtual void block() noexcept = 0;
  virtual void unblock() noexcept = 0;

  /// block() for such a wait. Where it closes a deadlock, one of the waits in it is given up: this
  /// one or another. \return whether this thread blocks, and unblock() is to follow; else `wait`
  /// was given up.
  [[nodiscard]] virtual bool block_for(task_wait& wait) noexcept {
    static_cast<void>(wait);
    block();
    return true;
  }

 protected:
  thread_host() = default;
  ~thread_host() = default;
};

/// The calling thread's host, or null.
[[nodiscard]] thread_host* this_thread_host() noexcept;

/// Makes `host` the calling thread's. \return the one before.
thread_host* install_thread_host(thread_host* host) noexcept;

/// Tells the calling thread's pool that the thread blocks from here to the end of the scope. Costs
/// a load where there is no pool.
class blocking_region {
 public:
  blocking_region() noexcept : host_{this_thread_host()} {
    if (host_ != nullptr) host_->block();
  }
  ~blocking_region() {
    if (host_ != nullptr) host_->unblock();
  }
  blocking_region(const blocking_region&) = delete;
  blocking_region& operator=(const blocking_region&) = delete;

 private:
  thread_host* host_;
};

/// The same for a wait for tasks, which may be given up at once or at any time until the end of the
/// scope.
class awaiting_region {
 public:
  explicit awaiting_region(task_wait& wait) noexcept : host_{this_thread_host()} {
    if (host_ != nullptr && !host_->block_for(wait)) host_ = nullptr;
  }
  ~awaiting_region() {
    if (host_ != nullptr) host_->unblock();
  }
  awaiting_region(const awaiting_region&) = delete;
  awaiting_region& operator=(const awaiting_region&) = delete;

 private:
  thread_host* host_;
};

/// wait_until(), for whoever may be a worker: where it has to wait, another worker may take its
/// place.
template <class Predicate>
bool wait_until_hosted(condition_variable& changed, unique_lock& lock, const clock& time,
                       time_point deadline, Predicate satisfied) {
  if (satisfied()) return true;
  if (deadline <= time.now()) return false;
  lock.unlock();
  const blocking_region blocked;
  lock.lock();
  return wait_until(changed, lock, time, deadline, satisfied);
}

}  // namespace millpool

// Layer 1 · sync: what a thread does for its pool when it is about to wait.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/sync/mutex.hpp"

namespace millpool {

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

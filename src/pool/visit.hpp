// Layer 3 · pool: who is inside a pool just now, without being counted.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"

#include <atomic>

namespace millpool {

class pool_core;

/// A thread's slot. Slots are made when needed, used again by later threads, and never freed: as
/// many as there ever were threads at once that submit.
struct alignas(cache_line_size) visitor {
  atomic<const pool_core*> inside{nullptr};
  std::atomic<bool> taken{true};  // not the shim's: who has a slot outlives a run of the explorer
  visitor* next = nullptr;

  static constinit thread_local visitor* of_this_thread;  // null before its first visit
};

/// A thread's short stay in a pool that may be destroyed meanwhile: a task may end, and its pool
/// with it, before the call that submitted it has returned. A counted reference would do the same
/// for two locked instructions on a line that all submitters share.
///
/// The protocol
///   the visitor   1. stores the pool in its own slot  2. light_barrier()  3. uses the pool
///   the owner     1. ends the pool                    2. await_visitors(): heavy_barrier(), and
///                                                        waits for each slot that has the pool
/// REQUIRES: the pool exists when the visit begins; during a visit the thread neither waits for
/// anything but a short lock nor calls what is not the library's: who has to takes a counted
/// reference and leaves.
class visit {
 public:
  explicit visit(const pool_core& core) noexcept
      : self_{visitor::of_this_thread != nullptr ? visitor::of_this_thread : first_visit()} {
    if (self_ == nullptr) return;
    self_->inside.store(&core, std::memory_order_relaxed);  // the barrier orders it
    light_barrier();
  }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() { leave(); }

  void leave() noexcept {
    // release: the owner, who reads it, comes after what was done inside.
    if (self_ != nullptr) self_->inside.store(nullptr, std::memory_order_release);
  }

 private:
  static visitor* first_visit() noexcept;

  visitor* const self_;  // null: this thread has none any more, and the pool is not protected
};

/// Returns when no other thread visits `core`.
void await_visitors(const pool_core& core) noexcept;

}  // namespace millpool

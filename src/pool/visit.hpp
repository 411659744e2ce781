// Layer 3 · pool: who is inside a pool just now, without being counted.
#pragma once

#include "millpool/base/atomic.hpp"

namespace millpool {

class pool_core;
struct visitor;

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
  explicit visit(const pool_core& core) noexcept;
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() { leave(); }

  void leave() noexcept;

 private:
  visitor* const self_;  // null: this thread has none any more, and the pool is not protected
};

/// Returns when no other thread visits `core`.
void await_visitors(const pool_core& core) noexcept;

}  // namespace millpool

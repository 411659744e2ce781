// Layer 1 · sync: a fence of two halves, one that costs nothing and one that costs a system call.
#pragma once

#if defined(MILLPOOL_EXPLORE)
#include "explore/asymmetric_barrier.hpp"  // tests/support
#else

#include "millpool/base/atomic.hpp"

#include <cstdint>

// ThreadSanitizer knows no fences; GCC and Clang say differently that it is there.
#if defined(__SANITIZE_THREAD__)
#define MILLPOOL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MILLPOOL_TSAN 1
#endif
#endif

namespace millpool {

// Two threads each store a word and then load the other's. Without a fence between the two, both
// may miss the other's store: it still lies in the other core's store buffer. Where one of the two
// runs a thousand times as often as the other, both halves of the fence can be paid by the rare
// one: membarrier(2) makes every core that runs a thread of this process pass a full fence.
//
//   often                 rarely
//   x.store(1)            y.store(1)
//   light_barrier()       heavy_barrier()
//   y.load()              x.load()            at least one of the two loads gives 1
//
// The pair in use                                                        light     heavy
//   undecided --the first heavy_barrier(), or prepare_barriers()--+      fence     (decides)
//     --> membarrier   the kernel grants membarrier(2)            |      nothing   membarrier
//     --> fences       it does not: an old kernel, a filter <-----+      fence     fence
// Invariants
//   I1  the pair is decided once, and then stays: by the first heavy half, before its barrier.
//   I2  a light half is nothing only after the pair was decided as membarrier; every heavy half
//       after that is a membarrier, which needs no fence on the other side. So a light half that
//       ran before the decision, or has not heard of it, is a fence too many, never one too few.
// Fork  a child inherits the pair, and the kernel's grant; where it does not, it is asked again.
// Source  Linux Documentation, membarrier(2); "Asymmetric fences", WG21 P1202.

enum class barrier_pair : std::uint8_t { undecided, membarrier, fences };

namespace detail {
extern constinit atomic<barrier_pair> barriers;
#if defined(MILLPOOL_TSAN)
inline constinit atomic<unsigned> barrier_of_tsan{0};
#endif
}  // namespace detail

/// Which pair this process uses. It may still be undecided.
[[nodiscard]] inline barrier_pair barriers_in_use() noexcept {
  // relaxed: says nothing of other memory.
  return detail::barriers.load(std::memory_order_relaxed);
}

/// Decides now which pair to use, if nothing has yet: best before the process has threads, for then
/// the kernel need not wait for them. \return the pair.
barrier_pair prepare_barriers() noexcept;

/// The half for the side that runs often. Costs a load and a branch where membarrier is granted.
inline void light_barrier() noexcept {
#if defined(MILLPOOL_TSAN)
  // seq_cst, an RMW on one word: of two of them, the later sees what came before the earlier.
  detail::barrier_of_tsan.fetch_add(0, std::memory_order_seq_cst);
#else
  if (barriers_in_use() == barrier_pair::membarrier) [[likely]] {  // I2
    // Only the compiler must keep the store before the load; the core is made to by the heavy half.
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
#endif
}

/// The half for the side that runs rarely. One to a few microseconds, and a moment of every core
/// that runs a thread of this process.
void heavy_barrier() noexcept;

}  // namespace millpool
#endif

#include "millpool/sync/asymmetric_barrier.hpp"

#include "millpool/base/assert.hpp"
#include "src/sync/system_calls.hpp"

#include <cerrno>
#include <linux/membarrier.h>
#include <thread>

namespace millpool {

#if defined(MILLPOOL_BARRIER_FENCE)  // the CMake option MILLPOOL_BARRIER=fence
constinit atomic<barrier_pair> detail::barriers{barrier_pair::fences};
#else
constinit atomic<barrier_pair> detail::barriers{barrier_pair::undecided};
#endif

namespace {

long register_process() noexcept {
  return calls().membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}
long fence_all_cores() noexcept { return calls().membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

#if !defined(MILLPOOL_TSAN)
// The kernel has granted this once. Now a fence of our own would be one too few (I2), so there is
// no way to go on without.
void membarrier() noexcept {
  bool asked_again = false;
  for (;;) {
    const long answer = fence_all_cores();
    if (answer >= 0) return;
    if (answer == -ENOMEM) {  // the kernel notes the cores on its heap, on very large machines
      std::this_thread::yield();
    } else if (answer == -EPERM && !asked_again) {  // a child of fork that did not inherit it
      asked_again = true;
      (void)register_process();
    } else {
      MILLPOOL_ASSERT(false,
                      "membarrier(2) is refused after it was granted: call "
                      "prepare_barriers() after the filter of system calls is installed");
    }
  }
}
#endif

}  // namespace

barrier_pair prepare_barriers() noexcept {
  barrier_pair pair = barriers_in_use();
  if (pair != barrier_pair::undecided) return pair;
  // Tried out, too: a filter may let one command pass and not the other.
  const bool granted = register_process() >= 0 && fence_all_cores() >= 0;
  const auto found = granted ? barrier_pair::membarrier : barrier_pair::fences;
  // relaxed: I2 needs no order with other memory. A compare and not a store: I1, the first decides.
  if (detail::barriers.compare_exchange_strong(pair, found, std::memory_order_relaxed))
    return found;
  return pair;
}

void heavy_barrier() noexcept {
#if defined(MILLPOOL_TSAN)
  // seq_cst: as in light_barrier().
  detail::barrier_of_tsan.fetch_add(0, std::memory_order_seq_cst);
#else
  if (prepare_barriers() == barrier_pair::membarrier) {  // I1
    membarrier();
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
#endif
}

}  // namespace millpool

#include "millpool/sync/asymmetric_mutex.hpp"

#include "millpool/sync/futex.hpp"
#include "millpool/sync/spin.hpp"

namespace millpool {

void asymmetric_mutex::lock_contended() noexcept {
  // relaxed: a look, which leaves the owner its cache line; try_lock() takes the edge.
  const auto taken = [this] { return word_.load(std::memory_order_relaxed) == free && try_lock(); };
  if (spin_until(taken)) return;
  // relaxed: the barrier orders it.
  sleepers_.fetch_add(1, std::memory_order_relaxed);
  heavy_barrier();  // I3
  while (!try_lock()) futex_wait(word_, held);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void asymmetric_mutex::wake_one() noexcept { futex_wake(word_, 1); }

}  // namespace millpool

#include "millpool/sync/adaptive_mutex.hpp"

#include "millpool/sync/futex.hpp"
#include "millpool/sync/spin.hpp"

#include <sched.h>
#include <unistd.h>

namespace millpool {
namespace {

// How often a thread looks before it sleeps, and how long it leaves the owner alone in between. All
// looks together take about as long as a sleep and its wake-up would.
constexpr unsigned looks_max = 40;
constexpr unsigned pauses_a_look = 4;

// With one CPU the owner does not run while we spin. Asked of the main thread, once: any other may
// be bound to a CPU of its own.
unsigned count_looks() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(getpid(), sizeof allowed, &allowed) == 0;
  return known && CPU_COUNT(&allowed) == 1 ? 0 : looks_max;
}

// Not a local of spin(): a forked child might find it for ever half made.
const unsigned looks = count_looks();

}  // namespace

void adaptive_mutex::lock_contended() noexcept {
  if (spin()) return;
  // acquire: E1. `contended` also where it was free: I2.
  while (word_.exchange(contended, std::memory_order_acquire) != free) {
    futex_wait(word_, contended);
  }
}

// Returns whether it took the lock.
bool adaptive_mutex::spin() noexcept {
  for (unsigned i = 0; i < looks; ++i) {
    for (unsigned k = 0; k < pauses_a_look; ++k) cpu_relax();
    // relaxed: a look, which leaves the owner its cache line; try_lock() takes the edge.
    if (word_.load(std::memory_order_relaxed) == free && try_lock()) return true;
  }
  return false;
}

void adaptive_mutex::wake_one(atomic<std::uint32_t>& word) noexcept { futex_wake(word, 1); }

}  // namespace millpool

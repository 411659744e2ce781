#include "millpool/sync/parker.hpp"

#include "millpool/sync/futex.hpp"

namespace millpool {

void parker::park() noexcept { (void)park_until(steady(), no_deadline); }

bool parker::park_until(const clock& time, time_point deadline) noexcept {
  for (;;) {
    if (take_token()) return true;
    if (deadline != no_deadline && time.now() >= deadline) {
      std::uint32_t seen = asleep;
      // acquire on failure: E1, the token that came while we gave up is taken after all.
      if (state_.compare_exchange_strong(seen, none, std::memory_order_acquire)) return false;
      continue;
    }
    futex_wait_until(state_, asleep, time.look_again(deadline));
  }
}

// none -> asleep, or token -> none. Leaves `asleep` behind when it returns false.
bool parker::take_token() noexcept {
  std::uint32_t seen = none;
  // acquire on failure: E1. relaxed on success would do; acquire keeps the call in one shape.
  if (state_.compare_exchange_strong(seen, asleep, std::memory_order_acquire)) return false;
  if (seen == asleep) return false;  // we slept, and woke for no reason
  // relaxed: the acquire load above took the edge; only the owner turns token into none.
  state_.store(none, std::memory_order_relaxed);
  return true;
}

void parker::unpark() noexcept {
  // release: E1. An exchange and not a store: exactly one waker sees `asleep` and makes the call.
  if (state_.exchange(token, std::memory_order_release) == asleep) futex_wake(state_, 1);
}

}  // namespace millpool

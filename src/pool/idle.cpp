#include "src/pool/idle.hpp"

#include "src/pool/worker.hpp"

#include <utility>

namespace millpool {

void idle_workers::enter(worker& self) noexcept {
  const lock_guard lock{mutex_};
  self.idle_below = std::exchange(top_, &self);
  // relaxed: the worker's look into the channel, under the channel's lock, comes after this and
  // before the submitter's push under the same lock; so a submitter that must see the count does.
  count_.fetch_add(1, std::memory_order_relaxed);
}

bool idle_workers::leave(worker& self) noexcept {
  const lock_guard lock{mutex_};
  for (worker** at = &top_; *at != nullptr; at = &(*at)->idle_below) {
    if (*at == &self) {
      *at = self.idle_below;
      count_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: only ever a hint to look
      return true;
    }
  }
  return false;
}

bool idle_workers::wake_one() noexcept {
  // relaxed: see enter(). Zero is read only if nobody had entered before our push.
  if (count_.load(std::memory_order_relaxed) == 0) return false;
  worker* woken = nullptr;
  {
    const lock_guard lock{mutex_};
    if (top_ == nullptr) return false;
    woken = std::exchange(top_, top_->idle_below);
    count_.fetch_sub(1, std::memory_order_relaxed);
  }
  // The worker cannot be gone: it leaves its thread only after it took this token (I2).
  woken->bed.unpark();
  return true;
}

void idle_workers::wake_all() noexcept {
  worker* woken = nullptr;
  {
    // Always by the lock, never by the count: what the caller changed before (paused, closed, the
    // bounds) is seen by every worker that enters later, in its look before it parks.
    const lock_guard lock{mutex_};
    woken = std::exchange(top_, nullptr);
    count_.store(0, std::memory_order_relaxed);
  }
  while (woken != nullptr) {
    worker* const next = woken->idle_below;  // read first: once awake, it may enter again
    woken->bed.unpark();
    woken = next;
  }
}

}  // namespace millpool

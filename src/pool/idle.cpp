#include "src/pool/idle.hpp"

#include "millpool/base/cpu.hpp"
#include "src/pool/worker.hpp"

#include <utility>

namespace millpool {

// seq_cst in all changes of state_: they are rare, and what a reader may miss is said in idle.hpp.

idle_workers::entered idle_workers::enter(worker& self, bool searched, bool may_doze) noexcept {
  const lock_guard lock{mutex_};
  self.dozes = may_doze && dozers_.load(std::memory_order_relaxed) == 0;
  if (self.dozes) dozers_.fetch_add(1, std::memory_order_relaxed);
  self.cpu = current_cpu();
  self.idle_below = std::exchange(top_, &self);
  const std::uint32_t before = state_.fetch_add(one_sleeper - (searched ? one_searcher : 0));
  return {sleepers(before) + 1, self.dozes};
}

bool idle_workers::leave(worker& self) noexcept {
  const lock_guard lock{mutex_};
  for (worker** at = &top_; *at != nullptr; at = &(*at)->idle_below) {
    if (*at == &self) {
      *at = self.idle_below;
      state_.fetch_sub(one_sleeper);
      popped(self);
      return true;
    }
  }
  return false;
}

// With mutex_ held.
void idle_workers::popped(worker& woken) noexcept {
  if (std::exchange(woken.dozes, false)) dozers_.fetch_sub(1, std::memory_order_relaxed);
}

bool idle_workers::start_search() noexcept {
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  while (searchers(seen) == 0) {
    if (state_.compare_exchange_weak(seen, seen + one_searcher)) return true;
  }
  const lock_guard lock{mutex_};
  if (coming_ == nullptr) return false;
  std::exchange(coming_, nullptr)->released = true;  // what counts it counts this one now
  return true;
}

bool idle_workers::has_come(worker& self) noexcept {
  const lock_guard lock{mutex_};
  if (coming_ == &self) coming_ = nullptr;
  return !std::exchange(self.released, false);
}

void idle_workers::stop_search() noexcept { state_.fetch_sub(one_searcher); }

// With mutex_ held, and somebody on the stack.
worker* idle_workers::pop_for(int cpu) noexcept {
  constexpr int few = 4;
  worker** at = &top_;
  int seen = 0;
  while (seen < few && *at != nullptr && (*at)->cpu == cpu) {
    at = &(*at)->idle_below;
    ++seen;
  }
  if (seen == few || *at == nullptr) at = &top_;
  return std::exchange(*at, (*at)->idle_below);
}

bool idle_workers::wake_one_of_some() noexcept {
  std::uint32_t seen = state_.load(std::memory_order_relaxed);
  // An addition of nothing: a full fence, which the end of a search is, too.
  if (searchers(seen) > 0) seen = state_.fetch_add(0);
  if (searchers(seen) > 0) return true;
  if (sleepers(seen) == 0) return false;
  worker* woken = nullptr;
  const int here = current_cpu();
  {
    const lock_guard lock{mutex_};
    if (searchers(state_.load(std::memory_order_relaxed)) > 0) return true;
    if (top_ == nullptr) return false;
    woken = pop_for(here);
    // On its behalf, so that the next submitter knows of it before it runs.
    state_.fetch_add(one_searcher - one_sleeper);
    coming_ = woken;
    popped(*woken);
  }
  // The worker cannot be gone: it leaves its thread only after it took this token (I2).
  woken->bed.unpark();
  return true;
}

void idle_workers::wake_all() noexcept {
  worker* woken = nullptr;
  {
    // Always by the lock: what the caller changed before (paused, closed, the bounds) is seen by
    // every worker that enters later, in its look before it parks.
    const lock_guard lock{mutex_};
    woken = std::exchange(top_, nullptr);
    for (worker* each = woken; each != nullptr; each = each->idle_below) {
      state_.fetch_add(one_searcher - one_sleeper);
      popped(*each);
    }
  }
  while (woken != nullptr) {
    worker* const next = woken->idle_below;  // read first: once awake, it may enter again
    woken->bed.unpark();
    woken = next;
  }
}

}  // namespace millpool

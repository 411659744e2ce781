#include "src/pool/visit.hpp"

#include <new>
#include <thread>
#include <utility>

namespace millpool {

constinit thread_local visitor* visitor::of_this_thread = nullptr;

namespace {

constinit std::atomic<visitor*> all_visitors{nullptr};  // as above

// Lock-free, so that a forked child finds it whole.
visitor* take_slot() noexcept {
  for (visitor* each = all_visitors.load(); each != nullptr; each = each->next) {
    bool taken = false;
    if (each->taken.compare_exchange_strong(taken, true)) return each;
  }
  auto* const fresh = new (std::nothrow) visitor;
  if (fresh == nullptr) return nullptr;
  fresh->next = all_visitors.load();
  while (!all_visitors.compare_exchange_weak(fresh->next, fresh)) {
  }
  return fresh;
}

constinit thread_local bool over = false;

struct end_of_thread {
  ~end_of_thread() {
    over = true;
    visitor* const mine = std::exchange(visitor::of_this_thread, nullptr);
    if (mine != nullptr) mine->taken.store(false);
  }
};

}  // namespace

[[gnu::noinline]] visitor* visit::first_visit() noexcept {
  if (over) return nullptr;
  static thread_local const end_of_thread at_the_end;
  static_cast<void>(at_the_end);
  return visitor::of_this_thread = take_slot();
}

void await_visitors(const pool_core& core) noexcept {
  heavy_barrier();
  for (visitor* each = all_visitors.load(); each != nullptr; each = each->next) {
    if (each == visitor::of_this_thread) continue;
    // A visit is some instructions long, unless its thread is not running.
    while (each->inside.load(std::memory_order_acquire) == &core) std::this_thread::yield();
  }
}

}  // namespace millpool

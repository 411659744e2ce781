#include "src/pool/visit.hpp"

#include "millpool/base/cache_line.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"

#include <atomic>
#include <new>
#include <thread>

namespace millpool {

/// A thread's slot. Slots are made when needed, used again by later threads, and never freed: as
/// many as there ever were threads at once that submit.
struct alignas(cache_line_size) visitor {
  atomic<const pool_core*> inside{nullptr};
  std::atomic<bool> taken{true};  // not the shim's: who has a slot outlives a run of the explorer
  visitor* next = nullptr;
};

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

constinit thread_local visitor* mine = nullptr;
constinit thread_local bool over = false;

struct end_of_thread {
  ~end_of_thread() {
    over = true;
    if (mine != nullptr) mine->taken.store(false);
    mine = nullptr;
  }
};

[[gnu::noinline]] visitor* first_visit() noexcept {
  if (over) return nullptr;
  static thread_local const end_of_thread at_the_end;
  static_cast<void>(at_the_end);
  mine = take_slot();
  return mine;
}

}  // namespace

visit::visit(const pool_core& core) noexcept : self_{mine != nullptr ? mine : first_visit()} {
  if (self_ == nullptr) return;
  self_->inside.store(&core, std::memory_order_relaxed);  // the barrier orders it
  light_barrier();
}

void visit::leave() noexcept {
  // release: the owner, who reads it, comes after what was done inside.
  if (self_ != nullptr) self_->inside.store(nullptr, std::memory_order_release);
}

void await_visitors(const pool_core& core) noexcept {
  heavy_barrier();
  for (visitor* each = all_visitors.load(); each != nullptr; each = each->next) {
    if (each == mine) continue;
    // A visit is some instructions long, unless its thread is not running.
    while (each->inside.load(std::memory_order_acquire) == &core) std::this_thread::yield();
  }
}

}  // namespace millpool

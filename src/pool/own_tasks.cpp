#include "src/pool/own_tasks.hpp"

#include <algorithm>

namespace millpool {

own_tasks_of_all::~own_tasks_of_all() {
  for (atomic<chunk*>& each : chunks_) {
    const std::unique_ptr<chunk> gone{each.load(std::memory_order_relaxed)};
    if (gone == nullptr) continue;
    for (atomic<own_tasks*>& tasks : gone->slots) delete tasks.load(std::memory_order_relaxed);
  }
}

own_tasks* own_tasks_of_all::of(std::size_t index) {
  if (index >= chunk_size * chunks_max) return nullptr;
  const lock_guard lock{mutex_};
  atomic<chunk*>& in = chunks_[index / chunk_size];
  // relaxed, here and below: only holders of the lock write.
  if (in.load(std::memory_order_relaxed) == nullptr) {
    in.store(std::make_unique<chunk>().release(), std::memory_order_release);
  }
  atomic<own_tasks*>& at = slot(index);
  if (at.load(std::memory_order_relaxed) == nullptr) {
    at.store(std::make_unique<own_tasks>().release(), std::memory_order_release);
  }
  // Indices are the lowest that are free, so the chunks below have been made.
  const std::size_t count = std::max(count_.load(std::memory_order_relaxed), index + 1);
  count_.store(count, std::memory_order_release);
  return at.load(std::memory_order_relaxed);
}

}  // namespace millpool

#include "src/pool/own_tasks.hpp"

#include "src/pool/pool_core.hpp"
#include "src/pool/worker.hpp"

#include <algorithm>
#include <memory>

namespace millpool {
namespace detail {

constinit thread_local unsigned unmeasured_of_this_thread = 0;
constinit thread_local own_tasks* kept_by_this_thread = nullptr;

}  // namespace detail

own_tasks::own_tasks(pool_core& pool) noexcept
    : pool_{&pool},
      conditions_{pool.conditions()},
      idle_{pool.idle().state()},
      channel_{pool.channel()} {}

void own_tasks::tell_pool(bool of_half) { owner_->look_again(of_half); }

bool own_tasks::take_back_below(const entry& newest, const completion& half) noexcept {
  static_cast<void>(deque_.push(newest));  // it has just made room
  return owner_->take_back(half);
}

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
    at.store(std::make_unique<own_tasks>(core_).release(), std::memory_order_release);
  }
  // Indices are the lowest that are free, so the chunks below have been made.
  const std::size_t count = std::max(count_.load(std::memory_order_relaxed), index + 1);
  count_.store(count, std::memory_order_release);
  return at.load(std::memory_order_relaxed);
}

bool own_tasks_of_all::any_visible() {
  return any_of(0, [this](const own_tasks& each) {
    return !each.empty() && !(each.is_low() && core_.low_work().is_full());
  });
}

std::uint64_t own_tasks_of_all::accepted() {
  std::uint64_t sum = 0;
  any_of(0, [&](const own_tasks& each) {
    sum += each.accepted();
    return false;
  });
  return sum;
}

}  // namespace millpool

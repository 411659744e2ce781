// Layer 3 · pool: what workers keep for themselves, and others may steal.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/pool/own_tasks.hpp"
#include "millpool/sync/mutex.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace millpool {

/// The own_tasks of all workers, by the worker's index. Thieves go through it without a lock.
///
/// Lifetime  one for each index that ever was; none goes before the pool does, since a thief may
///           still look at it. The next worker of that index takes it over, empty.
class own_tasks_of_all {
 public:
  explicit own_tasks_of_all(pool_core& core) noexcept : core_{core} {}
  own_tasks_of_all(const own_tasks_of_all&) = delete;
  own_tasks_of_all& operator=(const own_tasks_of_all&) = delete;
  ~own_tasks_of_all();

  /// That of the worker with this index; or null, if the index is too high: then the worker keeps
  /// nothing. \throws std::bad_alloc.
  [[nodiscard]] own_tasks* of(std::size_t index);

  /// Calls visit(own_tasks&) for each until it returns true, beginning behind `first`, round once.
  /// \return whether one did.
  template <class Visit>
  bool any_of(std::size_t first, Visit visit) {
    // acquire: what was made before it was counted.
    const std::size_t count = count_.load(std::memory_order_acquire);
    for (std::size_t i = 1; i <= count; ++i) {
      own_tasks* const each = slot((first + i) % count).load(std::memory_order_acquire);
      if (each != nullptr && visit(*each)) return true;
    }
    return false;
  }

  /// Whether any has a task: see work_deque::size().
  /// Tasks that the limit holds back do not count.
  [[nodiscard]] bool any_visible();

  /// How many tasks were ever accepted there.
  [[nodiscard]] std::uint64_t accepted();

 private:
  static constexpr std::size_t chunk_size = 64;
  static constexpr std::size_t chunks_max = 64;
  struct chunk {
    std::array<atomic<own_tasks*>, chunk_size> slots{};
  };

  [[nodiscard]] atomic<own_tasks*>& slot(std::size_t index) noexcept {
    return chunks_[index / chunk_size].load(std::memory_order_acquire)->slots[index % chunk_size];
  }

  pool_core& core_;
  mutex mutex_;  // for who adds one
  std::array<atomic<chunk*>, chunks_max> chunks_{};
  atomic<std::size_t> count_{0};  // indices below it have a chunk
};

}  // namespace millpool

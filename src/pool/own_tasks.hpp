// Layer 3 · pool: what a worker keeps for itself, as long as nobody else takes it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/channel/work_deque.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/mutex.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace millpool {

/// The tasks that one worker's tasks have submitted, or that it has taken from the channel in a
/// batch: it pops what was pushed last, and any other worker may steal what was pushed first. A
/// batch is pushed the last first, so that it is run in its order, and a thief takes its last. All
/// are of one lane, but halves of a join(), which lie here whatever the lane of the task that
/// forked them.
class own_tasks {
 public:
  static constexpr std::size_t capacity = 256;

  struct entry {
    queued_task::words task;
    time_point submitted;
  };

  /// Owner only. REQUIRES: of the same lane as what is in it, or a half. \return false: full.
  /// \throws std::bad_alloc at the first push, if not after allocate().
  [[nodiscard]] bool push(queued_task& task, time_point submitted) {
    if (deque_.size() == capacity) return false;
    return deque_.push({task.release(), submitted});
  }
  [[nodiscard]] bool push(const entry& task) { return deque_.push(task); }
  void allocate() { deque_.allocate(); }

  /// Owner only. What was pushed last.
  [[nodiscard]] std::optional<waiting_task> pop() noexcept {
    entry newest{};
    if (!deque_.pop(newest)) return std::nullopt;
    return waiting_task{queued_task::adopt(newest.task), newest.submitted};
  }

  /// Owner only. What was pushed first.
  [[nodiscard]] std::optional<waiting_task> pop_oldest() noexcept {
    entry oldest{};
    if (!deque_.pop_oldest(oldest)) return std::nullopt;
    return waiting_task{queued_task::adopt(oldest.task), oldest.submitted};
  }

  /// Anybody. What was pushed first.
  [[nodiscard]] std::optional<waiting_task> steal() noexcept {
    entry oldest{};
    for (;;) {
      switch (deque_.steal(oldest)) {
        case steal_outcome::taken:
          return waiting_task{queued_task::adopt(oldest.task), oldest.submitted};
        case steal_outcome::empty:
          return std::nullopt;
        case steal_outcome::lost_race:
          break;  // somebody else got one: the deque moves on
      }
    }
  }

  /// Anybody: see work_deque.
  [[nodiscard]] std::size_t size() const noexcept { return deque_.size(); }
  [[nodiscard]] bool empty() const noexcept { return deque_.empty(); }

  /// Of what is in it. Owner only, and only while it is empty; read by anybody.
  void set_lane(unsigned lane) noexcept { lane_.store(lane, std::memory_order_relaxed); }
  [[nodiscard]] unsigned lane() const noexcept { return lane_.load(std::memory_order_relaxed); }

 private:
  work_deque<entry> deque_{capacity};
  atomic<unsigned> lane_{default_priority};  // relaxed: a thief's guess, a reader's figure
};

/// The own_tasks of all workers, by the worker's index. Thieves go through it without a lock.
///
/// Lifetime  one for each index that ever was; none goes before the pool does, since a thief may
///           still look at it. The next worker of that index takes it over, empty.
class own_tasks_of_all {
 public:
  own_tasks_of_all() = default;
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
  [[nodiscard]] bool any_visible() {
    return any_of(0, [](const own_tasks& each) { return !each.empty(); });
  }

 private:
  static constexpr std::size_t chunk_size = 64;
  static constexpr std::size_t chunks_max = 64;
  struct chunk {
    std::array<atomic<own_tasks*>, chunk_size> slots{};
  };

  [[nodiscard]] atomic<own_tasks*>& slot(std::size_t index) noexcept {
    return chunks_[index / chunk_size].load(std::memory_order_acquire)->slots[index % chunk_size];
  }

  mutex mutex_;  // for who adds one
  std::array<atomic<chunk*>, chunks_max> chunks_{};
  atomic<std::size_t> count_{0};  // indices below it have a chunk
};

}  // namespace millpool

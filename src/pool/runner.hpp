// Layer 3 · pool: a thread that runs tasks of a pool, a worker or a guest.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"
#include "millpool/telemetry/counter.hpp"
#include "millpool/telemetry/histogram.hpp"

#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace millpool {

class pool_core;

/// What one runner counts. Written by its thread alone, read by stats() at any time.
struct task_cells {
  counter accepted;  ///< tasks that it accepted and ran without the channel
  std::array<counter, task_state_count> ended;
  histogram wait;
  histogram run;
};

/// Runs tasks on one thread, and stands for their pool when such a task waits. The base of worker;
/// a thread that runs a task in its own submission (full_policy::caller_runs) is one for as long.
///
/// Frames  a task may run inside another on the same thread: when a wait runs the awaited task
///         here, or when a worker submits to its own full pool. Each has a frame; they form a
///         stack.
/// Invariants
///   I1  a task that runs has a frame here. It ends when its frame is popped by this thread, or
///       when abandon() marks the frame: under mutex_, so exactly one of them ends it (promise P1).
///   I2  a frame is pushed under mutex_ only while the pool does not cancel: so once the cancel
///       step has locked every runner's mutex_, no task starts (promise P4).
/// Thread safety  its own thread, but for abandon(), leave_behind(), await_starts() and the readers
///                of cells and activity.
class runner : public thread_host {
 public:
  enum class activity : std::uint8_t { idle, running, blocked };

  enum class role : std::uint8_t { worker, guest };

  runner(pool_core& core, role as) noexcept : core_{core}, role_{as} {}
  virtual ~runner() = default;

  /// The calling thread's runner for `core`, or null if the thread is none of its workers or
  /// guests.
  [[nodiscard]] static runner* of(const pool_core& core) noexcept;

  /// Makes this the calling thread's runner, on top of one for another pool, until resign().
  void install() noexcept;
  void resign() noexcept;

  /// Starts `task` and sees it to its end, or ends it unstarted: cancelled or expired.
  void run(queued_task&& task) noexcept;

  /// Runs a task that found no room in the channel. Never waits for room. Tasks that do this in one
  /// another nest to a fixed depth; beyond it they are put off: see pool_core::put_off().
  /// \return false if the pool was closed meanwhile; `task` is then as it was.
  [[nodiscard]] bool run_here(queued_task& task);

  /// Runs a task that waits, what was put off first. \return false if nothing waits, or if too many
  /// tasks run on this thread already, one inside the other.
  bool run_one_waiting() noexcept;

  // thread_host
  bool run_waiting(const void* owner) noexcept override;
  void block() noexcept override;
  void unblock() noexcept override;

  /// How many tasks run on this thread, one inside the other. Own thread only.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

  /// The same, plus those whose end this thread is telling: their continuations run here, and they
  /// cannot settle before these return. Own thread only.
  [[nodiscard]] std::size_t unsettled() const noexcept { return unsettled_; }

  /// What is left of a task that was given up: who is to be told.
  struct orphan {
    completion_ref<millpool::completion> completion;
    class_record* of_class;
  };
  /// Takes all tasks that run here from this thread: it will not tell their ends any more, the
  /// caller must. Any thread.
  void abandon(std::vector<orphan>& into);
  /// Whether this thread is still in a task that was given up. If so it is nobody's any more, and
  /// is to call no hook. Any thread.
  [[nodiscard]] bool leave_behind();

  /// Returns when no task is just being started. Any thread.
  void await_starts() const { const lock_guard lock{mutex_}; }

  /// Any thread. What this reads is old when it returns.
  [[nodiscard]] activity doing() const noexcept {
    return doing_.load(std::memory_order_relaxed);  // relaxed: for people to read
  }
  [[nodiscard]] const task_cells& cells() const noexcept { return cells_; }

  /// Whether a task here is in pool_core::shutdown(). Own thread only.
  bool shutting_down = false;

 protected:
  /// What leave_behind() returned.
  [[nodiscard]] bool is_left_behind() const;

  pool_core& core_;

 private:
  struct frame {
    frame* below = nullptr;
    completion_ref<millpool::completion> completion;
    class_record* of_class = nullptr;
    bool abandoned = false;
  };

  void run_to_its_end(queued_task&& taken) noexcept;
  [[nodiscard]] std::optional<task_state> begin(frame& here, queued_task& task, time_point now);
  [[nodiscard]] bool end(frame& here) noexcept;
  void count(task_state state, class_record* of_class) noexcept;
  void deliver(frame& here, task_state state, std::exception_ptr error) noexcept;

  const role role_;
  runner* outer_ = nullptr;  // the thread's runner before install()
  thread_host* outer_host_ = nullptr;
  task_cells cells_;
  atomic<activity> doing_{activity::idle};
  std::size_t depth_ = 0;
  std::size_t unsettled_ = 0;
  std::size_t block_depth_ = 0;  // calls of block() without their unblock()
  std::size_t nested_here_ = 0;  // how deep run_here() has nested
  mutable mutex mutex_;
  frame* top_ = nullptr;      // guarded by mutex_
  bool left_behind_ = false;  // guarded by mutex_
};

}  // namespace millpool

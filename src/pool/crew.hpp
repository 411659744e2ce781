// Layer 3 · pool: which threads a pool has.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/pool/pool_stats.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/runner.hpp"
#include "src/pool/wait_graph.hpp"
#include "src/pool/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace millpool {

/// Starts workers, lets them go, joins them; and knows who else runs tasks of the pool.
///
///   minimum <= live workers <= limit = active + min(absent workers, max_compensation)
///                                      + those too many at work for the low lanes
///
/// Absent are those that block, and those whose task is overdue: see watchdog. `active` is the
/// maximum, unless the pool is steered by a scaling_rule. The upper bound is reached from above
/// where it was lowered or an absent worker came back: a surplus worker leaves when it keeps
/// nothing, before it takes its next task. In a steered pool it sits on the bench first, where it
/// is not counted as live, for keep_alive: it is called back before a thread is started.
///
/// Whether there are fewer or more than the limit stands in the pool_conditions: hints, since
/// grow() and leave_if_surplus() decide under the lock.
/// Thread safety  every member may be called concurrently.
class crew {
 public:
  explicit crew(pool_core& core) noexcept : core_{core}, waits_{core} {}

  /// Starts workers until there are `minimum`. \throws std::system_error if not even one starts.
  void start(std::size_t minimum, std::size_t maximum);

  /// Changes the bounds, and takes up what became of max_compensation. Calls nothing of the user's;
  /// meet_bounds() is to follow.
  void change_bounds(std::size_t minimum, std::size_t maximum) noexcept;
  /// Starts what is missing, and tells surplus workers to go, and the others to count anew for how
  /// long they have been idle.
  void meet_bounds();

  /// Adds one more worker if the limit allows, and tells if that failed.
  /// \return false if the thread could not be started.
  bool grow();
  /// The same until the limit is reached.
  bool grow_to_limit();
  /// The same until there are so many live workers, which raises `active` where it is less.
  /// \return how many are live.
  std::size_t prestart(std::size_t workers);

  /// How many may work at once from now on: from 1 to the maximum.
  void set_active(std::size_t workers) noexcept;
  /// A hint.
  [[nodiscard]] std::size_t active() const noexcept {
    return active_.load(std::memory_order_relaxed);
  }
  struct limits {
    std::size_t active;
    std::size_t minimum;
    std::size_t maximum;
  };
  [[nodiscard]] limits bounds() const;

  [[nodiscard]] bool is_empty() const noexcept {
    return live_.load(std::memory_order_relaxed) == 0;
  }
  [[nodiscard]] std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool above_minimum() const noexcept {
    // relaxed: a hint; leave_if_idle() decides under the lock.
    return live_.load(std::memory_order_relaxed) > minimum_.load(std::memory_order_relaxed);
  }

  /// A worker asks whether it may go. If so it is no longer counted, and must end its thread; what
  /// its last hook still runs is accounted for.
  [[nodiscard]] bool leave_if_surplus(worker& self);
  [[nodiscard]] bool leave_if_idle(worker& self);

  /// A worker asks whether it is to sit on the bench: then it waits for a token in its bed, or
  /// leaves by leave_bench().
  [[nodiscard]] bool sit_down_if_surplus(worker& self);
  /// It has sat there for long enough. \return false if it was called back: its token is then on
  /// the way. Else it is no longer counted, and must end its thread.
  [[nodiscard]] bool leave_bench(worker& self);
  /// Nobody sits down from here on, and who sits is called back.
  void clear_bench() noexcept;

  /// A worker blocks in a task: one more may exist until it comes back.
  void worker_blocks(runner& self);
  void worker_unblocks(runner& self) noexcept;

  /// Fewer than before are too many at work for the low lanes.
  void low_work_has_changed() noexcept;

  /// Marks the tasks that the watchdog has seen for that long: their workers are absent from here
  /// on. REQUIRES: `overdue` is set in the pool_conditions, and a heavy_barrier() came after.
  void mark_overdue(duration age) noexcept;
  /// Marks one of those that it has seen for that long as stuck. \return what is known of it; none
  /// if there is no more. \throws std::bad_alloc. REQUIRES: as above.
  [[nodiscard]] std::optional<stuck_task> mark_stuck(duration age);
  /// An overdue task with these marks is over.
  void comes_back(runner& self, std::uint32_t marks) noexcept;
  [[nodiscard]] bool any_overdue();
  /// Whether all workers sleep, and nobody else runs a task.
  [[nodiscard]] bool all_asleep();

  /// A runner is about to wait for tasks without a time limit. Where that closes a circle of waits,
  /// or leaves nobody to run what all wait for, this tells of it, and one of the waits is given up.
  /// \return whether it may wait; runner_goes_on() is then to follow. Else `wait` was given up.
  [[nodiscard]] bool runner_waits(runner& self, task_wait& wait);
  void runner_goes_on(runner& self) noexcept;
  /// The same for those who wait already: something that might have ended their waits does not any
  /// more. Calls hooks.
  void look_for_deadlocks();

  /// Guests: threads that run a task in their own submission.
  void add_guest(runner& guest);
  void remove_guest(runner& guest) noexcept;

  /// Calls `visit` for every worker, also one that is on its way out, and guest; nobody comes or
  /// goes meanwhile.
  template <class Visit>
  void for_each_runner(Visit visit) {
    const lock_guard lock{mutex_};
    visit_all(visit);
  }

  /// Calls f() while nobody looks for deadlocks, and so at what waiting workers keep.
  template <class F>
  void while_nobody_looks(F f) {
    const lock_guard lock{mutex_};
    f();
  }

  /// Ends it all: no worker starts from here on; joins every thread but the calling one and those
  /// whose task was abandoned, which stay behind, detached. \return the names of the latter.
  [[nodiscard]] std::vector<std::string> join();

  /// What all runners that ever were have settled, and have accepted on their own.
  [[nodiscard]] std::uint64_t settled();
  [[nodiscard]] std::uint64_t succeeded();
  [[nodiscard]] std::uint64_t accepted();
  /// So many workers are in a task just now.
  [[nodiscard]] std::size_t in_tasks() const;

  /// Adds to `into` what all runners that ever were have counted, and the workers by what they do.
  void add_up(pool_stats& into);

 private:
  template <class More>
  bool add_while(More more);
  template <class Condition>
  [[nodiscard]] bool leave_if(worker& self, Condition may_leave);
  void take_out(worker& gone);
  void left_the_others();
  void came_back() noexcept;
  [[nodiscard]] static bool join_or_leave(worker& each);
  void reap() noexcept;
  void report(const std::optional<std::system_error>& failure);

  // The functions below expect mutex_ to be held.
  template <class Visit>
  void visit_all(Visit visit) {
    for (const auto& each : workers_) visit(static_cast<runner&>(*each));
    for (const auto& each : departed_) visit(static_cast<runner&>(*each));
    for (runner* each : guests_) visit(*each);
  }
  void set_bounds(std::size_t minimum, std::size_t maximum) noexcept;
  void update_limit() noexcept;
  void count_workers() noexcept;
  [[nodiscard]] std::size_t working() const noexcept { return workers_.size() - bench_.size(); }
  [[nodiscard]] std::optional<std::system_error> add_one();
  void call_back() noexcept;
  [[nodiscard]] std::size_t most_threads() const noexcept;
  [[nodiscard]] std::size_t compensation() const noexcept;
  void show() const noexcept;
  [[nodiscard]] bool changes_absence(runner& of, bool was_absent) noexcept;
  [[nodiscard]] std::optional<std::system_error> start_up_to_minimum();
  [[nodiscard]] std::optional<std::system_error> start_one();
  bool is_absent_from_here(runner& of, bool blocks) noexcept;
  [[nodiscard]] std::optional<deadlock_info> look_for_deadlock(runner& self,
                                                               runner*& gives_up) noexcept;
  [[nodiscard]] bool all_wait() const noexcept;
  [[nodiscard]] bool forget_if_finished(const worker& each) noexcept;
  void keep_counts_of(const runner& gone) noexcept;
  // Of pick(cells) over all runners that ever were.
  template <class Pick>
  [[nodiscard]] std::uint64_t sum_of(Pick pick) {
    std::uint64_t sum = std::invoke(pick, of_the_gone_).load();
    visit_all([&](const runner& each) { sum += std::invoke(pick, each.cells()).load(); });
    return sum;
  }

  pool_core& core_;
  mutable mutex mutex_;
  std::vector<std::unique_ptr<worker>> workers_;  // guarded by mutex_, as all to the line below
  // Have left, and their threads are not joined yet: they may still be in their last hook.
  std::vector<std::unique_ptr<worker>> departed_;
  std::vector<runner*> guests_;
  std::vector<worker*> bench_;  // some of workers_; the last to come is the first to be called
  bool bench_is_closed_ = false;
  std::size_t maximum_ = 0;
  std::size_t limit_ = 0;
  std::size_t absent_ = 0;
  std::size_t overdue_ = 0;  // tasks with that mark
  std::size_t stuck_ = 0;    // the same
  std::uint64_t stuck_total_ = 0;
  std::uint64_t threads_started_ = 0;
  std::uint64_t thread_failures_ = 0;
  wait_graph waits_;
  std::uint64_t waits_begun_ = 0;
  std::uint64_t deadlocks_ = 0;
  bool sealed_ = false;     // join() has begun: nobody comes or leaves any more
  task_cells of_the_gone_;  // what workers and guests had counted when they left
  // ------------------------------------------------ written under mutex_, read by anyone:
  atomic<std::size_t> live_{0};
  atomic<std::size_t> minimum_{0};
  atomic<std::size_t> active_{0};
};

}  // namespace millpool

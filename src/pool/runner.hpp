// Layer 3 · pool: a thread that runs tasks of a pool, a worker or a guest.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/own_tasks.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"
#include "millpool/telemetry/counter.hpp"
#include "src/pool/sighting.hpp"
#include "src/pool/stamp.hpp"
#include "src/pool/time_cells.hpp"

#include <array>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace millpool {

class pool_core;
struct admission;

namespace detail {

/// A task on its thread's stack.
struct task_frame {
  enum mark : std::uint32_t {
    abandoned = 1,  ///< it is not its thread's to end any more
    overdue = 2,    ///< another worker may take its thread's place
    stuck = 4,      ///< it was reported, and told to stop
    asks = 8,       ///< it is a task_frame_of_asking; from the start, and for good
  };

  task_frame* below;
  millpool::completion* completion;  // not counted: the task's reference is the runner's
  const task_kind* kind;
  std::uint32_t marks = 0;  // guarded by the runner's mutex_
};
/// One of a task that has extras.
struct task_frame_of_asking : task_frame {
  task_extras* asked;
};

}  // namespace detail

/// What one runner counts. Written by its thread alone, read by stats() at any time.
struct task_cells {
  counter accepted;                             ///< forked halves that it took
  counter settled;                              ///< tasks whose end was counted and told
  std::array<counter, task_state_count> ended;  ///< tasks without a class
  counter steals;                               ///< tasks taken from another worker
  counter parks;                                ///< sleeps
};

/// Runs tasks on one thread, and stands for their pool when such a task waits. The base of worker;
/// a thread that runs a task in its own submission (full_policy::caller_runs) is one for as long.
///
/// Frames  a task may run inside another on the same thread: when a wait runs the awaited task
///         here, or when a worker submits to its own full pool. Each has a frame; they form a
///         stack.
/// The protocol by which a task starts and ends without a lock
///   this thread             1. pushes or pops the frame  2. light_barrier()  3. reads conditions_
///   cancel(), abandon(),    1. sets its bit there        2. heavy_barrier()
///   the watchdog            3. the latter two read top, under mutex_
/// The same in a pause: a thread takes a task, and then reads the bit of pause(); purge() passes a
/// heavy_barrier(), and then looks whether all hands are empty.
/// Invariants
///   I1  a task that runs has a frame here. It ends when its frame is popped by this thread, or
///       when abandon() marks the frame. Either abandon() sees the pop, or this thread sees its bit
///       and then decides under mutex_: so exactly one of them ends it (promise P1).
///   I2  a thread that has not seen the bit of the cancel step had pushed its frame before the
///       step's barrier: after it no task starts (promise P4).
///   I3  between tasks a thread may have one in its hands, which lies nowhere and does not run.
///       Before it takes one it looks at the conditions, and after, and lays it back in a pause. So
///       hands that are empty once, after the barrier of a pause, stay so. (Inside a task, too, it
///       has others in its hands for a moment, as it looks for the one that it waits for.)
///   I4  once `abandons` or `overdue` is set and a heavy_barrier() has passed after that, a frame
///       that is read from top under mutex_ stays, and what it points to, until mutex_ is let go:
///       its thread has not popped it, or that would have been seen; so it sees the bit when it
///       does, and then takes mutex_. Only the watchdog clears `overdue`, and only when no frame
///       has that mark, so that who pops one that has always takes mutex_, and gives back what the
///       mark stands for.
/// Thread safety  its own thread, but for abandon(), leave_behind(), what is the watchdog's or for
///                wait_graph, and the readers of cells and activity.
class runner : public thread_host {
 public:
  enum class activity : std::uint8_t { idle, running, blocked };

  enum class role : std::uint8_t { worker, guest };

  runner(pool_core& core, role as) noexcept;
  virtual ~runner() = default;

  /// The calling thread's runner for `core`, or null if the thread is none of its workers or
  /// guests.
  [[nodiscard]] static runner* of(const pool_core& core) noexcept {
    runner* found = of_this_thread_;
    while (found != nullptr && &found->core_ != &core) found = found->outer_;
    return found;
  }

  /// Makes this the calling thread's runner, on top of one for another pool, until resign().
  void install() noexcept;
  void resign() noexcept;

  /// Starts `task` and sees it to its end, or ends it unstarted: cancelled or expired.
  /// \param  submitted  a stamp.
  void run(queued_task&& task, time_point submitted) noexcept { run(task.release(), submitted); }
  /// The same for a task that is the caller's as words, and is no more after.
  [[gnu::always_inline]] void run(const task_words& task, time_point submitted) noexcept {
    if (block_depth_ > 0) [[unlikely]]
      return run_while_blocked(queued_task{task}, submitted);
    count_unsettled(1);
    if (is_plain(task, submitted)) {
      run_plain(task);
    } else {
      run_to_its_end(queued_task{task}, submitted);
    }
    count_unsettled(-1);
    light_barrier();  // before the next look at the conditions: I3
  }

  /// Runs a task that found no room in the channel. Never waits for room. Tasks that do this in one
  /// another nest to a fixed depth; beyond it they are put off: see pool_core::put_off().
  /// \return false if the pool was closed meanwhile; `task` is then as it was.
  [[nodiscard]] bool run_here(queued_task& task, unsigned lane);

  /// Runs a task that waits, what was put off first. \return false if nothing waits, or if too many
  /// tasks run on this thread already, one inside the other.
  bool run_one_waiting() noexcept;

  /// Takes a task that this thread keeps: the newest, if `owner` is null, else the newest of those
  /// that report to it.
  [[nodiscard]] virtual std::optional<waiting_task> take_kept(const void* owner) noexcept;

  /// Accepts `task` and keeps it for this thread, where others can steal it. \return false if it
  /// does not: `task` is then as it was.
  [[nodiscard]] virtual bool keep(queued_task& task, unsigned lane, const admission& how) noexcept;

  /// See worker_pool::fork().
  [[nodiscard]] virtual own_tasks* fork(const task_kind& kind, millpool::completion& half) noexcept;

  // thread_host
  bool run_waiting(const void* owner) noexcept override;
  void block() noexcept override;
  void unblock() noexcept override;
  [[nodiscard]] bool block_for(task_wait& wait) noexcept override;

  /// How many tasks run on this thread, one inside the other. Own thread only. O(that).
  [[nodiscard]] std::size_t depth() const noexcept;

  /// The same, plus those whose end this thread is telling: their continuations run here, and they
  /// cannot settle before these return. Own thread only.
  [[nodiscard]] std::size_t unsettled() const noexcept {
    return unsettled_.load(std::memory_order_relaxed);  // relaxed: its own
  }

  /// Says whether this thread may take a task; it calls light_barrier() before it does. \return
  /// what it said before. Own thread only.
  bool set_takes(bool so) noexcept {
    const bool before = takes_.load(std::memory_order_relaxed);  // relaxed: its own
    takes_.store(so, std::memory_order_release);                 // release: see hands_are_empty()
    return before;
  }

  /// Any thread. I3. Acquire: what they held lies where it belongs.
  [[nodiscard]] bool hands_are_empty() const noexcept {
    return !takes_.load(std::memory_order_acquire) ||
           unsettled_.load(std::memory_order_acquire) > 0;
  }

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

  /// Any thread. What this reads is old when it returns.
  [[nodiscard]] activity doing() const noexcept {
    // relaxed: for people to read.
    if (blocks_.load(std::memory_order_relaxed)) return activity::blocked;
    return place_.top.load(std::memory_order_relaxed) != nullptr ? activity::running
                                                                 : activity::idle;
  }
  [[nodiscard]] const task_cells& cells() const noexcept { return cells_; }

  // ---- the watchdog's, with crew's mutex held: so the runner is there

  /// Looks what runs here. \return for how long the same task has been seen here, if `passed` has
  /// since the last look; 0: none, or another than then.
  [[nodiscard]] duration look(duration passed) noexcept;
  [[nodiscard]] const sighting& seen() const noexcept { return seen_; }
  /// Whether the task that was seen last still runs. Old when this returns.
  [[nodiscard]] bool is_still_in_it() const noexcept { return still_in() != nullptr; }

  /// Marks the task that was seen last, if it still runs. \return whether it had no such mark, and
  /// has it now. REQUIRES: `overdue` is set, and a heavy_barrier() came after (I4).
  [[nodiscard]] bool mark_overdue() noexcept;
  /// The same. \return what is known of it. \throws std::bad_alloc; then it is not marked.
  [[nodiscard]] std::optional<stuck_task> mark_stuck();
  /// Tells it to stop. \return what to request its stop by, under no lock; without a state, if it
  /// has not asked for that. REQUIRES: as above, and it is marked.
  [[nodiscard]] std::stop_source tell_to_stop() noexcept;
  /// The worker that it is; no name: a guest.
  [[nodiscard]] virtual worker_info info() const noexcept;
  [[nodiscard]] bool is_guest() const noexcept { return role_ == role::guest; }

  /// Why another worker may take this one's place. Guarded by crew's mutex.
  struct absence {
    bool blocks = false;
    bool out = false;           // it has left, or sits on the bench: it has no place
    std::uint32_t overdue = 0;  // tasks with that mark, one inside the other
    [[nodiscard]] bool is_absent() const noexcept { return blocks || overdue > 0; }
  } absent;
  /// REQUIRES: it is in a task, and does not end it meanwhile; or own thread.
  [[nodiscard]] bool is_at_low_work() const noexcept { return at_low_work_; }

  /// Whether a task here is in pool_core::shutdown(). Own thread only.
  bool shutting_down = false;

  /// What this thread waits for, if that is a task, and it has no time limit: as long as it is not
  /// null, the thread does nothing else. Changed under crew's lock, by this thread; but given_up by
  /// any.
  struct {
    task_wait* wait = nullptr;
    std::uint64_t number = 0;  ///< the younger the higher
    bool given_up = false;
    bool is_told = false;  ///< it is part of a deadlock in which nobody gives way
  } awaits;

  // ---- for wait_graph: while it waits so, or on its own thread. O(depth)

  /// Whether a task of that tag runs here.
  [[nodiscard]] bool runs(const void* owner) const noexcept {
    return find_frame([&](const frame& each) { return each.completion == owner; }) != nullptr;
  }
  /// Whether a task here has this serial key, or any.
  [[nodiscard]] bool has_key(const std::optional<serial_key>& key) const noexcept;
  /// That of the task of that tag, or of the innermost one.
  [[nodiscard]] const class_record* class_of(const void* owner) const noexcept;

  /// A worker's; empty for a guest.
  [[nodiscard]] virtual const std::string& name() const noexcept;

 protected:
  /// Runs it inside a task that it has nothing to do with.
  void run_for_another(waiting_task&& task) noexcept;

  /// What leave_behind() returned.
  [[nodiscard]] bool is_left_behind() const;

  void count_steal() noexcept { cells_.steals.add(); }
  void count_park() noexcept { cells_.parks.add(); }

  pool_core& core_;
  const pool_conditions& conditions_;

  // It has entered pool_core::low_work(), and not left it; but as long as it is absent it is
  // counted there as gone. Changed by its own thread, and in no task.
  bool at_low_work_ = false;

 private:
  using frame = detail::task_frame;
  [[nodiscard]] static task_extras* extras_of(const frame& of) noexcept {
    if ((of.marks & frame::asks) == 0) return nullptr;
    return static_cast<const detail::task_frame_of_asking&>(of).asked;
  }
  [[nodiscard]] static class_record* class_of(const frame& of) noexcept {
    const task_extras* const asked = extras_of(of);
    return asked != nullptr ? asked->of_class : nullptr;
  }

  // The innermost one for which wanted(const frame&) holds, or null.
  template <class Predicate>
  [[nodiscard]] const frame* find_frame(Predicate wanted) const noexcept {
    // relaxed: crew's lock orders it, or the thread is this one.
    const frame* at = place_.top.load(std::memory_order_relaxed);
    while (at != nullptr && !wanted(*at)) at = at->below;
    return at;
  }
  // The frame of the task that was seen last, or null if it runs no more. By I4 the frame stays,
  // and top does not: it is read once.
  [[nodiscard]] frame* still_in() const noexcept;
  [[nodiscard]] bool has_a_place() const noexcept;
  void gives_its_place() noexcept;
  void takes_its_place() noexcept;
  void run_while_blocked(queued_task&& task, time_point submitted) noexcept;
  [[nodiscard]] static bool is_plain(const task_words& task, time_point submitted) noexcept;
  void run_plain(const task_words& task) noexcept;
  void run_if_allowed(const task_words& task, frame& here) noexcept;
  void run_to_its_end(queued_task&& task, time_point submitted) noexcept;
  [[nodiscard]] bool put_back(queued_task& task, task_extras_ptr& asked,
                              time_point submitted) noexcept;
  [[nodiscard]] std::optional<task_state> verdict_on(const task_extras* asked,
                                                     const std::stop_token& stop,
                                                     time_point now) const noexcept;
  void push(frame& here) noexcept {
    here.below = place_.top.load(std::memory_order_relaxed);  // relaxed: its own
    // release: abandon() reads the frame.
    place_.top.store(&here, std::memory_order_release);
    light_barrier();  // before the look at the conditions: I2
  }
  // Returns whether the task is still this thread's to end.
  [[nodiscard]] bool pop(frame& here) noexcept {
    place_.top.store(here.below, std::memory_order_release);
    light_barrier();  // before the look at the conditions: I1, I4
    constexpr std::uint32_t may_be_marked = pool_conditions::abandons | pool_conditions::overdue;
    return !conditions_.any_of(may_be_marked) || is_still_ours(here);
  }
  [[nodiscard]] bool is_still_ours(const frame& here) noexcept;
  void end_plain(frame& here, task_state state, std::exception_ptr error) noexcept;
  [[nodiscard]] static task_state state_of_exception(std::exception_ptr& error) noexcept;
  static void let_go(millpool::completion* target) noexcept;
  void end(millpool::completion* target, class_record* of_class, task_state state,
           std::exception_ptr error, duration waited, duration ran) noexcept;
  void measure(const class_record* of_class, time_point submitted, duration waited,
               duration ran) noexcept;
  void count_unsettled(int by) noexcept {
    // relaxed: its own. release: see hands_are_empty().
    unsettled_.store(unsettled_.load(std::memory_order_relaxed) + static_cast<std::size_t>(by),
                     std::memory_order_release);
  }
  void settled() noexcept {
    cells_.settled.add();
    if (role_ == role::guest) look_whether_awaited();
  }
  void look_whether_awaited() noexcept;

  static constinit thread_local runner* of_this_thread_;

  const role role_;
  const std::stop_token no_stop_;
  detail::task_place place_;
  task_context plain_;       // what a task gets that has asked for nothing
  runner* outer_ = nullptr;  // the thread's runner before install(), and so the next two
  thread_host* outer_host_ = nullptr;
  own_tasks* outer_kept_ = nullptr;
  atomic<std::size_t> unsettled_{0};  // written by this thread alone
  atomic<bool> takes_{false};         // the same
  std::size_t block_depth_ = 0;       // calls of block() without their unblock()
  std::size_t awaits_depth_ = 0;      // what that was when `awaits` was set
  std::size_t nested_here_ = 0;       // how deep run_here() has nested
  std::uint32_t short_tasks_ = 0;     // measured in a row
  bool runs_for_a_wait_ = false;      // what it runs just now
  atomic<bool> blocks_{false};        // the same
  task_cells cells_;
  own_time_cells times_;
  pid_t thread_ = 0;  // written before the first frame is pushed; 0: nobody watches
  sighting seen_;     // guarded by crew's mutex
  mutable mutex mutex_;
  bool left_behind_ = false;  // guarded by mutex_
};

// What is not measured, and has asked for nothing.
inline bool runner::is_plain(const task_words& task, time_point submitted) noexcept {
  if (stamp::stands_for(submitted) != 0 || task.extras() != nullptr || task.is_forked_half())
    return false;
  const millpool::completion* const target = task.target();
  return target == nullptr || target->stop_token() == nullptr;
}

// run_to_its_end(), for such a task.
inline void runner::run_plain(const task_words& task) noexcept {
  millpool::completion* const target = task.target();
  frame here{nullptr, target, task.kind};
  push(here);
  constexpr std::uint32_t may_not_start = pool_conditions::cancels | pool_conditions::asks_breaker;
  if (conditions_.any_of(may_not_start)) [[unlikely]]
    return run_if_allowed(task, here);
  task_state state = task_state::succeeded;
  std::exception_ptr error;
  try {
    task.kind->run(task.a, task.b, plain_);  // P2: it destroys the closure
  } catch (...) {
    state = state_of_exception(error);
  }
  // Not in the handler: who is told is to find the exception nowhere but in `error`.
  if (state != task_state::succeeded) [[unlikely]]
    return end_plain(here, state, std::move(error));
  if (!pop(here)) [[unlikely]]
    return let_go(target);
  cells_.ended[static_cast<std::size_t>(task_state::succeeded)].add();
  if (target != nullptr) target->complete(task_state::succeeded);
  settled();
}

}  // namespace millpool

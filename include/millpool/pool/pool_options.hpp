// Layer 3 · pool: how a pool is set up.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/channel/priority_lanes.hpp"
#include "millpool/pool/deadlock.hpp"
#include "millpool/pool/scaling.hpp"
#include "millpool/pool/shedding.hpp"
#include "millpool/pool/shutdown.hpp"
#include "millpool/pool/span_info.hpp"
#include "millpool/pool/stuck_info.hpp"
#include "millpool/pool/task_breaker.hpp"
#include "millpool/pool/task_options.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

namespace millpool {

/// What becomes of a submission that finds the channel full. A victim's future always completes.
enum class full_policy : std::uint8_t {
  block,           ///< the submitter waits for room
  block_for,       ///< the submitter waits for at most pool_options::block_for, then: timeout
  reject,          ///< refused: full
  caller_runs,     ///< the submitter runs the task itself, at once
  discard_oldest,  ///< the task that waited longest, of all lanes, is discarded
  discard_newest,  ///< the new task itself is accepted and discarded at once
  /// The newest task of the lowest lane is discarded, if that lane is lower than the new task's;
  /// else the new task itself.
  discard_lowest,
};
[[nodiscard]] std::string_view to_string(full_policy policy) noexcept;

/// A worker, as the hooks see it. The views last until the hook returns.
struct worker_info {
  std::string_view pool;
  std::string_view name;  ///< "<pool>/<index>", and the thread's name, cut to 15 characters
  std::size_t index;      ///< from 0; reused when a worker has left
};

/// A posted task that threw, as on_unhandled sees it.
struct unhandled_info {
  std::string_view pool;
  std::string_view task_class;  ///< empty if it had none
};

/// A submission, as the admit hook sees it.
struct submission_info {
  std::string_view pool;
  std::string_view task_class;  ///< empty if it has none
  unsigned priority;            ///< 0 (the highest) to 7
};

/// The end of an accepted task, as on_task_end sees it.
struct task_end_info {
  std::string_view pool;
  std::string_view task_class;  ///< empty if it had none
  task_state state;
  duration waited;  ///< from submission to start, or to the end if it never started
  duration ran;     ///< from start to end. Both are zero for an abandoned task
};

/// Everything that can be chosen when a pool is made. The hooks are called on the thread concerned;
/// they must not throw, and must not destroy the pool. What they refer to, and `time`, must outlive
/// the threads: a task that destroys its own pool comes back to them after that. Some can be
/// changed later: see worker_pool::reconfigure().
struct pool_options {
  std::string name = "millpool";

  /// Workers that always exist, and that exist at most. More than the minimum are started when a
  /// submission finds no idle worker, or when `scaling` says so, and leave when idle for
  /// keep_alive. Unset: the minimum is the number of CPUs this process may use, by affinity and
  /// cgroup quota, and the maximum is the same.
  std::optional<std::size_t> min_workers{};  ///< 0 is allowed: no thread until there is work
  std::optional<std::size_t> max_workers{};  ///< at least 1, and not less than the minimum
  scaling_rule scaling{};                    ///< see policy/scaler.hpp

  /// Tasks that wait, over all lanes and with all workers; at least 1. Below 64 workers keep no
  /// tasks: all go through the channel, one at a time.
  std::size_t queue_capacity = 1024;
  /// Tasks of submit_after(), submit_at() and every() whose time has not come yet.
  std::size_t delayed_capacity = 65'536;
  full_policy when_full = full_policy::block;
  duration block_for = std::chrono::seconds{1};  ///< for full_policy::block_for
  duration keep_alive = std::chrono::seconds{60};
  millpool::aging aging{};
  /// What is given up while more comes than gets done. Unset: nothing, but for what when_full says.
  std::optional<shedding_options> shedding{};

  /// So many workers never start a task whose priority is lower than `reserved_priority`, so that
  /// long ones cannot occupy all: of these low tasks at most max_workers less this run at once, on
  /// whichever workers. 0: none is reserved. Less than max_workers; and not beside `scaling` or
  /// `shedding`, to which an idle worker is a sign that nothing waits.
  ///
  /// Not counted: what a wait runs here and now, be it for a result, a join() or wait_idle(), and
  /// what a full pool's submitter runs itself; such a task runs for the task that it is run by. Nor
  /// is one that blocks, as long as it does, or is stuck: its stand-in is. When it comes back, or
  /// max_workers becomes less, there may be too many at work for a while; then there may be as many
  /// workers more. The parts of a low task's join() are low, too.
  /// What waits for these workers alone is not passed over: aging does not reach it.
  std::size_t reserved_workers = 0;
  /// The lowest priority that they serve; above 7 there has to be a lower one.
  unsigned reserved_priority = default_priority;

  /// Workers that may be added for a time, above max_workers, while others are blocked in a wait or
  /// a blocking_region. Where none is left, what only another worker could run waits until one
  /// comes back, or until all wait so: see on_deadlock. With 0, promise P5 holds for the waits only
  /// that can run the awaited task themselves. A task that another worker keeps is none of these,
  /// nor is any for a wait that began in a pause.
  std::size_t max_compensation = 64;

  /// A task that has run for so long is stuck: it is reported through on_stuck and in stats(), and
  /// told to stop; a worker more keeps the capacity, within max_compensation, until it returns.
  /// Nothing is done for this with each task: the pool looks at its workers eight times as often,
  /// while any of them is awake. Unset: no task is. At least a millisecond.
  ///
  /// What does not age a task: that the process is stopped, or gets no processor, but for a quarter
  /// of stuck_after; that its thread gets none; what happens to the time of day.
  ///
  /// The stack is taken by a signal, SIGRTMIN + 5, sent to that thread, if the program has no use
  /// for it: so a call of the stuck task's that no signal handler lets go on, such as poll(2) or
  /// nanosleep(2), ends with EINTR.
  std::optional<duration> stuck_after{};
  /// Once for each stuck task, on the thread that keeps the pool's time. Unset: some lines on
  /// standard error.
  std::function<void(const stuck_info&)> on_stuck{};

  /// Pauses, refuses, or does without what fails too often: see policy/pool_breaker.hpp. For tasks
  /// whose class has none of its own. Null: none.
  std::shared_ptr<task_breaker> breaker{};

  /// Asked before each submission takes a place, on the submitter's thread: an answer refuses it,
  /// and is what the submitter gets. Where limits go; those of a class, in its own.
  std::function<std::optional<submit_errc>(const submission_info&)> admit{};
  /// A task has ended and is counted; its result is seen once this returns.
  std::function<void(const task_end_info&)> on_task_end{};
  /// A part of the way of a task whose submitter worked for a sampled trace: see trace_scope. Of
  /// submit on the submitter's thread, once it is answered: what the hook refers to must outlive
  /// those who submit while the pool is destroyed, too. Of wait and run where the task ran, one
  /// after the other, before its result is seen. Not of what is abandoned, nor of a delayed task's
  /// submission. Where it is set such a task is submitted by itself, also in a range.
  std::function<void(const span_info&)> on_span{};

  /// A posted task threw. Unset: one line on standard error. It is counted as failed in any case.
  std::function<void(std::exception_ptr, const unhandled_info&)> on_unhandled{};
  /// On the worker, before its first task and after its last.
  std::function<void(const worker_info&)> on_worker_start{};
  std::function<void(const worker_info&)> on_worker_stop{};

  /// Tasks wait for each other for ever, and one of the waits is given up, if one can be: it throws
  /// submit_error, would_deadlock. On the thread whose wait closes the circle, or which by
  /// resume(), resize() or reconfigure() took away what could have ended it; under no lock.
  /// Unset: the wait-for graph on standard error. Counted in stats() in any case.
  std::function<void(const deadlock_info&)> on_deadlock{};

  /// A thread could not be started; the pool runs with what it has. Counted in stats() in any case.
  std::function<void(const std::system_error&)> on_thread_failure{};

  /// Starts a thread that calls the given function once. Unset: std::thread. Must not call the
  /// pool.
  std::function<std::thread(std::function<void()>)> start_thread{};

  shutdown_plan at_destruction{};  ///< what the destructor does
  const clock* time = &steady();   ///< outlives the pool and its futures
};

}  // namespace millpool

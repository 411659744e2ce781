// Layer 3 · pool: what a submission may say about its task, and what the task may ask.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace millpool {

class deadline_stops;
class task_breaker;
struct class_record;
struct submission_info;
struct task_extras;

namespace detail {

struct task_frame;

/// What the contexts of all tasks of one thread refer to: where the thread is, and what it is told.
struct task_place {
  const atomic<bool>& pool_cancels;
  deadline_stops* stops;                    // null: the task runs in no pool
  atomic<task_frame*> top{nullptr};         // the task that runs; written by its thread alone
  atomic<const task_frame*> told{nullptr};  // the task that is told to stop, since it is stuck
};

}  // namespace detail

/// Where a task goes that names no priority: the middle of 0 (the highest) to 7 (the lowest).
inline constexpr unsigned default_priority = 4;

/// A bundle of options under one name; worker_pool::add_class makes a task_class of it.
struct task_class_options {
  std::string name{};                    ///< not empty; pool.stats() counts by it
  unsigned priority = default_priority;  ///< 0 (the highest) to 7
  std::optional<duration> timeout{};     ///< from the start of a task
  std::optional<duration> start_by{};    ///< from its submission
  /// So many of its tasks run at once, at least 1; the others wait in the channel, in their places
  /// and without a worker. They begin in the order of serial_key's tasks, and cannot have one of
  /// their own. One that waits for others of its class may wait for ever, as with a serial_key; a
  /// circle of such waits is found only with a limit of 1. Unset: no limit.
  std::optional<std::uint32_t> max_concurrency{};
  /// Judges its tasks in the place of the pool's: see policy/pool_breaker.hpp. Null: none.
  std::shared_ptr<task_breaker> breaker{};
  /// Asked for its submissions, after pool_options::admit: where a limit of its own goes.
  std::function<std::optional<submit_errc>(const submission_info&)> admit{};
};

/// Names a bundle of options. A value, as cheap as a pointer; lives as long as its pool.
class task_class {
 public:
  /// No class.
  task_class() noexcept = default;

 private:
  friend class pool_core;
  friend class worker_pool;
  explicit task_class(class_record* record) noexcept : record_{record} {}
  class_record* record_ = nullptr;
};

/// One submission's own wishes. What is not set comes from its task_class, or is unlimited.
struct task_options {
  std::optional<unsigned> priority{};  ///< 0 (the highest) to 7
  std::optional<duration> timeout{};   ///< the task is told to stop so long after its start
  /// It expires if it has not started so long after its submission.
  std::optional<duration> start_by{};
  /// It expires if it has not started by then; if it has, it is told to stop then.
  std::optional<time_point> deadline{};
  /// Tasks of one key run one at a time: what an actor or a strand is for. In the order of
  /// submission where their priority is the same, but for those that a task submits to its own full
  /// pool. While one waits for its key it keeps its place in the channel; a task that waits for the
  /// result of one with its own key waits for ever.
  std::optional<std::uint64_t> serial_key{};
  /// Waiting tasks of one priority with different keys take turns, however many each key has: for
  /// tenants that share a pool. In one key, first in first out.
  std::optional<std::uint64_t> fair_key{};
  /// So many turns in a row has that key, at least 1: three for each one of a key with 1. What it
  /// does not use, for want of tasks, is gone. What its newest task says holds for the key.
  std::uint32_t fair_weight = 1;
  std::stop_token stop_token{};  ///< cancels it before its start; tells it to stop after
  unsigned attempt = 1;          ///< what task_context::attempt() says, for who resubmits
  millpool::task_class task_class{};
};

/// What a running task may ask. Taken by reference as the task's only argument, by tasks that want
/// it.
///
/// Thread safety  every member may be called concurrently, during the task.
class task_context {
 public:
  /// Whether the task should return early: its stop_token fired, its deadline or timeout passed, it
  /// was found stuck, or its pool is in the cancel step of its shutdown. Reads the clock if there
  /// is a deadline.
  [[nodiscard]] bool stop_requested() const noexcept {
    // relaxed: a hint to return; nothing is read because of it.
    return stop_token_.stop_requested() || place_.pool_cancels.load(std::memory_order_relaxed) ||
           is_told_to_stop() || (deadline_ != no_deadline && time_.now() >= deadline_);
  }

  /// The stop_token given at the submission. Where the task has a deadline or a timeout, one that
  /// fires for any of the reasons above, so that a wait ends by it: at the deadline its callbacks
  /// run on the thread that keeps the pool's time. It is made for the first who asks, and lasts as
  /// long as the task.
  /// \throws std::bad_alloc, for the first.
  [[nodiscard]] const std::stop_token& stop_token() const {
    if (deadline_ == no_deadline || place_.stops == nullptr) return stop_token_;
    return own_stop_token();
  }

  /// The earlier of the deadline and of the start plus the timeout; no_deadline if there is
  /// neither.
  [[nodiscard]] time_point deadline() const noexcept { return deadline_; }

  /// The time left until deadline(): zero once it has passed, duration::max() if there is none.
  [[nodiscard]] duration remaining() const noexcept {
    if (deadline_ == no_deadline) return duration::max();
    const time_point now = time_.now();
    return now < deadline_ ? deadline_ - now : duration::zero();
  }

  /// Whether it is to do without what its circuit breaker found to fail: see when_open::fallback.
  [[nodiscard]] bool in_fallback() const noexcept { return in_fallback_; }

  /// Which attempt this is, counted from 1.
  [[nodiscard]] unsigned attempt() const noexcept;  // in task.hpp

  task_context(const task_context&) = delete;
  task_context& operator=(const task_context&) = delete;

 private:
  friend class runner;
  friend class purged_task;
  task_context(const std::stop_token& stop, const detail::task_place& place, const clock& time,
               time_point deadline, task_extras* asked, bool in_fallback = false) noexcept
      : stop_token_{stop},
        place_{place},
        time_{time},
        deadline_{deadline},
        asked_{asked},
        in_fallback_{in_fallback} {}

  // The one that is told is the one that runs, and not one that runs inside it, or outside.
  [[nodiscard]] bool is_told_to_stop() const noexcept {
    const detail::task_frame* const told = place_.told.load(std::memory_order_relaxed);
    return told != nullptr && told == place_.top.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const std::stop_token& own_stop_token() const;

  const std::stop_token& stop_token_;
  const detail::task_place& place_;
  const clock& time_;
  time_point deadline_;
  task_extras* asked_;  // null: nothing
  bool in_fallback_;
};

}  // namespace millpool

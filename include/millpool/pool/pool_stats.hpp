// Layer 3 · pool: what a pool looks like at one moment.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/channel/priority_lanes.hpp"
#include "millpool/pool/ledger.hpp"
#include "millpool/pool/task_breaker.hpp"
#include "millpool/telemetry/histogram.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millpool {

struct worker_counts {
  std::size_t total = 0;    ///< threads: the sum of the three below
  std::size_t idle = 0;     ///< parked, or on their way to or from a task
  std::size_t running = 0;  ///< in a task
  /// In a task that waits, in a future, a result channel or a blocking_region.
  std::size_t blocked = 0;
};

struct class_stats {
  std::string name;                                     ///< empty: tasks without one
  std::array<std::uint64_t, task_state_count> ended{};  ///< tasks, by task_state
  std::uint64_t retries = 0;  ///< that began: tasks with a task_options::attempt above 1
};

/// How long tasks of one class and priority waited, and ran.
struct task_times {
  std::string task_class;    ///< empty: tasks without one
  std::size_t priority = 0;  ///< 0 (the highest) to 7
  /// From submission to start, of the tasks that ran to their end. Of tasks shorter than a
  /// microsecond one in 128 is measured, and counts for 128; a long one among these is measured as
  /// rarely. But all are where on_task_end is set, or with full_policy::discard_oldest. Halves of a
  /// join() are not measured.
  histogram_snapshot wait;
  histogram_snapshot run;  ///< from start to end, of the same
};

/// How often pool_options::scaling changed the number of workers in one way.
struct scaling_count {
  bool up;           ///< there may be more since then
  std::string rule;  ///< scaling_decision::rule
  std::uint64_t times;
};

struct breaker_view {
  std::string task_class;  ///< empty: the pool's own
  task_breaker::report seen;
};

/// A value: what worker_pool::stats() saw. The ledger balances in every one.
struct pool_stats {
  std::string name;
  ledger tasks;
  std::array<std::uint64_t, submit_errc_count> refused{};  ///< submissions, by submit_errc
  std::size_t queue_capacity = 0;
  /// Waiting tasks by priority, 0 the highest. What workers keep is an estimate.
  std::array<std::size_t, lane_count> depth{};
  /// Waiting tasks beyond the capacity: what tasks submitted to their own full pool, many deep, and
  /// what therefore could neither wait for room nor run at once.
  std::size_t put_off = 0;
  /// Tasks whose time has not come yet: see worker_pool::submit_after(). They are not in `tasks`.
  std::size_t delayed = 0;
  /// Age of the oldest task that waits in the channel or was put off, or zero: not of what workers
  /// keep. It may be some milliseconds too long.
  duration oldest_waiting{};
  bool overloaded = false;  ///< submissions of some priorities are refused: see shedding_options
  /// Accepted tasks that were given up, by priority. They are among the discarded ones.
  std::array<std::uint64_t, lane_count> shed{};
  worker_counts workers;
  std::size_t min_workers = 0;
  std::size_t max_workers = 0;
  /// Workers that may work at once, without those that stand in for blocked ones: max_workers,
  /// unless the pool is steered by pool_options::scaling.
  std::size_t active_workers = 0;
  std::size_t stuck = 0;          ///< running tasks that were found stuck: see stuck_after
  std::uint64_t stuck_total = 0;  ///< all that ever were
  bool paused = false;
  bool closed = false;                ///< submissions are refused: its end has begun
  std::size_t compensating = 0;       ///< workers above active_workers: they stand in for others
  std::uint64_t steals = 0;           ///< tasks that a worker took from another
  std::uint64_t parks = 0;            ///< times that a worker went to sleep
  std::uint64_t threads_started = 0;  ///< workers' threads
  std::uint64_t thread_failures = 0;  ///< threads that could not be started
  std::uint64_t deadlocks = 0;        ///< that were found: see pool_options::on_deadlock
  histogram_snapshot wait;            ///< of all in `times`
  histogram_snapshot run;             ///< the same
  std::vector<task_times> times;      ///< of the classes and priorities that had any
  std::vector<class_stats> classes;   ///< in the order of add_class
  class_stats without_class;          ///< tasks that have none
  std::vector<scaling_count> scalings;
  std::vector<breaker_view> breakers;  ///< the pool's, if it has one, and those of classes
};

}  // namespace millpool

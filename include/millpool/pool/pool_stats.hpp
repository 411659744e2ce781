// Layer 3 · pool: what a pool looks like at one moment.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/channel/priority_lanes.hpp"
#include "millpool/pool/ledger.hpp"
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
  std::string name;
  std::array<std::uint64_t, task_state_count> ended{};  ///< tasks, by task_state
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
  std::uint64_t thread_failures = 0;  ///< threads that could not be started
  std::uint64_t deadlocks = 0;        ///< that were found: see pool_options::on_deadlock
  /// From submission to start, of the tasks that ran to their end. Of tasks shorter than a
  /// microsecond one in 128 is measured, and counts for 128; but all are where on_task_end is set,
  /// or with full_policy::discard_oldest. Halves of a join() are not measured.
  histogram_snapshot wait;
  histogram_snapshot run;            ///< from start to end, of the same
  std::vector<class_stats> classes;  ///< in the order of add_class
};

}  // namespace millpool

// Layer 3 · pool: who sees that more comes than gets done, and sheds it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/channel/task_channel.hpp"
#include "millpool/pool/shedding.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/lane_codel.hpp"
#include "src/pool/timers.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millpool {

class pool_core;

/// Sheds the load of a pool that has shedding_options: looks at the channel now and then, on the
/// timers' thread, so that a task costs nothing for it.
///
/// State  calm --a submission finds all at work--> watching: the alarm looks each period
///        watching --a lane had a standing queue for an interval--> overloaded: the same, and what
///        comes and what waits in that lane and below is shed
///        overloaded --an interval without--> watching
///        watching --nothing waits--> calm
/// Invariants
///   I1  while tasks wait and all are at work, the alarm is set, or somebody is on the way to
///       look(). So a submission need not call unless it reads pool_conditions::may_shed, which is
///       set in calm only: it has passed a light_barrier() since it made the task visible, and the
///       alarm a heavy_barrier() between the end of its watch and a last look.
/// Thread safety  every member may be called concurrently.
class load_shedder {
 public:
  explicit load_shedder(pool_core& core);

  [[nodiscard]] bool is_on() const noexcept { return options_.has_value(); }

  /// All are at work, and nobody watches.
  void look() noexcept;

  /// Whether a submission to `lane` is to be refused. Takes the channel's lock, for the lane that
  /// is served in part.
  [[nodiscard]] bool refuses(std::size_t lane) noexcept;

  /// How near a lane is to shedding: the longest wait in it and the higher ones, at the last look,
  /// over twice the target. As old as that look.
  [[nodiscard]] double pressure(std::size_t lane) const noexcept;

  /// A task that was accepted is given up.
  void shed(queued_task&& task, const arrival& when) noexcept;
  /// So many of that lane were. It counts them a moment late.
  [[nodiscard]] std::uint64_t shed(std::size_t lane) const noexcept {
    return shed_[lane].load(std::memory_order_relaxed);  // relaxed: a count, read by people
  }

 private:
  using snapshot = task_channel<queued_task>::snapshot;

  [[nodiscard]] time_point ring();
  [[nodiscard]] bool may_shed() const noexcept;
  [[nodiscard]] lane_codel::waits waits_in(const snapshot& seen, time_point now) const noexcept;
  [[nodiscard]] duration surely_waited(time_point came, time_point now) const noexcept;
  void decide(const snapshot& seen, time_point now) noexcept;
  void begin_interval(const snapshot& seen, time_point now) noexcept;
  [[nodiscard]] std::int64_t served_in(const snapshot& seen, std::size_t lane) const noexcept;
  void show(const lane_codel::waits& waits) noexcept;
  void give_up_stale(std::size_t highest, time_point now);
  void end_overload() noexcept;
  [[nodiscard]] bool may_rest() noexcept;

  pool_core& core_;
  const std::optional<shedding_options> options_;
  const duration period_;
  const duration coarseness_;
  alarm alarm_;

  // The timers' thread's alone:
  lane_codel codel_;
  time_point began_{};                             // the interval did
  std::array<std::int64_t, lane_count> served_{};  // tasks, by lane, when it did

  mutex mutex_;
  bool is_watching_ = false;  // guarded by mutex_: the alarm is set, or rings

  // Written by the timers' thread. relaxed, all: hints for submitters, each good for itself.
  static constexpr std::size_t no_lane = lane_count;
  atomic<std::size_t> lane_{no_lane};  // the highest that is shed
  atomic<std::size_t> depth_max_{0};   // of it
  std::array<atomic<duration::rep>, lane_count> waits_{};
  std::array<atomic<std::uint64_t>, lane_count> shed_{};
};

}  // namespace millpool

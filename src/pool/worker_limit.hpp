// Layer 3 · pool: when to ask how many workers there should be. Next stop: crew.cpp, which has
// them.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/pool_stats.hpp"
#include "millpool/pool/scaling.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/timers.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace millpool {

class pool_core;

/// Steers a pool that has a scaling_rule: asks it when tasks wait though all workers are at work,
/// and passes the answer to the crew.
///
/// State       calm --a submission finds all at work--> watching: the alarm looks every
///             millisecond.  calm, watching --a backlog, or a long wait--> stepping: it was asked,
///             and the alarm asks again at each interval as long as all are at work and tasks wait.
///             Where the answer stays the same, and not far more waits than then, it asks after 1,
///             2, 4, and then 8 intervals.
///             watching, stepping --neither--> calm
/// Invariants
///   I1  while tasks wait, all are at work and there may be more workers, either somebody is on the
///       way to look(), or the alarm is set. So a submission need not call unless it reads
///       pool_conditions::may_scale, which is set in calm only: it has passed a light_barrier()
///       since it made the task visible, and the alarm a heavy_barrier() between the end of its
///       watch and its look.
/// Thread safety  every member may be called concurrently.
class worker_limit {
 public:
  explicit worker_limit(pool_core& core);

  [[nodiscard]] bool is_steered() const noexcept;

  /// All are at work: I1.
  void look();

  /// A worker has been idle. \return whether there may be one less.
  [[nodiscard]] bool may_shrink();

  /// How often the answers changed something, and how.
  [[nodiscard]] std::vector<scaling_count> counts();

  /// The crew's bounds have changed.
  void bounds_changed();

 private:
  enum class state : std::uint8_t { calm, watching, stepping };
  struct sample {
    time_point when{};
    std::uint64_t arrived = 0;
    std::uint64_t completed = 0;
    duration ran{};
    duration cpu{};
    time_point cpu_when{};
  };

  [[nodiscard]] time_point ring();
  struct measured {
    scaling_inputs inputs;
    sample now;
  };
  [[nodiscard]] measured measure(scaling_event event);
  [[nodiscard]] std::optional<scaling_event> trouble(const scaling_inputs& seen) const noexcept;
  [[nodiscard]] scaling_decision ask(const measured& seen);
  [[nodiscard]] bool all_at_work() const noexcept;
  [[nodiscard]] time_point next_look(const scaling_inputs& seen) const noexcept;
  [[nodiscard]] bool far_more_waits();
  [[nodiscard]] time_point next_step() const noexcept;
  void go_to(state next) noexcept;
  void count(const scaling_decision& decided);
  void tell(const scaling_decision& decided) const;

  pool_core& core_;
  alarm alarm_;
  mutex mutex_;
  state state_ = state::calm;   // guarded by mutex_, as are those below
  std::optional<sample> last_;  // when it was last asked
  // Of more work, the last time:
  time_point asked_{};
  std::size_t asked_with_ = 0;  // tasks that waited
  unsigned same_ = 0;           // so often in a row it was answered that nothing is to change
  time_point looked_{};         // while it steps: it was asked, or not far more waited
  time_point watched_since_{};
  std::vector<scaling_count> counts_;
};

}  // namespace millpool

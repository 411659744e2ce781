// Layer 3 · pool: who waits for whom, and whether any of it can end.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/deadlock.hpp"
#include "src/pool/runner.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace millpool {

/// The runners of a pool that wait, without a time limit, for tasks; and what holds these up.
///
/// A runner waits for a tag: for one task, or for all of a group. It holds up all tasks in whose
/// frames it is, since the innermost one waits; and those that want a serial key which one of its
/// tasks has. A circle of these is a deadlock: each wait in it needs that the next one ends.
/// Invariants
///   I1  crew's lock is held. A runner says under it that it waits, and that it goes on: so its
///       frames, which it pushed before, stay as they are.
///   I2  a task is in a frame => it has not ended, unless it was abandoned: the frame goes before
///       the end is told. So what a circle's waits wait for has not ended, whoever was woken just
///       now, and nothing but the circle itself could end it.
/// Not seen    waits with a time limit, which end by themselves; those in a blocking_region, for
///             a queue or for a result_channel, which anybody may end; those for what then() gives,
///             which may outlive the task whose tag it has; what tasks of another pool hold up. A
///             thread in one of these is not part of any deadlock that is found: what is not known
///             is taken to end.
/// Thread safety  none.
/// Exceptions     std::bad_alloc, of all that is not noexcept.
class wait_graph {
 public:
  explicit wait_graph(pool_core& core) noexcept : core_{core} {}

  void clear() noexcept { nodes_.clear(); }
  /// REQUIRES: `who` waits, and the wait was not given up. The last one is about to.
  void add(runner& who) { nodes_.push_back({&who}); }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

  /// Looks for a circle that the last one's wait closes.
  [[nodiscard]] bool has_circle();

  /// Looks whether nothing that is waited for can run. REQUIRES: no thread of the pool does
  /// anything but wait, no worker can be added, and nothing that waits is taken away.
  [[nodiscard]] bool is_at_a_standstill();

  /// What was found, if one of them said yes.
  [[nodiscard]] deadlock_info describe() const;
  /// It is told of, and nobody gives way: once is enough.
  void set_told() noexcept;
  /// \return whose wait to give up: of those that can be, the youngest; or null.
  [[nodiscard]] runner* victim() const noexcept;

 private:
  struct node {
    runner* who;
    std::size_t reached_from = 0;
    bool reached = false;
  };
  /// Who waits, and who holds that up: indices of nodes_.
  struct link {
    std::size_t waits;
    std::optional<std::size_t> on;
    deadlock_wait::cause why;
  };

  template <class Reach>
  bool any_holder(std::size_t of, Reach reach);
  void found_circle(std::size_t last);
  [[nodiscard]] std::optional<link> link_of(std::size_t waits) const;
  [[nodiscard]] bool any_key_held() const noexcept;

  pool_core& core_;
  std::vector<node> nodes_;
  std::vector<std::size_t> queue_;  // of has_circle()
  std::vector<link> found_;
};

}  // namespace millpool

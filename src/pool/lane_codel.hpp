// Layer 3 · pool: whether what waits is a burst, or more than gets done.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/channel/priority_lanes.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace millpool {

/// CoDel for each lane: one has a standing queue where, for an interval, its oldest task has at each
/// look waited longer than the target. As priority decides who is taken, a task waits for its own
/// lane and for higher ones: so nothing of a lane above the highest that stands is to be shed, and
/// lanes below it get nothing done anyway.
///
/// Time           counts from look to look, but for no more than two periods: what stops the
///                process, or the thread that looks, makes no overload.
/// Thread safety  none.
class lane_codel {
 public:
  using waits = std::array<duration, lane_count>;  ///< of the oldest of each lane; 0: it is empty

  lane_codel(duration target, duration interval, duration period) noexcept
      : target_{target}, interval_{interval}, period_{period} {}

  /// \return whether an interval is over with this look.
  bool look(time_point now, const waits& waited) noexcept;

  /// The highest lane that had a standing queue in the last interval.
  [[nodiscard]] std::optional<std::size_t> standing() const noexcept { return standing_; }

  /// Nothing is known any more.
  void forget() noexcept;

 private:
  const duration target_;
  const duration interval_;
  const duration period_;  // between two looks
  std::optional<time_point> last_look_;
  duration passed_{};  // of the interval
  waits shortest_{};   // in it
  std::optional<std::size_t> standing_;
};

}  // namespace millpool

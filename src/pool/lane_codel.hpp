// Layer 3 · pool: whether what waits is a burst, or more than gets done.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/channel/priority_lanes.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace millpool {

/// CoDel for each lane: one has a standing queue where, for an interval, its oldest task has at
/// each look waited longer than the target. As priority decides who is taken, a task waits for its
/// own lane and for higher ones: so nothing of a lane above the highest that stands is to be shed,
/// and lanes below it get nothing done anyway.
///
/// Once it is shed from, a lane's waits say no more how much comes. So it counts as standing as
/// long as there is something to do: until an interval in which, at more than an eighth of the
/// looks, nothing waits in it or above.
///
/// Time           counts from look to look, but for no more than two periods: what stops the
///                process, or the thread that looks, makes no overload.
/// Thread safety  none.
class lane_codel {
 public:
  /// Of the oldest task of each lane; 0: there is none.
  using waits = std::array<duration, lane_count>;

  lane_codel(duration target, duration interval, duration period) noexcept
      : target_{target}, interval_{interval}, period_{period} {}

  /// \return whether an interval is over with this look.
  bool look(time_point now, const waits& waited) noexcept;

  /// The highest lane that had a standing queue in the last interval: the lowest that gets
  /// something done.
  [[nodiscard]] std::optional<std::size_t> standing() const noexcept { return standing_; }

  /// Nothing is known any more.
  void forget() noexcept;

 private:
  const duration target_;
  const duration interval_;
  const duration period_;  // between two looks
  std::optional<time_point> last_look_;
  duration passed_{};      // of the interval
  waits shortest_{};       // in it
  std::size_t looks_ = 0;  // in it
  std::size_t idle_ = 0;   // so often nothing waited in the lane that stands, and above
  [[nodiscard]] bool still_stands() const noexcept;

  std::optional<std::size_t> standing_;
};

}  // namespace millpool

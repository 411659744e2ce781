// Layer 3 · pool: when a task was submitted, and whether that is exact.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/telemetry/histogram.hpp"

#include <cstdint>

namespace millpool {

/// A time; how many tasks its task stands for in the histograms, in the two lowest bits of one
/// time_point; and for those the lane, in the next three. So the channel can order tasks by it as
/// by any time.
///
///   bits 0 and 1   the time                                stands for
///   0              may be some milliseconds early: coarse  none, it is not measured
///   1              exact                                   itself
///   2              exact                                   sampled_one_in tasks
///
/// Resolution  32 ns.
struct stamp {
  /// Of so many short tasks one is measured: reading the clock would cost more than they do.
  static constexpr unsigned sampled_one_in = metrics_are_on ? 128 : 4096;

  [[nodiscard]] static time_point coarse(time_point time) noexcept { return with(time, 0); }
  [[nodiscard]] static time_point exact(time_point time, unsigned lane) noexcept {
    return with(time, 1U | lane << 2U);
  }
  [[nodiscard]] static time_point sampled(time_point time, unsigned lane) noexcept {
    return with(time, 2U | lane << 2U);
  }

  [[nodiscard]] static time_point time_of(time_point stamped) noexcept { return with(stamped, 0); }

  /// REQUIRES: it is to be measured.
  [[nodiscard]] static unsigned lane_of(time_point stamped) noexcept {
    return static_cast<unsigned>(stamped.time_since_epoch().count() >> 2 & 7);
  }

  /// 0: not to be measured.
  [[nodiscard]] static std::uint64_t stands_for(time_point stamped) noexcept {
    switch (stamped.time_since_epoch().count() & 3) {
      case 0:
        return 0;
      case 1:
        return 1;
      default:
        return sampled_one_in;
    }
  }

 private:
  static time_point with(time_point time, unsigned bits) noexcept {
    return time_point{
        duration{(time.time_since_epoch().count() & ~std::int64_t{31}) | std::int64_t{bits}}};
  }
};

}  // namespace millpool

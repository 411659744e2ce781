// Layer 2 · result: how fast results come, for those who wait for them.
#pragma once

#include "millpool/base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace millpool {

/// Whether it pays to let several results come together. A wake-up costs some five microseconds of
/// a processor: where results come as often as that, one for each leaves the tasks little of it.
///
/// Thread safety  the owner's.
class result_pace {
 public:
  /// So long a result may wait for others.
  static constexpr duration moment = std::chrono::microseconds{100};

  /// \param  count  how many there were so far; never less than before.
  void look(time_point now, std::uint64_t count) noexcept {
    constexpr std::uint64_t enough = 32;
    const std::uint64_t came = count - count_;
    if (came < enough) return;
    count_ = count;
    const duration apart = (now - std::exchange(at_, now)) / came;
    // Up slowly: a thread that had no processor for a while is not a slow one.
    apart_ = std::clamp(apart, duration{1}, 2 * apart_);
  }

  /// Whether at least four come in a moment; and so few that of `capacity` most are still free
  /// after it, so that nobody stands still.
  [[nodiscard]] bool brings_several(std::size_t capacity) const noexcept {
    return 4 * apart_ < moment && apart_ * (capacity / 8) > moment;
  }

 private:
  duration apart_{1};
  time_point at_{};
  std::uint64_t count_ = 0;
};

}  // namespace millpool

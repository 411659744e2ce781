// Layer 0 · base: time is injected, and steady.
#pragma once

#include <chrono>

namespace millpool {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

/// Later than every deadline: "no limit".
inline constexpr time_point no_deadline = time_point::max();

/// `from + wait`, or no_deadline where the sum would overflow. A negative wait counts as zero.
[[nodiscard]] constexpr time_point deadline_after(time_point from, duration wait) noexcept {
  if (wait <= duration::zero()) return from;
  return wait < no_deadline - from ? from + wait : no_deadline;
}

/// Where a pool reads the time. Production uses steady(); tests use a manual_clock and never sleep.
///
/// Thread safety  all members may be called concurrently.
/// Lifetime       a clock outlives the pools, channels and futures that were given it.
class clock {
 public:
  clock() = default;
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  virtual ~clock() = default;

  [[nodiscard]] virtual time_point now() const noexcept = 0;

  /// now(), or a little earlier: what is cheap to read, for who can do with a few milliseconds.
  [[nodiscard]] virtual time_point coarse_now() const noexcept { return now(); }
  /// By so much coarse_now() may be earlier.
  [[nodiscard]] virtual duration coarseness() const noexcept { return duration::zero(); }

  /// The steady time until which a thread that waits for `deadline` may sleep before it reads now()
  /// again. A clock that runs with steady time answers `deadline` itself.
  [[nodiscard]] virtual time_point look_again(time_point deadline) const noexcept = 0;
};

/// The process's steady clock. It has no state, so one object serves everybody.
[[nodiscard]] const clock& steady() noexcept;

}  // namespace millpool

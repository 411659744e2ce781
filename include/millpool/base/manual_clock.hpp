// Layer 0 · base: time that moves only when a test says so.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"

#include <chrono>

namespace millpool {

/// A clock for tests: it stands still until advance() is called, so that a timeout of an hour is
/// tested in a millisecond and never fires early.
///
/// Thread safety  every member may be called concurrently.
/// Waits          a thread that waits for a deadline looks at this clock once a (real) millisecond:
///                that bounds how late it learns of advance(), and never decides what it learns.
class manual_clock final : public clock {
 public:
  explicit manual_clock(time_point start = time_point{std::chrono::hours{1}}) noexcept
      : now_{start.time_since_epoch().count()} {}

  [[nodiscard]] time_point now() const noexcept override {
    // acquire: who sees the new time also sees what the test did before it moved the clock.
    return time_point{duration{now_.load(std::memory_order_acquire)}};
  }

  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    if (deadline == no_deadline) return no_deadline;
    return std::chrono::steady_clock::now() + std::chrono::milliseconds{1};
  }

  /// Moves time forward. \param by  not negative.
  void advance(duration by) noexcept {
    // release: pairs with now().
    now_.fetch_add(by.count(), std::memory_order_release);
  }

 private:
  atomic<duration::rep> now_;
};

}  // namespace millpool

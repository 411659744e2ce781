// Support for tests: know that a thread waits, without a sleep.
#pragma once

#include "millpool/base/clock.hpp"

#include <atomic>
#include <chrono>

namespace millpool::test {

/// A clock that stands still, and tells when a thread is about to wait for a deadline.
///
/// A waiting thread asks look_again() under the lock that it then sleeps on. So after
/// await_waits(n) whoever takes that lock once finds n waits begun: the threads are asleep, and
/// only a wake-up brings them back.
class watched_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override { return time_point{duration{0}}; }

  [[nodiscard]] time_point look_again(time_point /*deadline*/) const noexcept override {
    waits_.fetch_add(1);
    waits_.notify_all();
    return std::chrono::steady_clock::now() + std::chrono::hours{24};
  }

  /// Any deadline after now(): it is never reached.
  [[nodiscard]] static time_point never() noexcept { return time_point{std::chrono::hours{1}}; }

  /// Returns when look_again() was asked `count` times in all.
  void await_waits(int count) const noexcept {
    for (int seen = waits_.load(); seen < count; seen = waits_.load()) waits_.wait(seen);
  }

 private:
  mutable std::atomic<int> waits_{0};
};

}  // namespace millpool::test

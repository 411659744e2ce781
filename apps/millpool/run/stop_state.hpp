#pragma once

#include "apps/support/unique_fd.hpp"
#include "millpool/base/clock.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace millpool::run {

/// How far the end of the run has come. It only moves forward.
enum class stop_level : std::uint8_t {
  none,   ///< jobs start
  drain,  ///< no job starts, running ones finish
  kill,   ///< running ones are ended too
};

/// What tells everybody that the run ends: workers ask it before they start a job, sleepers are
/// woken, and the main thread's poll() sees wake_fd().
///
/// Thread safety  all members may be called concurrently.
class stop_state {
 public:
  stop_state();

  /// Moves to `level`, unless it is there or further. \return whether it moved.
  bool request(stop_level level);
  [[nodiscard]] stop_level level() const noexcept { return level_.load(std::memory_order_acquire); }
  [[nodiscard]] bool stopping() const noexcept { return level() != stop_level::none; }

  /// Sleeps until `deadline`, or until the run ends. \return whether it goes on.
  [[nodiscard]] bool sleep_until(time_point deadline);

  /// Readable after request() or wake(), until clear_wake().
  [[nodiscard]] int wake_fd() const noexcept { return wake_.get(); }
  void wake() noexcept;
  void clear_wake() noexcept;

 private:
  std::atomic<stop_level> level_{stop_level::none};
  std::mutex mutex_;
  std::condition_variable moved_;
  app::unique_fd wake_;
};

}  // namespace millpool::run

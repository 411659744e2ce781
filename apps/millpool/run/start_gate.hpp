#pragma once

#include "apps/millpool/run/stop_state.hpp"
#include "millpool/base/clock.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace millpool::run {

/// What every job passes before it starts: --delay keeps starts apart, --memfree waits for free
/// memory.
///
/// Thread safety  pass() may be called concurrently.
class start_gate {
 public:
  /// \param delay    between two starts; 0: none.
  /// \param memfree  bytes that must be available; 0: any.
  start_gate(duration delay, std::uint64_t memfree, stop_state& stop)
      : delay_(delay), memfree_(memfree), stop_(stop) {}

  /// Waits until a job may start. \return false if the run ends instead.
  [[nodiscard]] bool pass();

 private:
  [[nodiscard]] time_point take_turn();

  duration delay_;
  std::uint64_t memfree_;
  stop_state& stop_;
  std::mutex mutex_;
  time_point next_{};  // guarded by mutex_: the earliest moment of the next start
};

/// MemAvailable of /proc/meminfo's text, in bytes.
[[nodiscard]] std::optional<std::uint64_t> available_memory(const std::string& meminfo);

}  // namespace millpool::run

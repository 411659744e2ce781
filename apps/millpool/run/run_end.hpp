#pragma once

#include "apps/millpool/run/halt.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace millpool::run {

/// Exit statuses of `millpool run`. As xargs has it, a failed job is 123 and nothing else is: with
/// GNU parallel's count of failures (--count-failures) a 2 may be two failed jobs or a mistyped
/// flag.
inline constexpr int exit_ok = 0;
inline constexpr int exit_bad_input = 2;  ///< also: no room on a disk
inline constexpr int exit_job_failed = 123;
inline constexpr int exit_no_command = 127;
inline constexpr int exit_by_signal =
    128;  ///< plus the signal: 130 after SIGINT, 141 after SIGPIPE

/// Why a run ended before its input did, and with which exit status. The first reason stays.
///
/// Thread safety  all members may be called concurrently.
class run_end {
 public:
  /// \return whether this is the first reason.
  bool because(int exit_status) {
    const std::lock_guard lock{mutex_};
    if (early_) return false;
    early_ = exit_status;
    return true;
  }
  [[nodiscard]] std::optional<int> early() const {
    const std::lock_guard lock{mutex_};
    return early_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<int> early_;  // guarded by mutex_
};

/// The exit status of a run that nothing cut short, or that --halt did.
[[nodiscard]] int exit_status(const halt_monitor& tally, bool count_failures);

}  // namespace millpool::run

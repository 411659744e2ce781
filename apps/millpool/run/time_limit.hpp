#pragma once

#include "millpool/base/clock.hpp"

#include <array>
#include <cstddef>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace millpool::run {

/// --timeout: a time, or a percentage of the median run time of the jobs that succeeded.
struct time_limit_spec {
  duration fixed{0};   ///< 0: none
  double percent = 0;  ///< 0: none
};

/// "10", "2.5s", "1h30m", "200%".
[[nodiscard]] std::expected<time_limit_spec, std::string> parse_time_limit(std::string_view text);

/// How long a job may run, as known now.
///
/// Memory  the last 255 run times: the median follows a workload that changes.
/// Thread safety  all members may be called concurrently.
class time_limit {
 public:
  explicit time_limit(time_limit_spec spec) : spec_(spec) {}

  /// Whether jobs can time out at all.
  [[nodiscard]] bool exists() const noexcept {
    return spec_.fixed > duration::zero() || is_relative();
  }
  /// Whether the answer of now() may change while a job runs.
  [[nodiscard]] bool is_relative() const noexcept { return spec_.percent > 0; }
  /// The limit; none while too few jobs have ended for a median to mean anything.
  [[nodiscard]] std::optional<duration> now() const;
  /// A job succeeded in this time.
  void learn(duration runtime);

 private:
  static constexpr std::size_t enough = 3;

  time_limit_spec spec_;
  mutable std::mutex mutex_;
  std::array<duration, 255> runtimes_{};  // guarded by mutex_: a ring
  std::size_t learnt_ = 0;                // guarded by mutex_
  std::optional<duration> limit_;         // guarded by mutex_
};

}  // namespace millpool::run

#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace millpool::run {

/// --halt: when a run ends before its input does.
struct halt_policy {
  enum class when : std::uint8_t { never, soon, now };
  enum class event : std::uint8_t { fail, success, done };

  when stop = when::never;  ///< soon: running jobs may finish; now: they are killed
  event counted = event::fail;
  std::uint64_t count = 0;  ///< so many events, or
  double percent = 0;       ///< this share of all jobs, if not 0
};

/// "never", "now,fail=1", "soon,success=3", "soon,fail=10%"; or 0, 1, 2 as GNU parallel once had
/// it.
[[nodiscard]] std::expected<halt_policy, std::string> parse_halt(std::string_view text);

/// Counts how jobs end, and says when the policy is met.
///
/// Thread safety  none: the printer counts, under its lock.
class halt_monitor {
 public:
  explicit halt_monitor(halt_policy policy) : policy_(policy) {}

  /// One job ended. \param total  how many there are in all, where that is known by now. While it
  /// is not, a percentage is of the jobs that ended, and nothing halts before the third.
  /// \return what to do now; `never` is to go on.
  [[nodiscard]] halt_policy::when count(bool succeeded, std::optional<std::uint64_t> total);

  [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }
  [[nodiscard]] std::uint64_t succeeded() const noexcept { return succeeded_; }
  [[nodiscard]] bool halted() const noexcept { return halted_; }
  [[nodiscard]] const halt_policy& policy() const noexcept { return policy_; }

 private:
  halt_policy policy_;
  std::uint64_t failed_ = 0;
  std::uint64_t succeeded_ = 0;
  bool halted_ = false;
};

}  // namespace millpool::run

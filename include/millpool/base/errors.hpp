// Layer 0 · base: how a submission is refused, and how a task ends.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace millpool {

/// Why a submission was refused. A refused task was never accepted: it is in no ledger.
enum class submit_errc : std::uint8_t {
  full,            ///< the channel is at its capacity, and the policy or the call does not wait
  closed,          ///< close() came first
  timeout,         ///< no room came in time, or the caller's stop_token fired while it waited
  breaker_open,    ///< a circuit breaker refuses for now
  rate_limited,    ///< above the configured rate
  limit_exceeded,  ///< above the configured concurrency
  shed,            ///< dropped because of overload: at the door, or after it had waited
  would_deadlock,  ///< no refusal: the wait for the result could never end
  forked,          ///< this process is a fork of the one that owns the pool: it has no workers
};
inline constexpr std::size_t submit_errc_count = 9;

/// How an accepted task ended: each ends once, in one of these.
enum class task_state : std::uint8_t {
  succeeded,  ///< it returned
  failed,     ///< it threw
  cancelled,  ///< it was stopped before its start, or stopped itself by throwing task_stopped
  expired,    ///< its start_by or deadline passed before its start
  discarded,  ///< a full_policy, a breaker, shedding or purge() took it out
  abandoned,  ///< it still ran when shutdown gave up on it
};
inline constexpr std::size_t task_state_count = 6;

[[nodiscard]] std::string_view to_string(submit_errc code) noexcept;
[[nodiscard]] std::string_view to_string(task_state state) noexcept;

/// Thrown by future::get() when the submission was refused, or the task shed, and by waits that
/// could never end.
class submit_error : public std::runtime_error {
 public:
  explicit submit_error(submit_errc code);
  [[nodiscard]] submit_errc code() const noexcept { return code_; }

 private:
  submit_errc code_;
};

/// Thrown by future::get() when the task ended without a value and without an exception of its own:
/// cancelled, expired, discarded or abandoned. A task may throw it to say that it was stopped: it
/// then ends as cancelled, not as failed.
class task_stopped : public std::runtime_error {
 public:
  explicit task_stopped(task_state state = task_state::cancelled);
  [[nodiscard]] task_state state() const noexcept { return state_; }

 private:
  task_state state_;
};

}  // namespace millpool

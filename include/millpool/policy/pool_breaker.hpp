// Layer 4 · policy: a circuit breaker for a pool's tasks.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/policy/circuit_breaker.hpp"
#include "millpool/pool/task_breaker.hpp"
#include "millpool/sync/mutex.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

namespace millpool {

/// Counts how the tasks of a pool end, or those of a task class, and decides whether they may
/// start: for pool_options::breaker and task_class_options::breaker.
///
///   auto mails = millpool::break_by({.name = "mails"}, millpool::when_open::reject);
///   millpool::worker_pool pool{{.breaker = mails}};
///   mails->breaker().state();
///
/// What counts    succeeded and failed tasks; not those that were cancelled, expired, discarded or
///                abandoned. is_failure() decides which exceptions are failures.
/// Not asked for  a task that runs inside another one, since that waits for it or found the channel
///                full: where it is not permitted it runs all the same, and does not count. One
///                that runs on another worker is asked for. So where tasks wait for tasks of the
///                same pool, judge the class of those that make the calls.
/// Closed         with a window of calls and no slow_call_rate_threshold, tasks are not asked for:
///                what succeeds costs nothing, and is counted in bulk when one fails. So it opens
///                as a task fails, and not as one succeeds that makes minimum_calls full; and one
///                that began before it opened counts if it fails after it closed again. The second
///                calls of join(), where another worker takes them, count as successes. Else each
///                task is asked for: a lock, and the time, twice.
/// Clock          breaker_options::time is the pool's.
/// Thread safety  every member may be called concurrently.
/// Lifetime       the pool and whoever has the pointer share it.
class pool_breaker final : public task_breaker {
 public:
  /// \throws std::invalid_argument that names the option and its value.
  pool_breaker(breaker_options options, when_open then);

  /// To look at it, and to steer it by hand.
  [[nodiscard]] circuit_breaker& breaker() noexcept { return breaker_; }

  // task_breaker
  void attach(std::function<void()> changed, const clock& time) override;
  void detach() noexcept override;
  [[nodiscard]] report look() const override;
  [[nodiscard]] when_open then() const noexcept override { return then_; }
  [[nodiscard]] bool asks() const noexcept override;
  [[nodiscard]] bool refuses() const noexcept override;
  [[nodiscard]] answer ask() noexcept override;
  [[nodiscard]] time_point ask_again_at() const noexcept override { return breaker_.next_chance(); }
  void end(const permit& told, const std::exception_ptr& error) noexcept override;
  void drop(const permit& told) noexcept override;
  void fail(const std::exception_ptr& error, std::uint64_t succeeded) noexcept override;

 private:
  [[nodiscard]] static permit take_apart(circuit_breaker::call& whole) noexcept;
  [[nodiscard]] circuit_breaker::call call_of(const permit& told) noexcept;
  void tell_pool() noexcept;

  const when_open then_;
  const bool counts_each_;
  std::array<atomic<std::uint64_t>, breaker_state_count> entered_{};
  atomic<bool> in_use_{false};
  mutex mutex_;
  std::function<void()> changed_;  // guarded by mutex_, and called under it
  circuit_breaker breaker_;
};

/// \throws std::invalid_argument that names the option and its value.
[[nodiscard]] std::shared_ptr<pool_breaker> break_by(breaker_options options,
                                                     when_open then = when_open::hold);

}  // namespace millpool

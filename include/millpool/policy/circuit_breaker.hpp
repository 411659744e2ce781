// Layer 4 · policy: when not to call what fails.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/sync/mutex.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {

struct outcome_counts;

/// What a circuit breaker does with calls.
enum class breaker_state : std::uint8_t {
  closed,       ///< lets all pass, and counts how they end
  open,         ///< refuses all, for a time
  half_open,    ///< lets a few pass, and decides by how they end
  forced_open,  ///< refuses all, until told otherwise
  disabled,     ///< lets all pass, and counts nothing
  metrics_only  ///< lets all pass, and counts, and never opens
};
inline constexpr std::size_t breaker_state_count = 6;
[[nodiscard]] std::string_view to_string(breaker_state state) noexcept;

/// Which calls are counted: the last so many, or those that ended in the last so many seconds.
struct sliding_window {
  enum class unit : std::uint8_t { count, time };
  unit by = unit::count;
  std::size_t size =
      100;  ///< calls, or seconds; 1 to 1,000,000 of the former, to 3,600 of the latter

  [[nodiscard]] static constexpr sliding_window count(std::size_t calls) noexcept {
    return {unit::count, calls};
  }
  [[nodiscard]] static constexpr sliding_window time(std::chrono::seconds seconds) noexcept {
    return {unit::time, static_cast<std::size_t>(seconds.count())};
  }
};

/// From one state to another, as breaker_options::on_transition sees it.
struct breaker_transition {
  std::string_view name;  ///< the breaker's
  breaker_state from;
  breaker_state to;
  double failure_rate;  ///< in the window, when it was decided; 0 to 1
  double slow_call_rate;
};

struct breaker_options {
  std::string name = "breaker";
  /// It opens where more than this part of the calls in the window has failed; 0 to below 1.
  double failure_rate_threshold = 0.05;
  /// It also opens where more than this part took longer than slow_call_duration.
  std::optional<double> slow_call_rate_threshold{};
  duration slow_call_duration = std::chrono::seconds{60};
  /// Fewer calls than these decide nothing; at least 1, and not more than a window of calls has.
  std::size_t minimum_calls = 100;
  millpool::sliding_window sliding_window = millpool::sliding_window::count(100);

  /// How long it stays open; each further time in a row `backoff` times longer, up to
  /// max_wait_in_open.
  duration wait_in_open = std::chrono::seconds{60};
  double backoff = 1.0;  ///< at least 1
  duration max_wait_in_open = std::chrono::hours{1};

  /// Calls that pass in half_open, and decide together; at least 1.
  std::size_t permitted_calls_in_half_open = 10;
  /// One of them that has not ended by then counts as failed. So half_open ends, whatever becomes
  /// of its calls.
  duration probe_lease = std::chrono::seconds{60};

  /// Whether an exception that left a call is a failure; unset: each is.
  std::function<bool(const std::exception_ptr&)> is_failure{};
  /// Called under no lock, by the thread whose call it was. Must not throw.
  std::function<void(const breaker_transition&)> on_transition{};
  const clock* time = &steady();
};

/// What has been counted. `calls` and the rates are those of the window.
struct breaker_stats {
  breaker_state state;
  std::size_t calls;
  std::size_t failed;
  std::size_t slow;
  double failure_rate;  ///< failed / calls; 0 where there are none
  double slow_call_rate;
  std::uint64_t not_permitted;  ///< refused since it was made
};

/// Refuses calls to something that fails too often, and tries now and then whether it has
/// recovered.
///
///   millpool::circuit_breaker payments{{.name = "payments"}};
///   if (auto call = payments.try_acquire()) {
///     send(order) ? call->succeed() : call->fail();
///   }
///
/// States          closed -> open, when a threshold is exceeded and minimum_calls have ended;
///                 open -> half_open, by the first call that asks once wait_in_open has passed;
///                 half_open -> closed or open, when all its calls have ended, by the same
///                 thresholds. The others are entered and left by hand.
/// Stale calls     a call counts in the state in which it was permitted: what was begun before the
///                 breaker opened tells nothing of a recovery (promise P9).
/// Waiting         never, but for a lock that is held for some instructions; try_acquire() takes
///                 none while it is closed.
/// Thread safety   every member may be called concurrently, except the constructor and destructor.
/// Allocation      by the constructor: 1 byte a call of the window, or 48 bytes a second.
/// Lifetime        outlives its calls.
/// Source          states, names and rules are resilience4j's CircuitBreaker. Leases are our own.
class circuit_breaker {
 public:
  /// A call that was permitted, until its end is told: once. One that is destroyed untold is
  /// dropped.
  ///
  /// Thread safety  none; different calls may be used concurrently.
  class [[nodiscard]] call {
   public:
    call(call&& other) noexcept;
    call& operator=(call&& other) noexcept;
    ~call() { drop(); }

    void succeed() noexcept { end(false); }
    void fail() noexcept { end(true); }
    /// It was not made, or its end says nothing: another may be made in its place.
    void drop() noexcept;

   private:
    friend class circuit_breaker;
    friend class pool_breaker;
    call(circuit_breaker& from, std::uint32_t epoch, std::uint32_t probe, time_point began) noexcept
        : from_{&from}, epoch_{epoch}, probe_{probe}, began_{began} {}
    void end(bool failed) noexcept;

    circuit_breaker* from_;  // null: its end was told
    std::uint32_t epoch_;
    std::uint32_t probe_;
    time_point began_;
  };

  /// \throws std::invalid_argument that names the option and its value.
  explicit circuit_breaker(breaker_options options = {});
  ~circuit_breaker();
  circuit_breaker(const circuit_breaker&) = delete;
  circuit_breaker& operator=(const circuit_breaker&) = delete;

  /// \return the call, or breaker_open.
  [[nodiscard]] std::expected<call, submit_errc> try_acquire() noexcept;

  /// Calls f if that is permitted, and tells its end: an exception that is_failure() confirms is a
  /// failure, another one a success. \return what f returns, or breaker_open. \throws what f
  /// throws.
  template <std::invocable F>
  std::expected<std::invoke_result_t<F>, submit_errc> run(F&& f);

  /// Counts calls that were not asked for, the failed ones last: where it is closed or
  /// metrics_only; else they say nothing. O(calls), but no more than the window holds.
  void record(std::uint64_t succeeded, std::uint64_t failed) noexcept;

  /// By hand, from any state. What has been counted is forgotten, but in closed -> metrics_only.
  void transition_to(breaker_state state);

  [[nodiscard]] breaker_state state() const noexcept {
    // relaxed: a hint to whoever is not told under the lock.
    return state_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] breaker_stats stats() const;
  /// When it may go to half_open; the past where it is not open.
  [[nodiscard]] time_point retry_at() const noexcept;
  [[nodiscard]] const breaker_options& options() const noexcept { return options_; }

 private:
  friend class pool_breaker;
  struct probe {
    std::uint32_t number;
    time_point until;  // its lease
  };
  struct tally;
  class locked;  // the lock, and what is to be told once it is free

  [[nodiscard]] std::expected<call, submit_errc> ask() noexcept;
  void record(const call& ended, bool failed) noexcept;
  void give_back(const call& dropped) noexcept;
  [[nodiscard]] bool confirms_failure(const std::exception_ptr& error) const;
  // Whether a call that asks now would be permitted. Old when this returns.
  [[nodiscard]] bool would_permit() const noexcept;
  // When one may be that is not now, though nothing else has happened.
  [[nodiscard]] time_point next_chance() const noexcept;

  // These expect mutex_ to be held.
  void go_to(breaker_state next, time_point now, locked& under) noexcept;
  void judge(time_point now, locked& under) noexcept;
  void judge_probes(time_point now, locked& under) noexcept;
  void end_expired_probes(time_point now) noexcept;
  [[nodiscard]] bool end_probe(std::uint32_t number) noexcept;
  [[nodiscard]] bool exceed_a_threshold(const outcome_counts& counted) const noexcept;
  [[nodiscard]] duration wait_now() const noexcept;
  [[nodiscard]] bool has_room_for_probe() const noexcept;
  [[nodiscard]] time_point first_lease_ends() const noexcept;  // no_deadline: there is none

  const breaker_options options_;
  atomic<breaker_state> state_{breaker_state::closed};
  atomic<std::uint32_t> epoch_{0};  // how often the state has changed
  atomic<std::uint64_t> not_permitted_{0};
  mutable mutex mutex_;
  // guarded by mutex_, as all below; state_ and epoch_ are written under it, too
  std::unique_ptr<tally> tally_;
  time_point open_until_{};
  std::size_t opened_in_a_row_ = 0;
  std::vector<probe> probes_;  // under way, in half_open
  std::uint32_t next_probe_ = 0;
};

// ------------------------------------------------------------------------------------------------

template <std::invocable F>
std::expected<std::invoke_result_t<F>, submit_errc> circuit_breaker::run(F&& f) {
  auto permitted = try_acquire();
  if (!permitted) return std::unexpected{permitted.error()};
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::forward<F>(f)();
      permitted->succeed();
      return {};
    } else {
      std::expected<std::invoke_result_t<F>, submit_errc> out{std::forward<F>(f)()};
      permitted->succeed();
      return out;
    }
  } catch (...) {
    confirms_failure(std::current_exception()) ? permitted->fail() : permitted->succeed();
    throw;
  }
}

}  // namespace millpool

// Layer 3 · pool: what is asked before tasks start, and told how they ended. Next stop:
// src/pool/breaker_gate.cpp, which asks; policy/pool_breaker.cpp answers.
#pragma once

#include "millpool/base/clock.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

/// What becomes of tasks that a circuit breaker does not permit just now.
enum class when_open : std::uint8_t {
  /// They wait, and submissions are accepted while there is room. A pool's: a worker that has taken
  /// one waits with it. A class's wait in the channel, in the order of a serial_key's, and those of
  /// others pass them; what expires or is stopped meanwhile ends when its turn comes, as elsewhere.
  hold,
  /// Submissions are refused as breaker_open. What was accepted before ends as discarded when its
  /// turn comes, and its result throws submit_error, breaker_open.
  reject,
  /// They run, and task_context::in_fallback() tells them to do without what fails. How they end
  /// does not count.
  fallback,
};
[[nodiscard]] std::string_view to_string(when_open then) noexcept;

/// Decides whether tasks of one pool, or of one task class, may start. policy/pool_breaker.hpp has
/// one that is a circuit_breaker.
///
/// Thread safety  every member may be called concurrently.
class task_breaker {
 public:
  task_breaker(const task_breaker&) = delete;
  task_breaker& operator=(const task_breaker&) = delete;
  virtual ~task_breaker() = default;

  /// A task that may start, and whose end is to be told by end() or drop().
  struct permit {
    std::uint32_t epoch;
    std::uint32_t probe;
    time_point began;
  };
  struct answer {
    bool may_start;
    std::optional<permit> told{};  ///< none: its end is told as if it had not been asked for
  };

  /// Once, by the pool. `changed` is called whenever what it answers may be otherwise than before.
  /// It calls back no more than asks().
  /// \param   time  the pool's clock.
  /// \throws  std::invalid_argument if it is in use, or goes by another clock.
  virtual void attach(std::function<void()> changed, const clock& time) = 0;
  /// After it returns `changed` is not called any more.
  virtual void detach() noexcept = 0;

  /// What is known of it, for people and metrics. Must not call the pool.
  struct report {
    std::string name;
    std::string_view state;  ///< one of those below
    struct entry {
      std::string_view state;  ///< lasts
      std::uint64_t times;     ///< that it has entered it since it was made
    };
    std::vector<entry> entered;  ///< every state that it knows
  };
  [[nodiscard]] virtual report look() const = 0;

  /// The same as long as it is attached.
  [[nodiscard]] virtual when_open then() const noexcept = 0;
  /// Whether a task needs an answer before it starts. While it does not, those that succeed are
  /// told in bulk, with the next that fails.
  [[nodiscard]] virtual bool asks() const noexcept = 0;
  /// Whether a task that is submitted now had better not be; or one that is held, be let go, since
  /// it would not be permitted. After ask_again_at(): no, or that is later by then.
  [[nodiscard]] virtual bool refuses() const noexcept = 0;

  [[nodiscard]] virtual answer ask() noexcept = 0;
  /// When to ask again, though nothing has changed; no_deadline: in vain.
  [[nodiscard]] virtual time_point ask_again_at() const noexcept = 0;
  /// \param  error  null: it succeeded.
  virtual void end(const permit& told, const std::exception_ptr& error) noexcept = 0;
  /// It did not run, or its end says nothing.
  virtual void drop(const permit& told) noexcept = 0;
  /// One that was not asked for has failed, after so many have succeeded.
  virtual void fail(const std::exception_ptr& error, std::uint64_t succeeded) noexcept = 0;

 protected:
  task_breaker() = default;
};

}  // namespace millpool

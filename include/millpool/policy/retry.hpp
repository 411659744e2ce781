// Layer 4 · policy: again, if it failed; later, and not without end.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/base/random.hpp"
#include "millpool/pool/task_options.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/future.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace millpool {

/// How often, and after how long.
struct retry_policy {
  enum class randomness : std::uint8_t {
    none,   ///< exactly the delay
    equal,  ///< between half the delay and all of it
    full    ///< between nothing and the delay: spreads best what has failed at the same moment
  };

  unsigned max_attempts = 3;                          ///< with the first; at least 1
  duration backoff = std::chrono::milliseconds{100};  ///< before the second attempt
  double multiplier = 2.0;  ///< how much longer before each further one; at least 1
  duration max_delay = std::chrono::seconds{30};
  randomness jitter = randomness::full;
  /// Whether it is worth another attempt; unset: whatever was thrown is.
  std::function<bool(const std::exception_ptr&)> retry_if{};

  /// \throws std::invalid_argument that names the option and its value.
  void check() const;
  /// Before the attempt that follows `attempt`, which counts from 1. \param  random  any 64 bits.
  [[nodiscard]] duration delay_after(unsigned attempt, std::uint64_t random) const noexcept;
};

/// Keeps retries to a part of the load, so that they do not add to an overload what they should
/// survive: each first attempt earns a part of a retry, and each retry costs one.
///
/// Never exceeded  retries are at most `ratio` times the first attempts, not one more (promise P7).
///                 What is earned and not spent is kept up to `most_kept`.
/// Thread safety   every member may be called concurrently.
/// Waiting         never, but for a lock that is held for a few instructions.
/// Source          Finagle's RetryBudget, without the retries that it grants to those at rest.
class retry_budget {
 public:
  /// \throws std::invalid_argument if the ratio is not between 0 and 1000.
  explicit retry_budget(double ratio = 0.1, unsigned most_kept = 100);
  retry_budget(const retry_budget&) = delete;
  retry_budget& operator=(const retry_budget&) = delete;

  /// A first attempt was made.
  void earn() noexcept;
  /// Takes a retry out. \return whether there was one.
  [[nodiscard]] bool try_spend() noexcept;
  /// Retries that could be taken now.
  [[nodiscard]] unsigned available() const noexcept;

 private:
  static constexpr std::uint64_t whole = 1'000'000;  // a retry, in millionths
  const std::uint64_t part_;
  const std::uint64_t most_;
  mutable mutex mutex_;
  std::uint64_t kept_ = 0;  // guarded by mutex_
};

/// Submits f, and submits it again when it has thrown, as the policy says. Between attempts nothing
/// but a timer waits, no worker. `task_context::attempt()` counts them.
///
/// No retry   of what was refused, cancelled or expired; beyond the deadline or after a stop
///            request that the options name; or where the budget has none left.
/// \param   f       called once at a time, for each attempt the same object.
/// \param   budget  outlives the pool; may be null.
/// \return  the future of the last attempt: what it returned, or threw.
/// \throws  std::invalid_argument, if the policy is none; what worker_pool::submit() throws.
template <submittable F>
future<task_result<F>> submit_with_retry(worker_pool& pool, retry_policy policy, F&& f,
                                         task_options options = {}, retry_budget* budget = nullptr);

// ------------------------------------------------------------------------------------------------

namespace detail {

/// Completes `to` as the other has ended.
template <class T>
void tell(completion_ref<result_state<T>> to, result<T> ended) noexcept {
  task_state state = ended.state();
  try {
    if (ended) {
      auto value = [&]() -> T { return std::move(ended).value(); };
      to->keep_result_of(value);
    } else {
      std::exception_ptr error = ended.error();
      ended = result<T>{nullptr, state};  // who reads the error destroys it
      to->fail(std::move(error));
    }
  } catch (...) {  // moving the value threw
    to->fail(std::current_exception());
    state = task_state::failed;
  }
  to.release()->complete(state);
}

template <submittable F>
class retried : public std::enable_shared_from_this<retried<F>> {
 public:
  using T = task_result<F>;

  template <class G>
  retried(worker_pool& pool, retry_policy policy, G&& f, task_options options, retry_budget* budget)
      : pool_{pool},
        policy_{std::move(policy)},
        options_{std::move(options)},
        budget_{budget},
        trace_{trace_context::copy_of_current()},
        f_(std::forward<G>(f)),
        last_{new result_state<T>{pool.clock()}} {}

  future<T> first() {
    if (budget_ != nullptr) budget_->earn();
    future<T> out{last_};
    options_.attempt = 1;
    follow(pool_.submit(options_, attempt()));
    return out;
  }

 private:
  // Shares f: attempts come one after the other.
  auto attempt() {
    return [self = this->shared_from_this()](task_context& context) {
      return call_task(self->f_, context);
    };
  }

  void follow(future<T> next) {
    // What is dropped is only the future of the continuation.
    static_cast<void>(std::move(next).then(
        [self = this->shared_from_this()](future<T> ended) mutable { self->judge(ended.take()); }));
  }

  void judge(result<T> ended) {
    if (ended.state() == task_state::failed) last_thrown_ = ended.error();
    if (!wants_another(ended) || !submit_again()) finish(std::move(ended));
  }

  [[nodiscard]] bool wants_another(const result<T>& ended) const {
    if (ended.state() != task_state::failed || options_.attempt >= policy_.max_attempts)
      return false;
    if (options_.stop_token.stop_requested()) return false;
    return !policy_.retry_if || policy_.retry_if(ended.error());
  }

  [[nodiscard]] bool submit_again() {
    const duration delay = policy_.delay_after(options_.attempt, random_bits());
    const time_point when = deadline_after(pool_.clock().now(), delay);
    if (options_.deadline && when >= *options_.deadline) return false;
    if (budget_ != nullptr && !budget_->try_spend()) return false;
    ++options_.attempt;
    const trace_scope as_the_first{trace_};
    try {
      follow(pool_.submit_at(when, attempt(), options_));
    } catch (...) {  // there is no memory, or no thread for the timer
      return false;
    }
    return true;
  }

  void finish(result<T> ended) {
    // Where another attempt was refused, what the one before threw says more.
    std::exception_ptr thrown = std::exchange(last_thrown_, nullptr);
    if (ended.state() == task_state::discarded && thrown) {
      ended = result<T>{std::move(thrown), task_state::failed};
    }
    thrown = nullptr;
    tell(std::move(last_), std::move(ended));
  }

  worker_pool& pool_;
  const retry_policy policy_;
  task_options options_;  // of the attempt that is under way
  retry_budget* const budget_;
  const std::optional<trace_context> trace_;
  F f_;
  std::exception_ptr last_thrown_{};
  completion_ref<result_state<T>> last_;  // until it is completed
};

}  // namespace detail

template <submittable F>
future<task_result<F>> submit_with_retry(worker_pool& pool, retry_policy policy, F&& f,
                                         task_options options, retry_budget* budget) {
  policy.check();
  return std::make_shared<detail::retried<std::decay_t<F>>>(
             pool, std::move(policy), std::forward<F>(f), std::move(options), budget)
      ->first();
}

}  // namespace millpool

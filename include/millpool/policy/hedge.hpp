// Layer 4 · policy: a second call, where the first one takes long.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/policy/retry.hpp"
#include "millpool/pool/task_options.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/future.hpp"
#include "millpool/sync/mutex.hpp"

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace millpool {

namespace detail {

template <class F>
concept callable_as_const = std::invocable < const std::decay_t<F>
&, task_context& > || std::invocable<const std::decay_t<F>&>;

template <class F>
using const_result =
    decltype(call_task(std::declval<const std::decay_t<F>&>(), std::declval<task_context&>()));

}  // namespace detail

/// When to call again what has not ended yet.
struct hedge_policy {
  duration after = std::chrono::milliseconds{100};  ///< above 0: about the p95 of what is called
  unsigned max_hedges = 1;  ///< besides the first call, each so long after the one before

  /// \throws std::invalid_argument that names the option and its value.
  void check() const;
};

/// Submits f, and submits it again, beside the first, where that has not ended in time. Whichever
/// succeeds first counts, and the others are told to stop. Nothing but a timer waits meanwhile.
///
/// No hedge  once a call has succeeded, or all that were begun have failed: this is no retry.
/// \param    f       is called as const, and several times at once.
/// \param    budget  each further call is taken out of it; outlives the pool; may be null.
/// \return   the future of the first success; where all have failed, the error of the last.
/// \throws   std::invalid_argument, if the policy is none; what worker_pool::submit() throws.
/// Source    J. Dean and L. A. Barroso, "The Tail at Scale" (2013).
template <class F>
requires detail::callable_as_const<F> future<detail::const_result<F>> submit_hedged(
    worker_pool& pool, const hedge_policy& policy, F&& f, task_options options = {},
    retry_budget* budget = nullptr);

// ------------------------------------------------------------------------------------------------

namespace detail {

template <class F>
class hedged : public std::enable_shared_from_this<hedged<F>> {
 public:
  using T = const_result<F>;

  template <class G>
  hedged(worker_pool& pool, const hedge_policy& policy, G&& f, task_options options,
         retry_budget* budget)
      : pool_{pool},
        policy_{policy},
        options_{std::move(options)},
        budget_{budget},
        f_(std::forward<G>(f)),
        told_{new result_state<T>{pool.clock()}},
        asked_to_stop_{std::in_place, options_.stop_token, [this] { stop_.request_stop(); }} {
    options_.stop_token = stop_.get_token();
  }

  future<T> begin() {
    if (budget_ != nullptr) budget_->earn();
    future<T> out{told_};
    auto first = pool_.submit(options_, [self = this->shared_from_this()](task_context& context) {
      return call_task(self->f_, context);
    });
    plan(0);
    static_cast<void>(std::move(first).then(
        [self = this->shared_from_this()](future<T> ended) { self->judge(ended.take()); }));
    return out;
  }

 private:
  // \param   made  how many hedges there were.
  // \return  whether there will be another.
  bool plan(unsigned made) {
    if (made == policy_.max_hedges) return false;
    try {
      static_cast<void>(pool_.submit_after(
          policy_.after,
          [self = this->shared_from_this(), made](task_context& context) {
            self->hedge(made, context);
          },
          options_));
      return true;
    } catch (const std::exception&) {  // the pool is closed, or has no room
      return false;
    }
  }

  void hedge(unsigned made, task_context& context) {
    {
      const lock_guard lock{mutex_};
      if (is_decided_ || (budget_ != nullptr && !budget_->try_spend())) return;
      ++under_way_;
    }
    plan(made + 1);
    try {
      std::optional<stored<T>> value;
      if constexpr (std::is_void_v<T>) {
        call_task(f_, context);
        value.emplace();
      } else {
        value.emplace(call_task(f_, context));
      }
      judge({std::move(value), nullptr, task_state::succeeded});
    } catch (const task_stopped& stopped) {
      judge({nullptr, stopped.state()});
    } catch (...) {
      judge({std::current_exception(), task_state::failed});
    }
  }

  // One has ended.
  void judge(result<T> ended) {
    {
      const lock_guard lock{mutex_};
      --under_way_;
      if (is_decided_ || (!ended && under_way_ > 0)) return;
      is_decided_ = true;
    }
    stop_.request_stop();
    tell(std::move(told_), std::move(ended));
  }

  worker_pool& pool_;
  const hedge_policy policy_;
  task_options options_;
  retry_budget* const budget_;
  const F f_;
  std::stop_source stop_;
  mutex mutex_;
  unsigned under_way_ = 1;                // guarded by mutex_
  bool is_decided_ = false;               // guarded by mutex_
  completion_ref<result_state<T>> told_;  // until it is decided
  std::optional<std::stop_callback<std::function<void()>>> asked_to_stop_;
};

}  // namespace detail

template <class F>
requires detail::callable_as_const<F> future<detail::const_result<F>> submit_hedged(
    worker_pool& pool, const hedge_policy& policy, F&& f, task_options options,
    retry_budget* budget) {
  policy.check();
  return std::make_shared<detail::hedged<std::decay_t<F>>>(pool, policy, std::forward<F>(f),
                                                           std::move(options), budget)
      ->begin();
}

}  // namespace millpool

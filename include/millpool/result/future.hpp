// Layer 2 · result: the reader's end of one task. Last stop of the tour.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/result/result.hpp"
#include "millpool/result/result_state.hpp"

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace millpool {

/// The result of one task, which may not be there yet. Moved, not copied; read once.
///
/// Always completes  whatever becomes of the task: run, refused, cancelled, expired, discarded or
///                   abandoned. Dropping a future is fine: the task runs all the same.
/// Waits             a worker that waits for a task of its own pool runs it itself if it has not
///                   started, else another worker takes its place meanwhile: no deadlock (P5). But
///                   where tasks wait for each other in a circle, nobody can help: then one of
///                   their waits fails, and its future stays as it was. Only one without a time
///                   limit can.
/// Destruction       the task's callable and its captures are gone before the result is seen (P2).
/// Thread safety     none: one thread at a time uses a future; the task's side needs no care.
/// Lifetime          a future may outlive its pool. It does not outlive the pool's clock.
template <class T>
class [[nodiscard]] future {
 public:
  using value_type = T;

  /// Refers to nothing: valid() is false, and only assignment is of use.
  future() noexcept = default;
  explicit future(completion_ref<result_state<T>> state) noexcept : state_{std::move(state)} {}

  /// A future of a submission that was refused: get() throws submit_error.
  [[nodiscard]] static future refused(submit_errc code);

  /// Whether there is a result to wait for: true until get(), take(), then() or co_await.
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

  /// Whether get() would not wait. REQUIRES: valid(), as do all that follow.
  [[nodiscard]] bool is_ready() const noexcept { return state().is_ready(); }

  /// Waits for the result. \throws submit_error: would_deadlock, as do get() and take().
  void wait() const {
    if (!state().wait_until(no_deadline)) [[unlikely]]
      throw submit_error{submit_errc::would_deadlock};
  }

  /// Waits for the result, for at most `d` or until `t` by the pool's clock. \return is_ready():
  /// where `t` is no_deadline, false says would_deadlock.
  bool wait_for(duration d) const { return wait_until(deadline_after(state().time().now(), d)); }
  bool wait_until(time_point t) const { return state().wait_until(t); }

  /// Waits for the result and moves it out.
  /// \throws what the task threw; task_stopped if it was cancelled, expired, discarded or
  /// abandoned;
  ///         submit_error if it was refused, or if the wait could never end.
  T get() { return take().value(); }

  /// Waits for the result and moves it out as a value that tells how the task ended. Throws nothing
  /// of the task's. A refused submission reads as discarded, with a submit_error as its error().
  /// \throws submit_error: would_deadlock.
  result<T> take() {
    wait();
    const auto state = std::move(state_);
    return state->take();
  }

  /// Has `f` called with the value when it is there, on the thread that completes the task (keep it
  /// short: calls of a chain of then() nest), or at once, here, if it is there already. An `f` that
  /// takes no T but a future<T> is given the ready future instead, however the task ended;
  /// otherwise `f` is not called unless the task succeeded, and its error or stop passes on.
  /// \return the future of what f returns; f's exception is kept in it.
  template <class F>
  auto then(F f) &&;

  /// Resumes the coroutine on the thread that completes the task; the result of co_await is
  /// get()'s.
  auto operator co_await() &&;

 private:
  template <class F>
  static constexpr bool takes_value =
      std::conditional_t<std::is_void_v<T>, std::is_invocable<F&>, std::is_invocable<F&, T>>::value;
  template <class F>
  static constexpr bool takes_future = !takes_value<F>;

  [[nodiscard]] result_state<T>& state() const {
    MILLPOOL_ASSERT(valid(), "this future was read, moved from, or never had a task");
    return *state_.get();
  }

  completion_ref<result_state<T>> state_;
};

// -------------------------------------------------------------------------------------------------

template <class T>
future<T> future<T>::refused(submit_errc code) {
  using state_type = result_state<T>;
  completion_ref<state_type> state{new state_type{steady(), nullptr, state_type::with_future}};
  state->fail(std::make_exception_ptr(submit_error{code}));
  state->complete(task_state::discarded);
  return future{std::move(state)};
}

namespace detail {

/// Calls `f` with the ready result of `from`, and completes `to` with what comes of it.
template <class T, class U, class F, bool takes_future>
class then_continuation final : public continuation {
 public:
  then_continuation(completion_ref<result_state<T>> from, completion_ref<result_state<U>> to, F f)
      : from_{std::move(from)}, to_{std::move(to)}, f_{std::move(f)} {}

  void run() noexcept override {
    auto to = std::move(to_);
    task_state ended = task_state::succeeded;
    try {
      ended = call(*to.get());
    } catch (...) {
      to->fail(std::current_exception());
      ended = task_state::failed;
    }
    delete this;  // P2: f and its captures go before the result is seen
    to.release()->complete(ended);
  }

 private:
  task_state call(result_state<U>& to) {
    if constexpr (takes_future) {
      future<T> ready{std::move(from_)};
      auto bound = [&] { return f_(std::move(ready)); };
      to.keep_result_of(bound);
    } else {
      result<T> ready = from_->take();
      if (!ready) {
        to.fail(ready.error());
        return ready.state();
      }
      auto bound = [&] {
        if constexpr (std::is_void_v<T>) {
          return f_();
        } else {
          return f_(std::move(ready).value());
        }
      };
      to.keep_result_of(bound);
    }
    return task_state::succeeded;
  }

  completion_ref<result_state<T>> from_;
  completion_ref<result_state<U>> to_;
  F f_;
};

template <class T, class F, bool takes_future>
struct then_result {
  using type = std::invoke_result_t<F&, T>;
};
template <class F>
struct then_result<void, F, false> {
  using type = std::invoke_result_t<F&>;
};
template <class T, class F>
struct then_result<T, F, true> {
  using type = std::invoke_result_t<F&, future<T>>;
};

/// Lies in the frame of the coroutine that awaits.
template <class T>
class future_awaiter final : public continuation {
 public:
  explicit future_awaiter(completion_ref<result_state<T>> state) : state_{std::move(state)} {}

  [[nodiscard]] bool await_ready() const noexcept { return state_->is_ready(); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    awaiting_ = awaiting;
    return state_->attach(this);
  }
  T await_resume() { return state_->take().value(); }

  void run() noexcept override { awaiting_.resume(); }

 private:
  completion_ref<result_state<T>> state_;
  std::coroutine_handle<> awaiting_;
};

}  // namespace detail

template <class T>
template <class F>
auto future<T>::then(F f) && {
  using U = typename detail::then_result<T, F, takes_future<F>>::type;
  auto from = std::move(state_);
  MILLPOOL_ASSERT(from, "then() on a future without a task");
  completion_ref<result_state<U>> to{new result_state<U>{from->time(), from->owner()}};
  auto next =
      std::make_unique<detail::then_continuation<T, U, F, takes_future<F>>>(from, to, std::move(f));
  if (from->attach(next.get())) {
    (void)next.release();  // it deletes itself when it has run
  } else {
    next.release()->run();
  }
  return future<U>{std::move(to)};
}

template <class T>
auto future<T>::operator co_await() && {
  MILLPOOL_ASSERT(valid(), "co_await on a future without a task");
  return detail::future_awaiter<T>{std::move(state_)};
}

}  // namespace millpool

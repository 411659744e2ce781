// Layer 3 · pool: two calls at once, and back when both are done.
#pragma once

#include "millpool/pool/worker_pool.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <bit>
#include <cstdint>
#include <exception>
#include <functional>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace millpool {
namespace detail {

/// The half that others may take, on the stack of the task that forked it.
template <class F>
class forked_half final : public completion {
 public:
  explicit forked_half(F& f) noexcept : f_{f} {}

  void fail(std::exception_ptr error) noexcept override { error_ = std::move(error); }
  // The last thing that the thief does with it: then it may be gone.
  void complete(task_state state) noexcept override {
    state_ = state;
    static_cast<void>(published_.publish());
  }

  /// Waits until who took it has done with it, come what may: it uses this stack.
  void wait() noexcept {
    published_.wait(owner(), steady(), no_deadline, task_wait::yields::never);
  }
  /// The same. \throws what it threw; task_stopped if it was not run.
  void await() {
    wait();
    if (state_ == task_state::succeeded) return;
    if (error_) std::rethrow_exception(error_);
    throw task_stopped{state_};
  }

  void run() {
    const trace_scope as_in_the_other_half{trace_};
    std::invoke(f_);
  }

  static forked_half* at(std::uint64_t a) noexcept { return std::bit_cast<forked_half*>(a); }

 private:
  void destroy() noexcept override {}  // it lies on a stack

  F& f_;
  const trace_context* const trace_{trace_context::current()};
  std::exception_ptr error_;
  task_state state_{};
};

template <class F>
inline constexpr task_kind half_of_a_join{
    [](std::uint64_t a, std::uint64_t, task_context&) { forked_half<F>::at(a)->run(); },
    [](std::uint64_t, std::uint64_t) noexcept {},
    [](std::uint64_t a, std::uint64_t) noexcept -> completion* { return forked_half<F>::at(a); },
    false,
    true,
    &typeid(F)};

// Apart, for the size of join()'s frame, of which there are as many as it recurses deep.
template <class A, class B>
[[gnu::noinline]] void join_without_fork(worker_pool& pool, A& a, B& b);

}  // namespace detail

/// Calls a() and b(), and returns when both have returned. In a task of `pool`, b is left where an
/// idle worker can take it while this thread calls a; if none has, this thread calls b itself: that
/// is two calls and a few instructions, no allocation. Where workers keep nothing (a capacity below
/// 64, a full_policy that refuses or discards), or no more, this thread calls both in turn. Outside
/// the pool's tasks, a task does all that, and this thread waits for it.
///
///   join(pool, [&] { sort(low); }, [&] { sort(high); });
///
/// Errors  where a throws, b is awaited if another worker has taken it, and else not called; then
///         the exception of a is thrown on. Else that of b; or task_stopped, if the cancel step or
///         a purge() took b away. Outside the pool's tasks submit_error, if the pool refused the
///         task.
/// Counts  b is one of the pool's tasks only if another worker took it.
template <std::invocable A, std::invocable B>
void join(worker_pool& pool, A&& a, B&& b) {
  using half_type = std::remove_reference_t<B>;
  detail::forked_half<half_type> half{b};
  own_tasks* const by = pool.fork(detail::half_of_a_join<half_type>, half);
  if (by == nullptr) return detail::join_without_fork(pool, a, b);
  // Not through `pool` again after a(), which may destroy it.
  try {
    std::invoke(a);
  } catch (...) {
    if (!by->take_back(half)) half.wait();
    throw;
  }
  if (by->take_back(half)) [[likely]] {
    std::invoke(b);
  } else {
    half.await();
  }
}

template <class A, class B>
void detail::join_without_fork(worker_pool& pool, A& a, B& b) {
  if (!pool.is_own_thread()) return pool.submit([&] { join(pool, a, b); }).get();
  std::invoke(a);
  std::invoke(b);
}

}  // namespace millpool

// Layer 3 · pool: a task on its way from submit to its result. Next stop: channel/task_channel.hpp.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/unique_closure.hpp"
#include "millpool/channel/priority_lanes.hpp"
#include "millpool/pool/task_options.hpp"
#include "millpool/result/completion.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace millpool {

/// What can be submitted: called once, as f(task_context&) if it can be, else as f().
template <class F>
concept submittable = std::move_constructible<std::decay_t<F>> &&
    (std::invocable<std::decay_t<F>&, task_context&> || std::invocable<std::decay_t<F>&>);

namespace detail {

template <class F>
decltype(auto) call_task(F& f, task_context& context) {
  if constexpr (std::invocable<F&, task_context&>) {
    return f(context);
  } else {
    return f();
  }
}

}  // namespace detail

/// What a task gives to its future.
template <submittable F>
using task_result =
    decltype(detail::call_task(std::declval<std::decay_t<F>&>(), std::declval<task_context&>()));

/// A task between its acceptance and its end: what to call, where to report, and until when.
///
/// State                                           where it lies
///   waiting --begin--> running --end--> ended     waiting: in the channel
///                                                 running: on a worker's stack
///   waiting ----------------end--> ended          cancelled, expired or discarded before its start
/// Invariants
///   I1  it ends exactly once (promise P1); whoever took it out of the channel sees to that.
///   I2  body is destroyed before completion is told (promise P2).
struct queued_task {
  unique_closure<void(task_context&)> body{};
  completion_ref<millpool::completion> completion{};  ///< null for post()
  std::stop_token stop_token{};
  class_record* of_class = nullptr;
  time_point submitted{};
  /// Not started by then: expired. A running task is told to stop.
  time_point deadline = no_deadline;
  time_point start_by = no_deadline;  ///< not started by then: expired
  duration timeout = duration::max();
  unsigned attempt = 1;
  unsigned lane = default_priority;
  std::optional<std::uint64_t> serial_key{};  ///< held from where it is taken to its end
  std::optional<std::uint64_t> fair_key{};

  [[nodiscard]] placement where() const noexcept { return {lane, serial_key, fair_key}; }

  /// The tag by which a waiter finds its own tasks in the channel.
  [[nodiscard]] const void* owner() const noexcept {
    return completion ? completion->owner() : nullptr;
  }
};

namespace detail {

/// A body that only runs: what f returns is dropped.
template <submittable F>
auto plain_body(F&& f) {
  return [f = std::forward<F>(f)](task_context& context) mutable {
    static_cast<void>(call_task(f, context));
  };
}

/// A body that keeps what f returns in `slot`.
template <submittable F, class T>
auto keeping_body(F&& f, completion_ref<result_slot<T>> slot) {
  return [f = std::forward<F>(f), slot = std::move(slot)](task_context& context) mutable {
    auto bound = [&]() -> decltype(auto) { return call_task(f, context); };
    slot->keep_result_of(bound);
  };
}

}  // namespace detail

/// A task that purge() took out of its pool. Its pool has counted it as discarded; what becomes of
/// its future is now up to the holder: run it, or destroy it, and the future ends as discarded.
class purged_task {
 public:
  explicit purged_task(queued_task&& task) noexcept : task_{std::move(task)} {}
  purged_task(purged_task&&) noexcept = default;
  purged_task& operator=(purged_task&&) = delete;
  ~purged_task();

  [[nodiscard]] unsigned priority() const noexcept { return task_.lane; }

  /// Runs the task here. REQUIRES: it has not run. Its deadline no longer counts.
  /// \throws what the task throws, if it was posted; a submitted one keeps it in its future.
  void operator()();

 private:
  queued_task task_;
};

}  // namespace millpool

// Layer 2 · result: several tasks as one.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"

#include <cstdint>
#include <exception>
#include <expected>
#include <memory>
#include <stop_token>
#include <utility>

namespace millpool {

/// The plain core of task_group: how many tasks are inside, and the first error.
///
/// State (bits of inside_)   set by                    cleared by
///   awaited                 wait(): it will sleep     the leave() that makes the count 0; or
///                                                     wait(), where it is given up before that
///   helping                 with it, by a worker      with it
///   renewing                renew(), at count 0       renew()
/// The other bits count the tasks inside: from enter() before the submission to leave() after the
/// task's end, or its refusal.
/// Bits of bell_: `ended`, `fresh` and `given_up` are rung, `asleep` says that the waiter is on its
/// way to sleep on the word. The waiter alone clears them.
/// Invariants
///   I1  awaited => the count is not 0. So it is ended exactly once, by the leave() that rings
///       `ended`; and wait() returns only after that ring. A leave() that makes the count 0 and
///       finds no `awaited` touches the group no more: it may be gone. After the ring neither does
///       the other: the wake that follows passes an address only.
///   I2  a worker sleeps in wait() only after it has looked for the group's tasks with `helping`
///       set. Who submits a task looks for `helping` afterwards, and rings `fresh`. Of the two, one
///       sees the other: light_barrier() here, heavy_barrier() there.
///   I3  token_ and stop_ change only while nothing is inside and whoever enters waits: renewing.
/// References  a task inside holds none that is counted: it keeps the count of inside_ above 0, and
///             so the task_group in wait(). A refused task gives one back all the same, and an
///             abandoned one, which may run on when all is gone, when it ends. So the count of
///             references begins with a surplus: from there refused() makes good the former, and
///             the latter keeps the one that it was abandoned with.
/// Edges
///   E1  leave's RMW --> the later RMWs of inside_ --> the load or the ring that tells the waiter
///       of 0: it sees what the tasks did.
///   E2  renew's end --> enter(): the task sees the new token.
/// Thread safety  every member may be called concurrently, except wait() and let_go(): by one
///                thread at a time, and let_go() last.
/// Checked by the tsan preset; tests/model/task_group_model.cpp walks the interleavings.
class group_state final : public completion {
 public:
  explicit group_state(bool cancel_on_error);

  /// A task is about to be submitted. One of the next two follows, once it is known what came of
  /// that; at its end an accepted one calls complete().
  void enter() noexcept {
    // acquire: E2.
    const std::uint32_t before = inside_.fetch_add(one, std::memory_order_acquire);
    if ((before & renewing) != 0) wait_for_renewal();
  }
  /// It was accepted: a worker in wait() may run it.
  void submitted() noexcept {
    light_barrier();
    // relaxed: I2 asks for the order of this load and of the task, which the barrier gives.
    if ((inside_.load(std::memory_order_relaxed) & helping) != 0) ring(fresh);
  }
  /// It was not, and has given its reference back. fail() before it, if that is an error.
  void refused() noexcept;

  void fail(std::exception_ptr error) noexcept override;
  void complete(task_state state) noexcept override;

  /// Waits until nothing is inside; a worker runs the group's waiting tasks meanwhile.
  /// \param  how  whether the wait may be given up.
  /// \return the first error since the last wait, or null. Or, where it was given up, since it
  ///         could never have ended, submit_error: would_deadlock; the tasks are still inside.
  std::exception_ptr wait(task_wait::yields how) noexcept;

  void cancel() noexcept;
  [[nodiscard]] std::stop_token stop_token() const;

  struct let_go {
    void operator()(group_state* group) const noexcept { group->give_up_surplus(); }
  };
  /// Its end is the group's: REQUIRES: nothing is inside.
  using ptr = std::unique_ptr<group_state, let_go>;

 private:
  enum inside_bits : std::uint32_t { awaited = 1, helping = 2, renewing = 4, one = 8 };
  enum bell_bits : std::uint32_t { ended = 1, fresh = 2, asleep = 4, given_up = 8 };
  class patient_wait;

  // More than there are threads that have just been refused.
  static constexpr std::uint32_t surplus = 1U << 20;

  void leave() noexcept;
  void ring(std::uint32_t what) noexcept;
  [[nodiscard]] bool await(bool helps) noexcept;
  [[nodiscard]] std::uint32_t wait_for_ring(task_wait::yields how) noexcept;
  [[nodiscard]] bool stop_awaiting() noexcept;
  void renew() noexcept;
  void wait_for_renewal() noexcept;
  void give_up_surplus() noexcept;

  const bool cancel_on_error_;
  alignas(cache_line_size) atomic<std::uint32_t> inside_{0};
  alignas(cache_line_size) atomic<std::uint32_t> bell_{0};
  mutable mutex mutex_;
  std::stop_source stop_;           // guarded by mutex_
  std::stop_token token_;           // that of stop_: I3
  std::exception_ptr first_error_;  // guarded by mutex_
};

struct group_options {
  bool cancel_on_error = false;  ///< the first error requests stop for all tasks of the group
};

/// Tasks that are waited for together: none outlives the group, but one that shutdown abandoned.
///
///   task_group group{pool};
///   group.run(left);
///   group.run(right);
///   group.wait();
///
/// Errors         wait() rethrows the first; the others are dropped. A refused submission is one,
///                as a submit_error: a wait() that returns means that all has run. A stopped task
///                is none.
/// Waits          a worker in wait() runs the group's own tasks that have not started, newest
///                first, and then lets another worker take its place: no deadlock (promise P5).
///                But a task of the group that waits for the one in wait() waits in a circle: then
///                one of the waits fails, that of a future rather than that of a group. The
///                destructor's never does: a task that waits for its own group's end is held there.
/// Thread safety  run(), cancel() and stop_token() may be called concurrently, also by the group's
///                own tasks; wait() by one thread at a time.
/// Allocation     one for the group; none a task, for small closures.
template <class Pool>
class task_group {
 public:
  /// \param  pool  outlives the group.
  explicit task_group(Pool& pool, group_options options = {})
      : pool_{pool}, state_{new group_state{options.cancel_on_error}} {}

  /// Like std::jthread's: requests stop, and waits. Errors that nobody waited for are dropped.
  ~task_group() {
    state_->cancel();
    (void)state_->wait(task_wait::yields::never);
  }
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Submits `f`, to be called as f() or f(task_context&), under the pool's own full_policy.
  /// \return why it was refused. Ignore it where wait() follows: that throws it.
  template <class F>
  std::expected<void, submit_errc> run(F&& f) {
    return run(typename Pool::options_type{}, std::forward<F>(f));
  }
  /// \param  options  its stop_token is replaced by the group's.
  template <class F>
  std::expected<void, submit_errc> run(typename Pool::options_type options, F&& f) {
    options.stop_token = {};  // the task has its target's
    struct leave_again {      // on refusal and on an exception alike
      group_state* state;
      ~leave_again() {
        if (state != nullptr) state->refused();
      }
    } unless_accepted{state_.get()};
    state_->enter();
    // The group's own reference stands for the task's: see group_state.
    auto accepted =
        pool_.launch(completion_ref<completion>{state_.get()}, options, std::forward<F>(f));
    if (accepted) {
      unless_accepted.state = nullptr;
      state_->submitted();
    } else {
      state_->fail(std::make_exception_ptr(submit_error{accepted.error()}));
    }
    return accepted;
  }

  /// Waits until all tasks of the group have ended. The group may then be used again.
  /// \throws the first error of a task; or submit_error: would_deadlock, if they could never end.
  void wait() {
    const std::exception_ptr error = state_->wait(task_wait::yields::at_need);
    if (error) std::rethrow_exception(error);
  }

  /// Requests stop: tasks that have not started end as cancelled, the others may ask their context.
  void cancel() noexcept { state_->cancel(); }
  [[nodiscard]] std::stop_token stop_token() const { return state_->stop_token(); }

 private:
  Pool& pool_;
  const group_state::ptr state_;
};

}  // namespace millpool

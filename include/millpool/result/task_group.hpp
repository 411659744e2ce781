// Layer 2 · result: several tasks as one.
#pragma once

#include "millpool/base/errors.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <stop_token>
#include <utility>

namespace millpool {

/// The plain core of task_group: how many tasks are inside, and the first error.
class group_state final : public completion {
 public:
  explicit group_state(bool cancel_on_error);

  void enter();               // a task is about to be submitted
  void submitted() noexcept;  // it was accepted: helpers may find it
  void leave() noexcept;
  void refused(submit_errc why) noexcept;  // it was not: that is an error of the group
  void fail(std::exception_ptr error) noexcept override;
  void complete(task_state state) noexcept override;  // it ended

  /// Waits until nothing is inside; a worker runs the group's waiting tasks meanwhile.
  /// \return the first error since the last wait, or null.
  std::exception_ptr wait() noexcept;

  void cancel() noexcept;
  [[nodiscard]] std::stop_token stop_token() const;

 private:
  const bool cancel_on_error_;
  mutable mutex mutex_;
  condition_variable changed_;
  std::stop_source stop_;  // guarded by mutex_, as is all that follows
  std::stop_token token_;  // that of stop_; both are new after a wait() if stop was requested
  std::size_t inside_ = 0;
  std::uint64_t submitted_ = 0;  // tasks ever
  std::size_t helpers_ = 0;      // workers in wait(): they want to know of new tasks
  std::exception_ptr first_error_;
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
    (void)state_->wait();
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
        if (state != nullptr) state->leave();
      }
    } unless_accepted{state_.get()};
    state_->enter();
    auto accepted = pool_.launch(completion_ref<completion>{state_}, options, std::forward<F>(f));
    if (accepted) {
      unless_accepted.state = nullptr;
      state_->submitted();
    } else {
      state_->refused(accepted.error());
    }
    return accepted;
  }

  /// Waits until all tasks of the group have ended. The group may then be used again.
  /// \throws the first error of a task.
  void wait() {
    if (const std::exception_ptr error = state_->wait()) std::rethrow_exception(error);
  }

  /// Requests stop: tasks that have not started end as cancelled, the others may ask their context.
  void cancel() noexcept { state_->cancel(); }
  [[nodiscard]] std::stop_token stop_token() const { return state_->stop_token(); }

 private:
  Pool& pool_;
  completion_ref<group_state> state_;
};

}  // namespace millpool

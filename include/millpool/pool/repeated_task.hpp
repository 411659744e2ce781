// Layer 3 · pool: what is done again and again.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/pool/task.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace millpool {

class pool_core;

namespace detail {

/// What is submitted each time, as the pool's timers see it.
struct repeated_task {
  virtual ~repeated_task() = default;
  /// The task for one more time; none while the last one is not over. \throws std::bad_alloc.
  [[nodiscard]] virtual queued_task make() = 0;

  bool is_over = false;  // guarded by the timers' lock
};

template <submittable F>
class repeated final : public repeated_task, public std::enable_shared_from_this<repeated<F>> {
 public:
  template <class G>
  repeated(G&& f, std::function<task_extras_ptr()> extras)
      : f_(std::forward<G>(f)), extras_{std::move(extras)} {}

  queued_task make() override {
    // acquire: what its last run has written is seen by the next one.
    if (under_way_.exchange(true, std::memory_order_acquire)) return {};
    one_run next{this->shared_from_this()};
    return make_task(std::move(next), extras_());
  }

 private:
  // Destroyed however the task ends.
  struct one_run {
    explicit one_run(std::shared_ptr<repeated> task) noexcept : of{std::move(task)} {}
    one_run(one_run&&) noexcept = default;
    one_run& operator=(one_run&&) = delete;
    ~one_run() {
      // release: as above.
      if (of) of->under_way_.store(false, std::memory_order_release);
    }
    void operator()(task_context& context) { static_cast<void>(call_task(of->f_, context)); }
    std::shared_ptr<repeated> of;
  };

  F f_;
  std::function<task_extras_ptr()> extras_;  // of a task that is submitted now
  atomic<bool> under_way_{false};
};

}  // namespace detail

/// Something that a pool does again and again: until cancel(), until this is destroyed, or until
/// the pool is closed. See worker_pool::every().
///
/// Thread safety  none.
/// Lifetime       may outlive the pool.
class [[nodiscard]] repetition {
 public:
  repetition() noexcept = default;
  repetition(repetition&&) noexcept = default;
  repetition& operator=(repetition&& other) noexcept {
    cancel();
    core_ = std::move(other.core_);
    task_ = std::move(other.task_);
    return *this;
  }
  ~repetition() { cancel(); }

  /// It is not submitted again after this returns. What was submitted before may still run; its
  /// closure is destroyed after that.
  void cancel() noexcept;

 private:
  friend class worker_pool;
  std::weak_ptr<pool_core> core_;
  std::shared_ptr<detail::repeated_task> task_;
};

}  // namespace millpool

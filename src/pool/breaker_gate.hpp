// Layer 3 · pool: where a task's breaker is asked before it starts, and told how it ended.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/task_breaker.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/timers.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>

namespace millpool {

class pool_core;
struct class_record;

/// A breaker, of the pool or of a class.
struct breaker_record {
  std::shared_ptr<task_breaker> breaker{};  // null: none
  class_record* of_class = nullptr;         // null: the pool's
  /// A class's, when it may be time to let go what is held.
  alarm look_again{};
  /// Its tasks wait in the channel, and none is taken. Guarded by breaker_gate's mutex_.
  bool is_holding = false;
  mutex counted_mutex{};
  /// How many of its tasks had succeeded when it was last told, or began to count anew. Guarded by
  /// counted_mutex.
  std::uint64_t counted = 0;
};

/// The breakers of a pool. A task whose class has one is judged by that, the others by the pool's.
///
/// Held           a pool's tasks by the workers that have taken them; a class's by their key, in
///                the channel, where they are put back. An alarm lets them go, when the breaker has
///                changed, or it is time to ask again.
/// The short way  pool_conditions::asks_breaker is not set, and the task has no class: it starts
///                unasked, and if it fails, leave() counts those that have succeeded until then.
///                Without a breaker nothing is asked: `judged` is not set.
/// Locks          a breaker calls changed() under a lock of its own, and so changed() and what it
///                calls call no breaker but by asks().
/// Thread safety  every member may be called concurrently, but attach() and detach().
class breaker_gate {
 public:
  explicit breaker_gate(pool_core& core) noexcept : core_{core} {}
  breaker_gate(const breaker_gate&) = delete;
  breaker_gate& operator=(const breaker_gate&) = delete;

  /// \param   of_class  null: the pool's own. Its `breaker` is set, and stays.
  /// \throws  std::invalid_argument if the breaker is in use.
  void attach(std::shared_ptr<task_breaker> breaker, class_record* of_class);
  void detach(class_record* of_class) noexcept;

  /// What a task has been told, from its start to its end.
  struct pass {
    breaker_record* by = nullptr;  ///< who is told of its end; null: nobody
    std::optional<task_breaker::permit> permit{};
    bool is_refused = false;
    bool is_held = false;  ///< it is to be put back
    bool in_fallback = false;
  };

  /// Before a task starts. Where the pool's tasks are held, waits until this one may start, but no
  /// longer than `until`, nor once its stop was requested, or let_all_go() was called: nobody is
  /// then told of its end. Nor if it `is_nested` in another one, which would wait with it. A
  /// class's is held without a wait.
  [[nodiscard]] pass enter(class_record* of_class, bool is_nested, time_point until,
                           const std::stop_token& stop);
  /// It ended, or did not start.
  void leave(const pass& given, task_state state, const std::exception_ptr& error) noexcept {
    if (given.by != nullptr) tell(given, state, error);
  }
  /// The same for one without a class that started unasked, and failed.
  void count_failure(const std::exception_ptr& error) noexcept {
    leave({.by = record_of(nullptr)}, task_state::failed, error);
  }

  /// Whether a task that is submitted now is to be refused as breaker_open.
  [[nodiscard]] bool refuses(class_record* of_class) noexcept;

  /// The pool comes to its end: nobody is held any more. let_go() for each class follows.
  void let_all_go() noexcept;
  void let_go(breaker_record& of_class) noexcept;
  /// A pause is over, in which who is held does not go on.
  void resumed() noexcept { wake(); }

 private:
  [[nodiscard]] breaker_record* record_of(class_record* of_class) noexcept;
  [[nodiscard]] std::uint64_t succeeded_of(const breaker_record& record);
  void add_alarm(breaker_record& record);
  void changed(breaker_record& record) noexcept;
  void tell(const pass& given, task_state state, const std::exception_ptr& error) noexcept;
  [[nodiscard]] bool hold(std::uint64_t changes, time_point again, time_point until,
                          const std::stop_token& stop);
  [[nodiscard]] bool hold_class(breaker_record& record, std::uint64_t changes);
  [[nodiscard]] time_point look_again(breaker_record& record) noexcept;
  void wake() noexcept;

  pool_core& core_;
  breaker_record of_pool_;
  mutex mutex_;
  condition_variable happened_;
  atomic<std::uint64_t> changes_{0};  // written under mutex_
  bool all_may_go_ = false;           // guarded by mutex_
};

}  // namespace millpool
